from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from openai.types.model import Model

from dsl.timeline import (
    Arguments,
    ByteLimit,
    ByteRate,
    Call,
    Close,
    Comment,
    Cut,
    End,
    Ending,
    Fail,
    Finish,
    Hang,
    Raw,
    Refuse,
    Reset,
    Text,
    Think,
    Timeline,
    TokenLogprob,
)
from mockllm.apis.models import model_list
from mockllm.apis.serialise import pretty
from tests.wire.answering import GOLDEN, body, choices, texts, timeline
from tests.wire.normalise import normalise

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("get_weather", "other")]
PARIS = (Call(0.0, 0, "get_weather"), Arguments(0.0, 0, '{"city"'), Arguments(0.0, 0, ':"Paris"}'))

GOLDENS: dict[str, Timeline] = {
    "chat_text": timeline(*texts("Hello! How can", " I help you today?"), usage={"input": 9, "output": 9}),
    "chat_tool_calls": timeline(*PARIS, usage={"input": 53, "output": 15}),
    "chat_refusal": timeline(
        Refuse(0.0, "I'm sorry,"), Refuse(0.0, " I can't help with that."), usage={"input": 12, "output": 9}
    ),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_a_body_is_the_golden_one(name: str) -> None:
    data = body(GOLDENS[name]).data
    assert normalise(data) == normalise((GOLDEN / f"{name}.json").read_bytes())
    ChatCompletion.model_validate_json(data, strict=True)


def test_text_is_raw_utf8_and_a_lone_surrogate_does_no_harm() -> None:
    assert '"content": "año 🌍 ?"' in body(timeline(*texts("año 🌍 \ud800"))).data.decode()


def test_text_and_a_call_stand_side_by_side() -> None:
    (choice,) = choices(timeline(*texts("Let me look."), *PARIS))
    assert choice["message"]["content"] == "Let me look."
    assert [call["function"]["arguments"] for call in choice["message"]["tool_calls"]] == ['{"city":"Paris"}']
    assert choice["finish_reason"] == "tool_calls"


def test_the_scripts_call_id_stays() -> None:
    (choice,) = choices(timeline(Call(0.0, 0, "f", id="mine"), Arguments(0.0, 0, "{}")))
    assert choice["message"]["tool_calls"][0]["id"] == "mine"


def test_a_custom_tools_call_holds_text() -> None:
    tools = [{"type": "custom", "custom": {"name": "shell"}}]
    (choice,) = choices(timeline(Call(0.0, 0, "shell", "call_1"), Arguments(0.0, 0, "ls")), tools=tools)
    assert choice["message"]["tool_calls"] == [
        {"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    ]


def test_a_deprecated_function_is_called_in_its_own_form() -> None:
    (choice,) = choices(timeline(*PARIS), functions=[{"name": "get_weather"}])
    assert choice["message"]["function_call"] == {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("auto", "tool_calls"),
        ({"type": "function", "function": {"name": "get_weather"}}, "stop"),
    ],
)
def test_a_call_forced_by_name_ends_with_stop(choice: Any, reason: str) -> None:
    (answered,) = choices(timeline(*PARIS), tools=TOOLS, tool_choice=choice)
    assert answered["finish_reason"] == reason


def test_the_scripts_finish_reason_wins() -> None:
    (choice,) = choices(timeline(*PARIS, Finish(0.0, "length")))
    assert choice["finish_reason"] == "length"


def test_reasoning_follows_content_in_a_message() -> None:
    (choice,) = choices(timeline(Think(0.0, "Hm,"), Think(0.0, " yes."), *texts("Yes.")))
    assert list(choice["message"]) == ["role", "content", "reasoning_content", "refusal", "annotations"]
    assert choice["message"]["reasoning_content"] == "Hm, yes."


def test_logprobs_of_all_pieces_are_joined() -> None:
    yes, dot = (TokenLogprob(token, -0.1, ((token, -0.1), ("é", -3.0))) for token in ("Yes", "."))
    (choice,) = choices(timeline(Text(0.0, "Yes", (yes,)), Text(0.0, ".", (dot,))))
    assert [each["token"] for each in choice["logprobs"]["content"]] == ["Yes", "."]
    assert choice["logprobs"]["content"][0]["top_logprobs"][1]["bytes"] == [195, 169]
    assert choice["logprobs"]["refusal"] is None


def test_one_answer_serves_all_n_choices() -> None:
    data = body(timeline(*texts("Red.")), n=3).data
    assert [choice["index"] for choice in json.loads(data)["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in json.loads(data)["choices"]} == {"Red."}
    assert json.loads(data)["usage"]["completion_tokens"] == 6


def test_choices_of_the_script_go_by_their_own_index() -> None:
    found = choices(timeline(*texts("Blue", choice=1), *texts("Red")), n=2)
    assert [(each["index"], each["message"]["content"]) for each in found] == [(0, "Red"), (1, "Blue")]


def test_silence_is_an_empty_text() -> None:
    (choice,) = choices(timeline())
    assert choice["message"]["content"] == ""
    assert choice["finish_reason"] == "stop"


def test_a_clean_cut_leaves_the_choice_unfinished() -> None:
    answered = body(timeline(*texts("Hi"), ending=Cut(1.0, clean=True)))
    assert json.loads(answered.data)["choices"][0]["finish_reason"] is None
    assert answered.ending == End(1.0)


@pytest.mark.parametrize("ending", [End(1.0), Cut(1.0), Reset(1.0), Hang(1.0)])
def test_a_transports_ending_goes_through(ending: Ending) -> None:
    assert body(timeline(*texts("Hi"), ending=ending)).ending == ending


def test_a_close_is_an_end_where_there_is_no_socket() -> None:
    assert body(timeline(ending=Close(1.0))).ending == End(1.0)


def test_tokens_are_counted_where_the_script_gives_none() -> None:
    said = timeline(Think(0.0, "One two"), *texts("Three four five"), *PARIS, usage={"cached": 4})
    usage = json.loads(body(said).data)["usage"]
    assert usage["prompt_tokens"] == 3 + 3 + 1
    assert usage["completion_tokens"] > usage["completion_tokens_details"]["reasoning_tokens"] + 3
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 2
    assert usage["prompt_tokens_details"]["cached_tokens"] == 4
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_usage_of_the_script_wins_key_by_key() -> None:
    usage = json.loads(body(timeline(*texts("Hi"), usage={"output": 40, "reasoning": 30})).data)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (7, 40, 47)
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 30


@pytest.mark.parametrize("model", ["gpt-5-mini", "o3", "o4-mini-2025-04-16"])
def test_reasoning_models_have_no_fingerprint_and_no_logprobs_key(model: str) -> None:
    value = json.loads(body(timeline(*texts("Hi")), model=model).data)
    assert value["system_fingerprint"] is None
    assert "logprobs" not in value["choices"][0]
    ChatCompletion.model_validate(value)


def test_meta_replaces_keys_in_place_and_adds_others_at_the_end() -> None:
    meta = {"id": "x", "created": 1, "model": "m", "service_tier": "flex", "system_fingerprint": "fp", "mine": []}
    value = json.loads(body(timeline(*texts("Hi"), meta=meta)).data)
    assert {key: value[key] for key in meta} == meta
    assert (list(value).index("id"), list(value)[-1]) == (0, "mine")


def test_raw_bytes_are_the_whole_body() -> None:
    assert body(timeline(Raw(0.0, b"{bro"), *texts("Hi"), Raw(0.0, b"ken"))).data == b"{broken"


def test_a_comment_has_no_place_in_json() -> None:
    assert body(timeline(Comment(0.0, "ping"), *texts("Hi"))).data == body(timeline(*texts("Hi"))).data


def test_the_last_byte_rate_and_limit_hold_for_the_body() -> None:
    limit = ByteLimit(0.0, 10, Reset(0.0))
    answered = body(timeline(ByteRate(0.0, 5.0), *texts("Hi"), limit, ByteRate(0.0, 7.0)))
    assert (answered.rate, answered.limit) == (7.0, limit)


def test_headers_are_those_of_the_api() -> None:
    headers = dict(body(timeline(*texts("Hi"), ending=End(1.25))).headers)
    assert headers["content-type"] == "application/json"
    assert headers["openai-processing-ms"] == "1250"
    assert headers["openai-version"] == "2020-10-01"
    assert normalise(f'"{headers["x-request-id"]}"'.encode()) == b'"req_#1"'
    assert headers["x-ratelimit-limit-requests"].isdigit()


def test_a_scripts_header_replaces_and_repeats() -> None:
    script = (("Content-Type", "text/plain"), ("set-cookie", "a=1"), ("Set-Cookie", "b=2"))
    headers = body(timeline(*texts("Hi"), headers=script)).headers
    assert [value for name, value in headers if name.lower() == "content-type"] == ["text/plain"]
    assert [value for name, value in headers if name.lower() == "set-cookie"] == ["a=1", "b=2"]


def test_the_scripts_status_is_the_status() -> None:
    assert body(timeline(*texts("Hi"), status=202)).status == 202


def test_a_fail_after_output_is_an_error_where_nothing_has_gone_out() -> None:
    answered = body(timeline(*texts("Hi"), ending=Fail(2.0, 503)))
    assert (answered.status, answered.ending) == (503, End(2.0))
    assert json.loads(answered.data)["error"]["code"] == "server_is_overloaded"


def test_one_seed_gives_one_answer() -> None:
    assert body(timeline(*PARIS)) == body(timeline(*PARIS))


def test_the_models_are_listed() -> None:
    value = model_list(["gpt-4o", "o3"], 1795366800)
    assert [Model.model_validate(each, strict=True).id for each in value["data"]] == ["gpt-4o", "o3"]
    assert value["object"] == "list"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_bodies_are_indented_as_the_standard_library_does_it(value: Any) -> None:
    assert pretty(value) == json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace")
