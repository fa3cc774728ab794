"""An answer that is the same every time is encoded from what was kept of it: nobody can tell by its bytes."""

from __future__ import annotations

import io
import json
from itertools import groupby
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl.timeline import Arguments, Call, Comment, End, Finish, Raw, Refuse, Text, Think, Timeline
from mockllm.apis import responses, responses_request
from mockllm.apis.answer import Answer
from mockllm.apis.chat import reply
from mockllm.apis.chat_stream import Framing, parts
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_stream import Wire
from mockllm.apis.responses_stream import parts as response_parts
from mockllm.transports.frames import Body, Frame, Messages, Stream
from mockllm.transports.websocket_frames import TEXT, Reader, head
from tests.wire.answering import request

TOOLS = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "g"}}]
FORCED = {"type": "function", "function": {"name": "f"}}

_TIMES = st.sampled_from((0.0, 0.0, 0.5))
_EVENTS = st.one_of(
    st.builds(Text, _TIMES, st.text()),
    st.builds(Think, _TIMES, st.text()),
    st.builds(Refuse, _TIMES, st.text()),
    st.builds(Call, _TIMES, st.integers(0, 2), st.sampled_from("fg"), st.sampled_from((None, "own"))),
    st.builds(Arguments, _TIMES, st.integers(0, 2), st.text()),
    st.builds(Comment, _TIMES, st.text(max_size=5)),
    st.builds(Raw, _TIMES, st.binary(max_size=5)),
    st.builds(Finish, _TIMES, st.just("length")),
)
_ASKED = st.fixed_dictionaries(
    {"model": st.sampled_from(("m", "gpt-4o-mini", "gpt-5"))},
    optional={
        "stream": st.just(True),
        "n": st.integers(1, 2),
        "tools": st.just(TOOLS),
        "stream_options": st.sampled_from(({"include_usage": True}, {"include_obfuscation": False})),
    },
)


def _timeline(events: list[Any], **more: Any) -> Timeline:
    return Timeline(tuple(sorted(events, key=lambda event: event.at)), End(1.0), **more)


def _bytes(answer: Answer) -> list[tuple[float, bytes]]:
    """What leaves at each instant."""
    answered = reply(answer)
    if isinstance(answered, Body):
        return [(answered.ending.at, answered.data)]
    frames = [part for part in answered.parts if isinstance(part, Frame)]
    return [(at, b"".join(each.data for each in due)) for at, due in groupby(frames, lambda frame: frame.at)]


def _counted(answer: Answer) -> int:
    answered = reply(answer)
    return (
        sum(part.count for part in answered.parts if isinstance(part, Frame))
        if isinstance(answered, Stream)
        else 0
    )


@given(st.lists(_EVENTS, max_size=6), st.lists(_ASKED, min_size=1, max_size=4), st.integers(0, 9))
def test_what_was_kept_has_the_same_bytes(events: list[Any], asked: list[dict[str, Any]], seed: int) -> None:
    kept = _timeline(events)
    kept.remember()
    for parameters in asked:
        if "stream_options" in parameters and "stream" not in parameters:
            continue
        anew = Answer(request(**parameters), _timeline(events), Random(seed), 1795366800)
        expected = _bytes(anew), _counted(anew)
        for _ in range(3):  # one request, that is known from the second time on
            again = Answer(request(**parameters), kept, Random(seed), 1795366800)
            assert (_bytes(again), _counted(again)) == expected


@pytest.mark.parametrize(
    "parameters",
    [{}, {"tools": TOOLS}, {"tools": TOOLS, "tool_choice": FORCED}, {"functions": [{"name": "f"}]}],
)
def test_what_is_kept_depends_on_what_the_client_offers(parameters: dict[str, Any]) -> None:
    events = [Call(0.0, 0, "f"), Arguments(0.0, 0, "{}")]
    kept = _timeline(events)
    kept.remember()
    for stream in ({}, {"stream": True}):
        _bytes(Answer(request(**stream), kept, Random(1), 0))
        anew = Answer(request(**parameters, **stream), _timeline(events), Random(1), 0)
        assert _bytes(Answer(request(**parameters, **stream), kept, Random(1), 0)) == _bytes(anew)


def test_chunks_of_one_instant_are_one_frame_that_counts_them_and_a_socket_gets_each() -> None:
    kept = _timeline([Text(0.0, "a"), Text(0.0, "b"), Text(0.5, "c")])
    kept.remember()
    answer = Answer(request(stream=True), kept, Random(1), 0)
    assert [part.count for part in parts(answer) if isinstance(part, Frame)] == [3, 1, 1, 1]
    assert [part.count for part in parts(answer, Framing()) if isinstance(part, Frame)] == [1] * 6


def test_a_run_is_no_longer_than_a_write() -> None:
    kept = _timeline([Text(0.0, "x" * 10_000) for _ in range(20)])
    kept.remember()
    sizes = [
        len(part.data)
        for part in parts(Answer(request(stream=True), kept, Random(1), 0))
        if isinstance(part, Frame)
    ]
    assert max(sizes) <= 65_536 and len(sizes) > 3


def test_identifiers_are_drawn_anew() -> None:
    kept = _timeline([Call(0.0, 0, "f")])
    kept.remember()
    asked = request(tools=TOOLS)
    assert len({_bytes(Answer(asked, kept, Random(seed), 0))[0][1] for seed in range(3)}) == 3


# -- Responses -------------------------------------------------------------------------------------------------


_ASKED_RESPONSES = st.fixed_dictionaries(
    {"model": st.sampled_from(("m", "gpt-5"))},
    optional={
        "stream": st.just(True),
        "background": st.just(True),
        "tools": st.just([{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]),
        "reasoning": st.just({"summary": "auto"}),
        "include": st.just(["reasoning.encrypted_content"]),
        "stream_options": st.just({"include_obfuscation": False}),
        "instructions": st.text(max_size=3),
        "metadata": st.just({"a": "é"}),
    },
)


def _response_bytes(timeline: Timeline, parameters: dict[str, Any], seed: int, wire: Wire) -> list[Any]:
    """What leaves at each instant, over HTTP and on a socket."""
    body = {"input": "Hi", **parameters}
    asked = responses_request.decode(json.dumps(body).encode())  # which knows what was asked before
    answer = Answer(asked.request, timeline, Random(seed), 1795366800)
    output = Output(answer)
    answered = responses.reply(output)
    sent = [(part.at, _framed(part)) for part in response_parts(output, wire) if isinstance(part, Frame)]
    events = [(at, b"".join(data for _, data in found)) for at, found in groupby(sent, lambda each: each[0])]
    if isinstance(answered, Body):
        return [answered.data, events]
    frames = [part for part in answered.parts if isinstance(part, Frame)]
    counts = sum(frame.count for frame in frames)
    due = [(at, b"".join(each.data for each in found)) for at, found in groupby(frames, lambda frame: frame.at)]
    return [due, counts, events]


def _framed(frame: Frame) -> bytes:
    return frame.data if isinstance(frame, Messages) else head(TEXT, len(frame.data)) + frame.data


def test_a_request_that_is_asked_again_is_answered_in_one_piece_and_counts_its_messages() -> None:
    kept = _timeline([Text(0.0, "a"), Text(0.0, "b")])
    kept.remember()
    asked = responses_request.decode(b'{"model": "m", "input": "again"}').request
    for _ in range(2):
        *_, last = found = [*response_parts(Output(Answer(asked, kept, Random(1), 0)), Wire(sse=False))]
    frames = [part for part in found if isinstance(part, Messages)]
    assert [frame.at for frame in frames] == [0.0, 1.0] and isinstance(last, End)
    assert [frame.count for frame in frames] == [6, 4]
    for frame in frames:
        reader = Reader(io.BytesIO(_masked(frame)).read, 100_000)
        texts = [reader.next()[1] for _ in range(frame.count)]
        assert sum(map(len, texts)) == frame.size
        assert all(json.loads(text)["type"].startswith("response.") for text in texts)


def _masked(frame: Messages) -> bytes:
    """The messages as a client would send them, by a mask that changes nothing."""
    found, data = [], frame.data
    while data:
        short = data[1]
        size, at = (short, 2) if short < 126 else (int.from_bytes(data[2:4]), 4)
        found += [data[:1], bytes([short | 0x80]), data[2:at], bytes(4), data[at : at + size]]
        data = data[at + size :]
    return b"".join(found)


@given(st.lists(_EVENTS, max_size=6), st.lists(_ASKED_RESPONSES, min_size=1, max_size=4), st.integers(0, 9))
def test_what_was_kept_of_a_response_has_the_same_bytes(
    events: list[Any], asked: list[dict[str, Any]], seed: int
) -> None:
    kept = _timeline(events)
    kept.remember()
    for parameters in asked:
        if "stream_options" in parameters and "stream" not in parameters:
            continue
        for wire in (Wire(sse=False), Wire(sse=False, lane="a")):
            anew = _response_bytes(_timeline(events), parameters, seed, wire)
            for _ in range(3):
                assert _response_bytes(kept, parameters, seed, wire) == anew


def test_a_call_that_the_script_names_is_written_as_the_first_time() -> None:
    kept = _timeline([Call(0.0, 0, "f", "café"), Arguments(0.0, 0, "{}")])
    kept.remember()
    bodies = {json.dumps(_response_bytes(kept, {"model": "m"}, 1, Wire(sse=False))[0].decode()) for _ in range(3)}
    assert len(bodies) == 1 and "caf\\\\u00e9" in bodies.pop()


def test_an_id_without_a_form_in_utf_8_does_not_break_a_stream() -> None:
    timeline = _timeline([Text(0.0, "a"), Text(0.0, "b")], meta={"id": "resp_\ud800"})
    due, *_ = _response_bytes(timeline, {"model": "m", "stream": True}, 1, Wire(sse=False))
    assert b"resp_?" in due[0][1] and b"response.completed" in due[-1][1]
