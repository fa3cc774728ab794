from __future__ import annotations

import io
import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockllm.transports.websocket_frames import BINARY, PING, TEXT, Failed, Reader, close_payload, parse_close
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


@given(st.integers(0, 1 << 16), st.text())
def test_what_may_close_a_connection_is_the_same_in_both_directions(code: int, reason: str) -> None:
    try:
        payload = close_payload(code, reason)
    except ValueError:
        with pytest.raises(Failed):
            parse_close((code & 0xFFFF).to_bytes(2, "big"))
    else:
        assert len(payload) <= 125
        said, why = parse_close(payload)
        assert said == code
        assert reason.startswith(why)
