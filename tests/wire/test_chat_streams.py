from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

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
from mockllm.apis.answer import Answer
from mockllm.apis.chat_stream import Framing
from mockllm.apis.chat_stream import parts as chunk_parts
from mockllm.transports.frames import Body, Frame, Stream
from tests.wire.answering import GOLDEN, PLAIN, STREAM, asked, choices, parts, request, streamed, texts, timeline
from tests.wire.normalise import normalise, payloads


def call(index: int, name: str, *fragments: str) -> tuple[Event, ...]:
    return (Call(0.0, index, name), *(Arguments(0.0, index, fragment) for fragment in fragments))


def weighed(text: str, logprob: float) -> Text:
    return Text(0.0, text, (TokenLogprob(text, logprob, ((text, logprob),)),))


def taking_turns(*voices: tuple[str, ...]) -> Iterator[Text]:
    for pieces in zip(*voices, strict=True):
        for index, piece in enumerate(pieces):
            yield Text(0.0, piece, choice=index)


HELLO = texts("Hello", "!", " How", " can", " I", " help", " you", " today", "?")

GOLDENS: dict[str, tuple[Timeline, dict[str, Any]]] = {
    "chat_text_stream": (timeline(*HELLO, usage={"input": 9, "output": 9}), STREAM),
    "chat_text_stream_plain": (timeline(*HELLO), PLAIN),
    "chat_length_stream": (
        timeline(*HELLO[:3], Finish(0.0, "length"), usage={"input": 9, "output": 3}),
        STREAM,
    ),
    "chat_logprobs_stream": (
        timeline(weighed("Yes", -0.01), weighed(".", -0.11), usage={"input": 10, "output": 2}),
        STREAM,
    ),
    "chat_n2_stream": (
        timeline(*taking_turns(("Red", "."), ("Blue", ".")), usage={"input": 11, "output": 4}),
        STREAM | {"n": 2},
    ),
    "chat_refusal_stream": (
        timeline(
            *(Refuse(0.0, piece) for piece in ("I'm", " sorry", ", I can't", " help with that", ".")),
            usage={"input": 12, "output": 9},
        ),
        STREAM,
    ),
    "chat_tool_call_stream": (
        timeline(*call(0, "get_weather", '{"', "city", '":"', "Paris", '"}'), usage={"input": 53, "output": 15}),
        STREAM,
    ),
    "chat_parallel_tool_calls_stream": (
        timeline(
            *call(0, "get_weather", '{"ci', 'ty": ', '"Par', 'is"}'),
            *call(1, "get_weather", '{"ci', 'ty": ', '"Bog', 'otá"}'),
            usage={"input": 61, "output": 48},
        ),
        STREAM,
    ),
    "chat_truncated_no_done": (timeline(*HELLO[:3], ending=Cut(0.0, clean=True)), STREAM),
    "chat_midstream_error": (timeline(*HELLO[:2], ending=Fail(0.0)), STREAM),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_a_stream_is_the_golden_one(name: str) -> None:
    performed, parameters = GOLDENS[name]
    data = streamed(performed, **parameters)
    assert normalise(data) == normalise((GOLDEN / f"{name}.sse").read_bytes())
    validate(data)


def chunks(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(each) for each in payloads(data) if each != b"[DONE]" and b'{"error"' not in each]


def validate(data: bytes) -> None:
    for chunk in chunks(data):
        ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)


def deltas(performed: Timeline, **parameters: Any) -> list[Any]:
    data = streamed(performed, **parameters)
    validate(data)
    return [each["choices"][0]["delta"] for each in chunks(data)]


ROLE = {"role": "assistant", "content": "", "refusal": None}
BARE_ROLE = {"role": "assistant", "content": None}


def test_text_then_a_call_opens_with_text() -> None:
    said = deltas(timeline(*texts("Let me look."), *call(0, "f", "{}")))
    assert said[:2] == [ROLE, {"content": "Let me look."}]
    assert said[2]["tool_calls"][0]["function"] == {"name": "f", "arguments": ""}
    assert said[3:] == [{"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, {}]


def test_reasoning_comes_after_the_role() -> None:
    said = deltas(timeline(Think(0.0, "Hm."), *texts("Yes.")))
    assert said == [ROLE, {"reasoning_content": "Hm."}, {"content": "Yes."}, {}]


def test_reasoning_before_a_call_leaves_the_content_null() -> None:
    said = deltas(timeline(Think(0.0, "Hm."), *call(0, "f")))
    assert said[:2] == [BARE_ROLE, {"reasoning_content": "Hm."}]
    assert said[2]["tool_calls"][0]["id"].startswith("call_")


def test_a_deprecated_function_streams_in_its_own_form() -> None:
    data = streamed(timeline(*call(0, "f", "{", "}")), functions=[{"name": "f"}])
    validate(data)
    first, *rest = [each["choices"][0] for each in chunks(data)]
    assert first["delta"]["function_call"] == {"name": "f", "arguments": ""}
    assert [each["delta"] for each in rest] == [
        {"function_call": {"arguments": "{"}},
        {"function_call": {"arguments": "}"}},
        {},
    ]
    assert rest[-1]["finish_reason"] == "function_call"


def test_a_custom_tools_input_streams_as_text() -> None:
    tools = [{"type": "custom", "custom": {"name": "shell"}}]
    data = streamed(timeline(*call(0, "shell", "ls")), tools=tools)
    opened, said, _ = [each["choices"][0]["delta"] for each in chunks(data)]
    assert opened["tool_calls"][0]["custom"] == {"name": "shell", "input": ""}
    assert said["tool_calls"] == [{"index": 0, "custom": {"input": "ls"}}]


def test_one_answer_streams_as_all_n_choices_by_turns() -> None:
    data = streamed(timeline(*texts("Red", ".")), n=2, **STREAM)
    *said, usage = chunks(data)
    assert [each["choices"][0]["index"] for each in said] == [0, 1] * 4
    assert usage["usage"]["completion_tokens"] == 4


def test_repeated_calls_have_ids_of_their_own() -> None:
    data = streamed(timeline(*call(0, "f", "{}")), n=2)
    first, second = (each["choices"][0]["delta"]["tool_calls"][0]["id"] for each in chunks(data)[:2])
    assert first != second


def test_a_choice_opens_at_the_time_of_its_first_event() -> None:
    late = timeline(Text(1.0, "a"), Text(3.0, "b", choice=1), ending=End(4.0))
    assert [part.at for part in parts(late)] == [1.0, 1.0, 3.0, 3.0, 4.0, 4.0, 4.0, 4.0]


def test_finish_is_sent_where_the_script_says_it_and_once() -> None:
    said = parts(timeline(Text(1.0, "a"), Finish(2.0, "content_filter"), ending=End(5.0)))
    finishes = [part for part in said if isinstance(part, Frame) and b'"finish_reason":"' in part.data]
    assert [part.at for part in finishes] == [2.0]
    assert b'"finish_reason":"content_filter"' in finishes[0].data


def test_silence_is_a_role_and_a_finish() -> None:
    data = streamed(timeline())
    assert [each["choices"][0]["finish_reason"] for each in chunks(data)] == [None, "stop"]
    assert payloads(data)[-1] == b"[DONE]"


def test_without_include_usage_no_chunk_has_the_key() -> None:
    assert all("usage" not in each for each in chunks(streamed(timeline(*HELLO))))


@given(st.text(), st.text(max_size=20))
def test_obfuscation_brings_every_chunk_to_one_modulo_sixteen(text: str, model: str) -> None:
    for payload in payloads(streamed(timeline(*texts(text)), model=model or "m", **STREAM))[:-1]:
        assert len(payload) % 16 == 1
        assert len(json.loads(payload)["obfuscation"]) < 16


def test_meta_holds_on_every_chunk() -> None:
    said = chunks(streamed(timeline(*HELLO, meta={"id": "x", "mine": {"a": [1]}}), **STREAM))
    assert {each["id"] for each in said} == {"x"}
    assert all(list(each)[-2:] == ["mine", "obfuscation"] for each in said)


def test_reasoning_models_stream_no_logprobs_key() -> None:
    data = streamed(timeline(*HELLO), model="gpt-5")
    validate(data)
    assert b"logprobs" not in data
    assert b'"system_fingerprint":null' in data


def test_raw_bytes_stand_where_the_script_puts_them() -> None:
    said = parts(timeline(Text(0.0, "a"), Raw(1.0, b"data: {oops\n"), Text(2.0, "b")))
    assert said[2] == Frame(1.0, b"data: {oops\n")


def test_a_stream_of_raw_bytes_alone_is_nothing_else() -> None:
    rate, limit = ByteRate(0.5, 10.0), ByteLimit(0.5, 3, Reset(0.0))
    raw = timeline(Raw(0.0, b"a"), rate, limit, Comment(0.7, "hm"), Raw(1.0, b"b"), ending=End(2.0))
    assert parts(raw) == [Frame(0.0, b"a"), rate, limit, Frame(0.7, b": hm\n\n"), Frame(1.0, b"b"), End(2.0)]


def test_a_fail_after_raw_bytes_is_an_error_event() -> None:
    *_, error, end = parts(timeline(Raw(0.0, b"a"), ending=Fail(1.0, 429)))
    assert isinstance(error, Frame)
    assert json.loads(*payloads(error.data))["error"]["code"] == "rate_limit_exceeded"
    assert end == End(1.0)


def test_a_comment_is_one_comment_line_for_each_of_its_lines() -> None:
    assert Frame(1.0, b": one\n: two\n\n") in parts(timeline(Text(0.0, "a"), Comment(1.0, "one\ntwo")))


def test_byte_rates_and_limits_pass_to_the_transport() -> None:
    rate, limit = ByteRate(0.0, 10.0), ByteLimit(0.0, 5, Cut(0.0))
    assert [part for part in parts(timeline(rate, *HELLO, limit)) if not isinstance(part, Frame)] == [
        rate,
        limit,
        End(0.0),
    ]


@pytest.mark.parametrize("ending", [Cut(1.0), Reset(1.0), Hang(1.0, 5.0)])
def test_a_fault_ends_the_stream_without_a_word(ending: Ending) -> None:
    *said, last = parts(timeline(*texts("a"), ending=ending))
    assert (len(said), last) == (2, ending)


def test_a_close_is_an_end_where_there_is_no_socket() -> None:
    *_, done, last = parts(timeline(*texts("a"), ending=Close(1.0)))
    assert (done, last) == (Frame(1.0, b"data: [DONE]\n\n"), End(1.0))


def test_a_fail_before_output_is_an_error_body() -> None:
    answered = asked(timeline(ending=Fail(2.0, 429, retry_after=1.0), headers=(("x-mine", "1"),)), stream=True)
    assert isinstance(answered, Body)
    assert (answered.status, answered.ending) == (429, End(2.0))
    headers = dict(answered.headers)
    assert headers["content-type"] == "application/json"
    assert (headers["retry-after"], headers["x-mine"]) == ("1", "1")
    assert "x-ratelimit-limit-requests" in headers


def test_headers_of_a_stream() -> None:
    answered = asked(timeline(Text(0.25, "a"), ending=End(9.0), status=206), stream=True)
    assert isinstance(answered, Stream)
    headers = dict(answered.headers)
    assert answered.status == 206
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["openai-processing-ms"] == "250"


def test_nothing_is_encoded_before_it_is_due() -> None:
    answered = asked(timeline(*texts("a"), Text(1.0, "b"), ending=End(2.0)), stream=True)
    assert isinstance(answered, Stream)
    assert iter(answered.parts) is answered.parts
    assert b'"role"' in getattr(next(answered.parts), "data", b"")


def test_another_framing_leaves_the_chunks_as_they_are() -> None:
    answer = Answer(request(stream=True), timeline(*HELLO), Random(7), 1795366800)
    bare = [part.data for part in chunk_parts(answer, Framing()) if isinstance(part, Frame)]
    again = Answer(request(stream=True), timeline(*HELLO), Random(7), 1795366800)
    framed = b"".join(part.data for part in chunk_parts(again) if isinstance(part, Frame))
    assert bare == payloads(framed)


def said_by(event: type[Text] | type[Think] | type[Refuse]) -> st.SearchStrategy[Event]:
    return st.builds(lambda text, choice: event(0.0, text, choice=choice), st.text(), st.integers(0, 2))


@given(st.lists(said_by(Text) | said_by(Think) | said_by(Refuse)), st.integers(1, 3))
def test_a_stream_adds_up_to_the_body(events: list[Event], n: int) -> None:
    performed = timeline(*events)
    joined: dict[tuple[int, str], str] = {}
    for chunk in chunks(streamed(performed, n=n)):
        (choice,) = chunk["choices"]
        for key, piece in choice["delta"].items():
            if key != "role" and piece:
                joined[choice["index"], key] = joined.get((choice["index"], key), "") + piece
    whole = {
        (choice["index"], key): choice["message"][key]
        for choice in choices(performed, n=n)
        for key in ("content", "reasoning_content", "refusal")
        if choice["message"].get(key)
    }
    assert joined == whole
