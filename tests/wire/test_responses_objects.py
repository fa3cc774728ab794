from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response

from dsl.timeline import Cut, End, Fail, Finish, Raw, Text
from mockllm.transports.frames import Body
from tests.wire.answering import GOLDEN, timeline
from tests.wire.normalise import normalise
from tests.wire.responding import FUNCTION, asked, body, call, response, said

END = End(2.0)
HELLO = timeline(
    *said(Text, "Hello! How can I help you today?", at=1.0), ending=END, usage={"input": 12, "output": 9}
)
WEATHER = timeline(
    *call("get_weather", '{"city":"Paris"}', at=1.0),
    ending=END,
    usage={"input": 60, "output": 18},
    meta={"billing": None},
)


def test_a_text_is_the_golden_one() -> None:
    data = body(HELLO)
    assert normalise(data) == normalise((GOLDEN / "responses_text.json").read_bytes())
    Response.model_validate_json(data, strict=True)


def test_a_call_is_the_golden_one() -> None:
    data = body(WEATHER, tools=[FUNCTION])
    assert normalise(data) == normalise((GOLDEN / "responses_function_call.json").read_bytes())
    Response.model_validate_json(data, strict=True)


def test_bodies_are_ascii() -> None:
    assert b'"text": "\\u00e9 \\ud83d\\ude00"' in body(timeline(Text(0.0, "é 😀")))


ECHOED: dict[str, Any] = {
    "instructions": "Be brief.",
    "max_output_tokens": 99,
    "max_tool_calls": 3,
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "prompt_cache_retention": "in_memory",
    "safety_identifier": "s",
    "store": False,
    "temperature": 0.5,
    "tool_choice": "none",
    "top_logprobs": 3,
    "top_p": 0.5,
    "truncation": "auto",
    "user": "u",
    "service_tier": "flex",
}


@pytest.mark.parametrize("name", ECHOED)
def test_a_parameter_is_echoed(name: str) -> None:
    assert response(HELLO, **{name: ECHOED[name]})[name] == ECHOED[name]


@pytest.mark.parametrize("name", ["metadata", "store", "temperature", "truncation", "top_logprobs"])
def test_null_is_the_default(name: str) -> None:
    assert response(HELLO, **{name: None})[name] == response(HELLO)[name] is not None


def test_what_is_nested_is_completed_with_defaults() -> None:
    found = response(
        HELLO,
        reasoning={"effort": "low", "generate_summary": "auto"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": None},
        tools=[{"type": "custom", "name": "c"}, {"type": "web_search"}],
        temperature=1,
    )
    assert found["reasoning"] == {
        "context": "current_turn",
        "effort": "low",
        "mode": "standard",
        "summary": None,
    }
    described: Any = {"type": "json_schema", "description": None, "name": "n", "schema": {}, "strict": False}
    assert found["text"] == {"format": described, "verbosity": "medium"}
    custom = {"type": "custom", "description": None, "format": {"type": "text"}, "name": "c"}
    assert found["tools"] == [custom, {"type": "web_search"}]


def test_models_that_do_not_reason_have_other_defaults() -> None:
    found = response(HELLO, model="gpt-4o")
    assert (found["reasoning"]["effort"], found["top_p"]) == (None, 1.0)


def test_meta_replaces_keys_and_adds_others() -> None:
    meta = {"id": "resp_mine", "model": "mine", "output": [], "error_event": "flat", "extra": {"a": 1}}
    found = response(timeline(*HELLO.events, meta=meta))
    assert (found["id"], found["model"], found["extra"]) == ("resp_mine", "mine", {"a": 1})
    assert len(found["output"]) == 1 and "error_event" not in found


def test_usage_is_counted_where_the_script_is_silent() -> None:
    usage = response(timeline(Text(0.0, "Hello there")))["usage"]
    assert (usage["output_tokens"], usage["total_tokens"]) == (2, usage["input_tokens"] + 2)


def test_an_incomplete_response_says_why() -> None:
    found = response(timeline(Text(0.0, "He"), Finish(0.0, "length")))
    assert (found["status"], found["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert (found["output"][0]["status"], found["completed_at"]) == ("incomplete", None)


def test_a_clean_cut_leaves_the_response_in_progress() -> None:
    found = response(timeline(Text(0.0, "He"), ending=Cut(0.0, clean=True)))
    assert (found["status"], found["usage"], found["output"][0]["status"]) == ("in_progress", None, "in_progress")


def test_a_response_in_the_background_is_queued_at_once() -> None:
    answered = asked(HELLO, background=True)
    assert isinstance(answered, Body) and answered.ending == End(0.0)
    found = json.loads(answered.data)
    assert (found["status"], found["output"], found["usage"], found["background"]) == ("queued", [], None, True)


@pytest.mark.parametrize("events", [(), (Text(0.0, "Hel"),)])
def test_a_failure_is_a_status(events: tuple[Text, ...]) -> None:
    answered = asked(timeline(*events, ending=Fail(0.0, 400, code="context_length_exceeded")))
    assert isinstance(answered, Body) and answered.status == 400
    assert json.loads(answered.data)["error"]["param"] == "input"


def test_raw_bytes_are_the_body() -> None:
    assert body(timeline(Raw(0.0, b"no"), Raw(0.0, b"thing"))) == b"nothing"
