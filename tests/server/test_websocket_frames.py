from __future__ import annotations

import io
import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl.timeline import Split
from mockllm.transports.websocket_frames import (
    BINARY,
    CONTINUATION,
    NO_CODE,
    PING,
    TEXT,
    Failed,
    Reader,
    close_payload,
    message_frames,
    parse_close,
)
from tests.server.websocket_client import fragments, frame

LIMIT = 1 << 20


def reader(data: bytes, limit: int = LIMIT) -> Reader:
    return Reader(io.BytesIO(data).read, limit)


@given(st.text(), st.lists(st.integers(0, 40), max_size=8))
def test_a_text_may_be_cut_anywhere(text: str, cuts: list[int]) -> None:
    data = text.encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    frames = frame(PING, b"!").join(fragments(TEXT, *pieces))
    read = reader(frames)
    assert [read.next() for _ in pieces] == [(PING, b"!")] * (len(pieces) - 1) + [(TEXT, text)]


@given(st.binary())
def test_any_bytes_are_a_message_or_a_failure(data: bytes) -> None:
    read = reader(data)
    with suppress(Failed, EOFError):
        while True:
            read.next()


@given(st.binary(max_size=4))
def test_a_text_is_refused_exactly_if_it_is_not_utf_8(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        with pytest.raises(Failed) as failed:
            reader(frame(TEXT, data)).next()
        assert failed.value.code == 1007
    else:
        assert reader(frame(TEXT, data)).next() == (TEXT, text)


def test_the_limit_is_that_of_the_whole_message() -> None:
    first, second = fragments(BINARY, b"1234", b"5678")
    assert reader(first + second, 8).next() == (BINARY, b"12345678")
    with pytest.raises(Failed) as failed:
        reader(first + second, 7).next()
    assert failed.value.code == 1009
    twice = reader((first + second) * 2, 8)
    assert [twice.next() for _ in range(2)] == [(BINARY, b"12345678")] * 2


def test_a_payload_that_has_not_come_is_not_waited_for_in_one_piece() -> None:
    asked = []

    def read(count: int) -> bytes:
        asked.append(count)
        return head.read(count)

    head = io.BytesIO(frame(BINARY, b"x" * 70_000, length=1 << 30))
    with pytest.raises(EOFError):
        Reader(read, 1 << 31).next()
    assert max(asked) == 65536


@given(st.integers(0, (1 << 16) - 1), st.text())
def test_any_code_can_be_sent_but_only_those_of_the_rfc_are_taken(code: int, reason: str) -> None:
    payload = close_payload(code, reason)
    assert len(payload) <= 125
    if code == NO_CODE:
        assert parse_close(payload) == (NO_CODE, "")
    elif code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014 or 3000 <= code <= 4999:
        said, why = parse_close(payload)
        assert said == code
        assert reason.startswith(why)
    else:
        assert int.from_bytes(payload[:2], "big") == code
        with pytest.raises(Failed):
            parse_close(payload)


@pytest.mark.parametrize("code", [-1, 1 << 16])
def test_a_number_that_is_no_close_code(code: int) -> None:
    with pytest.raises(ValueError, match=f"{code} is none"):
        close_payload(code)


@given(st.binary(max_size=300), st.integers(1, 310))
def test_a_message_is_cut_into_frames(data: bytes, size: int) -> None:
    whole = frames_of(b"".join(message_frames(BINARY, data)))
    assert whole == [(True, BINARY, data)]
    every = frames_of(b"".join(message_frames(TEXT, data, Split(every=size))))
    assert [part for *_, part in every] == [data[at : at + size] for at in range(0, len(data) or 1, size)]
    at = frames_of(b"".join(message_frames(TEXT, data, Split(at=size))))
    assert [part for *_, part in at] == ([data[:size], data[size:]] if size < len(data) else [data])
    for frames in (every, at):
        assert [opcode for _, opcode, _ in frames] == [TEXT] + [CONTINUATION] * (len(frames) - 1)
        assert [final for final, *_ in frames] == [False] * (len(frames) - 1) + [True]
    assert frames_of(b"".join(message_frames(TEXT, data, Split()))) == [(True, TEXT, data)]


def frames_of(data: bytes) -> list[tuple[bool, int, bytes]]:
    """A server's frames: whether each is the last of its message, its opcode and its payload."""
    frames = []
    read = io.BytesIO(data).read
    while first := read(1):
        (length,) = read(1)
        if length == 126:
            length = int.from_bytes(read(2), "big")
        frames.append((bool(first[0] & 0x80), first[0] & 0x0F, read(length)))
    return frames
