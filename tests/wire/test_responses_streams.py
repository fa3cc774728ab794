from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl import compile_text
from dsl.request import Headers
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
    Event,
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
from mockllm.apis.responses_stream import Wire
from mockllm.apis.responses_stream import parts as event_parts
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.responses_api import Responses
from mockllm.settings import Settings
from mockllm.transports.frames import Body, Frame, Stream
from tests.wire.answering import GOLDEN, timeline
from tests.wire.normalise import CREATED, normalise
from tests.wire.responding import (
    FUNCTION,
    LOGPROBS,
    MODEL,
    SUMMARY,
    asked,
    call,
    events,
    output,
    parts,
    response,
    said,
    streamed,
    types,
)

PIECES = ("Hello", "!", " How", " can", " I", " help", " you", " today", "?")
HELLO = said(Text, *PIECES, at=1.0)
WEATHER = {"tools": [FUNCTION]}
END = End(2.0)


def failing(form: str | None, *events: Event) -> Timeline:
    return timeline(*events, ending=Fail(2.0), meta={} if form is None else {"error_event": form})


GOLDENS: dict[str, tuple[Timeline, dict[str, Any]]] = {
    "responses_text_stream": (timeline(*HELLO, ending=END, usage={"input": 12, "output": 9}), {}),
    "responses_refusal_stream": (
        timeline(
            *said(Refuse, "I'm sorry", ", I can't", " help with that.", at=1.0),
            ending=END,
            usage={"input": 11, "output": 9},
        ),
        {},
    ),
    "responses_function_call_stream": (
        timeline(
            *call("get_weather", '{"', "city", '":"', "Paris", '"}', at=1.0),
            ending=END,
            usage={"input": 60, "output": 18},
        ),
        WEATHER,
    ),
    "responses_incomplete_stream": (
        timeline(*HELLO[:4], Finish(2.0, "length"), ending=END, usage={"input": 12, "output": 16}),
        {"max_output_tokens": 16},
    ),
    "responses_reasoning_text_stream": (
        timeline(
            *said(Think, "**Greeting**", "\n\n", "The user said hi.", at=1.0),
            *said(Think, "**Plan**", "\n\n", "Answer briefly.", at=1.0),
            *said(Text, *PIECES, at=2.0),
            ending=END,
            usage={"input": 14, "output": 42, "reasoning": 32},
        ),
        SUMMARY,
    ),
    "responses_multi_item_stream": (
        timeline(
            Think(1.0, ""),
            *said(Text, "I'll check.", " One moment.", at=2.0),
            *call("get_weather", '{"city":', '"Paris"}', at=3.0),
            ending=END,
            usage={"input": 60, "output": 40, "reasoning": 12},
        ),
        WEATHER,
    ),
    "responses_failed_stream": (failing("failed"), {}),
    "responses_error_event_nested": (failing(None, *HELLO[:2]), {}),
    "responses_error_event_flat": (failing("flat", *HELLO[:2]), {}),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_a_stream_is_the_golden_one(name: str) -> None:
    performed, parameters = GOLDENS[name]
    data = streamed(performed, **parameters)
    assert normalise(data) == normalise((GOLDEN / f"{name}.sse").read_bytes())
    events(data)


SCRIPTS = {
    "responses_text_stream": """
        wait 1s
        chunk "Hello" chunk "!" chunk " How" chunk " can" chunk " I" chunk " help" chunk " you"
        chunk " today" chunk "?"
        wait 1s
        usage { input: 12, output: 9 }
    """,
    "responses_function_call_stream": """
        wait 1s
        call get_weather { city: "Paris" } in 5 chunks
        wait 1s
        usage { input: 60, output: 18 }
    """,
    "responses_refusal_stream": """
        wait 1s
        refuse "I'm sorry, I can't help with that." in 3 chunks
        wait 1s
        usage { input: 11, output: 9 }
    """,
    "responses_incomplete_stream": """
        wait 1s
        chunk "Hello" chunk "!" chunk " How" chunk " can"
        finish length
        usage { input: 12, output: 16 }
    """,
    "responses_failed_stream": 'meta { error_event: "failed" } fail',
    "responses_error_event_nested": 'wait 1s chunk "Hello" chunk "!" fail',
    "responses_error_event_flat": 'meta { error_event: "flat" } wait 1s chunk "Hello" chunk "!" fail',
}
# The goldens are cut as a model cuts, into pieces that no number of equal parts makes.
CUT_OTHERWISE = {"responses_function_call_stream", "responses_refusal_stream"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_makes_the_golden_stream(name: str) -> None:
    chosen = Settings(seed=1, now=datetime.fromtimestamp(CREATED, UTC))
    mock = Mock("", compile_text(f"otherwise {{ {SCRIPTS[name]} }}"), chosen, Journal(1))
    asked = {"model": MODEL, "input": "Hi", "stream": True, **GOLDENS[name][1]}
    api = Responses(mock.archive.shelf("k"), 0.0)
    answered, _ = mock.answer(api, "POST", "/v1/responses", {}, Headers(), json.dumps(asked).encode())
    assert isinstance(answered, Stream)
    data = b"".join(part.data for part in answered.parts if isinstance(part, Frame))
    golden = (GOLDEN / f"{name}.sse").read_bytes()
    if name in CUT_OTHERWISE:
        data, golden = (
            re.sub(rb"(?:event: \S+\.delta\n.*\n\n)+|,\"sequence_number\":\d+", b"", each)
            for each in (data, golden)
        )
    assert normalise(data) == normalise(golden)


# -- items -------------------------------------------------------------------------------------------------


def test_items_follow_each_other_and_keep_their_identifiers() -> None:
    performed = timeline(*said(Text, "a"), *call("f", "{}"), *call("g", "{}", index=1), *said(Text, "b"))
    found = events(streamed(performed))
    added = [each["item"]["id"] for each in found if each["type"] == "response.output_item.added"]
    done = [each["item"] for each in found if each["type"] == "response.output_item.done"]
    assert added == [each["id"] for each in done] and len(set(added)) == 4
    assert found[-1]["response"]["output"] == done
    assert [each["type"] for each in done] == ["message", "function_call", "function_call", "message"]
    deltas = [each for each in found if each["type"].endswith(".delta")]
    assert [added[each["output_index"]] for each in deltas] == [each["item_id"] for each in deltas]


def test_text_amid_the_arguments_of_a_call_is_an_item_beside_it() -> None:
    performed = timeline(
        Call(0.0, 0, "f"), Arguments(0.0, 0, "{"), Text(0.0, "x"), Arguments(0.0, 0, "}"), Text(0.0, "y")
    )
    items = events(streamed(performed))[-1]["response"]["output"]
    assert items[0]["arguments"] == "{}"
    assert items[1]["content"][0]["text"] == "xy"


def test_text_and_refusal_are_parts_of_one_message() -> None:
    (item,) = events(streamed(timeline(Text(0.0, "Well"), Refuse(0.0, "No."))))[-1]["response"]["output"]
    assert [part["type"] for part in item["content"]] == ["output_text", "refusal"]


def test_a_custom_tool_is_called_with_text() -> None:
    performed = timeline(*call("shell", "l", "s"))
    found = events(streamed(performed, tools=[{"type": "custom", "name": "shell"}]))
    assert [each["type"] for each in found[3:6]] == [
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
    ]
    (item,) = found[-1]["response"]["output"]
    assert (item["type"], item["input"], item["name"]) == ("custom_tool_call", "ls", "shell")
    assert item["id"].startswith("ctc_")


def test_thoughts_without_a_summary_are_reasoning_text() -> None:
    found = events(streamed(timeline(*said(Think, "Hm", "."), Text(0.0, "Yes."))))
    assert [each["type"] for each in found[2:8]] == [
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_text.delta",
        "response.reasoning_text.delta",
        "response.reasoning_text.done",
        "response.content_part.done",
    ]
    item = found[-1]["response"]["output"][0]
    assert (item["content"], item["summary"]) == ([{"type": "reasoning_text", "text": "Hm."}], [])


def test_bold_words_in_a_line_begin_no_part_of_a_summary() -> None:
    performed = timeline(*said(Think, "It", " is ", "**very**", " big"))
    (item,) = response(performed, **SUMMARY)["output"]
    assert [part["text"] for part in item["summary"]] == ["It is **very** big"]


def test_a_heading_may_come_in_several_pieces() -> None:
    performed = timeline(*said(Think, "**", "One", "**", "\n\n", "a", "\n\n", "**", "Two", "**", "\n", "b"))
    (item,) = response(performed, **SUMMARY)["output"]
    assert [part["text"] for part in item["summary"]] == ["**One**\n\na\n\n", "**Two**\nb"]


def test_encrypted_reasoning_is_there_if_it_is_included() -> None:
    performed = timeline(Think(0.0, "Hm"))
    (item,) = response(performed, include=["reasoning.encrypted_content"])["output"]
    assert list(item) == ["id", "type", "content", "encrypted_content", "summary"]


def test_log_probabilities_come_if_they_are_included() -> None:
    performed = timeline(Text(0.0, "Hi", (TokenLogprob("Hi", -0.5, (("Ho", -1.0),)),)))
    weighed = {
        "token": "Hi",
        "logprob": -0.5,
        "bytes": [72, 105],
        "top_logprobs": [{"token": "Ho", "logprob": -1.0, "bytes": [72, 111]}],
    }
    found = events(streamed(performed, **LOGPROBS))
    assert found[4]["logprobs"] == found[5]["logprobs"] == [weighed]
    assert found[-1]["response"]["output"][0]["content"][0]["logprobs"] == [weighed]
    assert events(streamed(performed))[4]["logprobs"] == []


def test_only_the_first_choice_is_heard() -> None:
    performed = timeline(Text(0.0, "a"), Text(0.0, "b", choice=1), Finish(0.0, "length", choice=1))
    found = response(performed)
    assert (found["output"][0]["content"][0]["text"], found["status"]) == ("a", "completed")


# -- obfuscation -------------------------------------------------------------------------------------------


@given(st.text(max_size=40))
def test_obfuscation_fills_a_delta_up_to_sixteen_characters(text: str) -> None:
    delta = events(streamed(timeline(Text(0.0, text))))[4]
    assert (len(delta["delta"]) + len(delta["obfuscation"])) % 16 == 0


@pytest.mark.parametrize("parameters", [{"stream_options": {"include_obfuscation": False}}, {"background": True}])
def test_obfuscation_can_be_absent(parameters: dict[str, Any]) -> None:
    assert b"obfuscation" not in streamed(timeline(*HELLO), **parameters)


# -- time and endings --------------------------------------------------------------------------------------


def test_the_stream_opens_at_once_and_goes_on_as_planned() -> None:
    made = parts(timeline(Text(0.5, "a"), Text(0.7, "b"), ending=End(0.9)))
    times = [part.at for part in made]
    assert times == [0.0, 0.0, 0.5, 0.5, 0.5, 0.7, 0.9, 0.9, 0.9, 0.9, 0.9]


def test_a_background_stream_is_queued_first() -> None:
    assert types(timeline(), background=True) == ["created", "queued", "in_progress", "completed"]


@pytest.mark.parametrize("ending", [Cut(1.0, clean=True), Cut(1.0), Reset(1.0), Hang(1.0)])
def test_a_stream_that_breaks_off_ends_with_a_delta(ending: Ending) -> None:
    performed = timeline(*HELLO[:2], ending=ending)
    assert types(performed)[-1] == "output_text.delta"
    closing = parts(performed)[-1]
    assert closing == (End(1.0) if isinstance(ending, Cut) and ending.clean else ending)


@pytest.mark.parametrize("ending", [Reset(1.0), Hang(1.0)])
def test_trouble_before_a_word_comes_before_the_stream(ending: Ending) -> None:
    assert parts(timeline(ending=ending)) == [ending]


def test_a_filtered_answer_is_incomplete() -> None:
    found = events(streamed(timeline(*HELLO[:1], Finish(0.0, "content_filter"))))
    assert found[-1]["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert found[-2]["item"]["status"] == "incomplete"


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
def test_other_reasons_complete_the_response(reason: str) -> None:
    assert types(timeline(*HELLO[:1], Finish(0.0, reason)))[-1] == "completed"


def test_a_close_on_sse_is_an_end() -> None:
    assert types(timeline(*HELLO[:1], ending=Close(0.0)))[-1] == "completed"


def test_a_failed_response_has_what_was_finished() -> None:
    performed = failing("failed", *call("f", "{}"), Text(0.0, "Now"))
    last = events(streamed(performed))[-1]["response"]
    assert [item["type"] for item in last["output"]] == ["function_call"]
    assert (last["status"], last["usage"], last["completed_at"]) == ("failed", None, None)


def test_a_scripts_own_error_is_told() -> None:
    performed = timeline(*HELLO[:1], ending=Fail(0.0, 429, "Slow down.", "slow_down"))
    assert events(streamed(performed))[-1]["error"] == {
        "type": "requests",
        "code": "slow_down",
        "message": "Slow down.",
        "param": None,
    }


def test_a_failure_before_output_is_a_status() -> None:
    answered = asked(timeline(ending=Fail(0.5, 429, retry_after=1.0)), stream=True)
    assert isinstance(answered, Body) and answered.status == 429
    assert dict(answered.headers)["retry-after"] == "1"


def test_raw_bytes_comments_and_brakes_pass() -> None:
    limit, rate = ByteLimit(0.0, 5, Cut(0.0)), ByteRate(0.0, 9.0)
    made = parts(timeline(limit, rate, Comment(0.0, "hm"), Text(0.0, "a"), Raw(0.0, b"raw")))
    assert limit in made and rate in made
    assert Frame(0.0, b": hm\n\n") in made and Frame(0.0, b"raw") in made


def test_a_script_may_write_the_whole_body_itself() -> None:
    assert streamed(timeline(Raw(0.0, b"data: nothing\n\n"))) == b"data: nothing\n\n"


def test_on_a_socket_events_are_bare_and_name_their_lane() -> None:
    performed = timeline(Think(0.0, "Hm"), Text(0.0, "a"))
    made = event_parts(output(performed, **SUMMARY), Wire(sse=False, lane="p-1"))
    found = [json.loads(part.data) for part in made if isinstance(part, Frame)]
    assert [event["stream_id"] for event in found] == ["p-1"] * 15
    assert all(list(event)[1:] == sorted(event.keys() - {"type"}) for event in found)


# -- whatever a script says --------------------------------------------------------------------------------

_TEXTS = st.text(max_size=6)
_INDICES = st.integers(0, 2)
_SAID: st.SearchStrategy[Event] = st.one_of(
    st.builds(Text, st.just(0.0), _TEXTS),
    st.builds(Think, st.just(0.0), _TEXTS),
    st.builds(Refuse, st.just(0.0), _TEXTS),
    st.builds(Call, st.just(0.0), _INDICES, _TEXTS),
    st.builds(Arguments, st.just(0.0), _INDICES, _TEXTS),
    st.builds(Finish, st.just(0.0), st.sampled_from(["stop", "length"])),
)


@given(st.lists(_SAID, max_size=12), st.booleans())
def test_every_stream_is_one_that_the_sdk_knows(said: list[Event], summary: bool) -> None:
    performed = timeline(*said)
    parameters = SUMMARY if summary else {}
    found = events(streamed(performed, **parameters))
    items = found[-1]["response"]["output"]
    done = {each["output_index"]: each["item"] for each in found if each["type"].endswith("item.done")}
    assert [done[index] for index in range(len(items))] == items
    assert response(performed, **parameters)["output"] == items
    assert isinstance(asked(performed, stream=True), Stream)
