"""The head of a request: what is read of it, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockllm.http_head import LARGEST, MOST_FIELDS, BadHead, Head, origin_form, read

LINE = b"POST /v1/chat/completions?a=b HTTP/1.1\r\n"


def head(*fields: bytes, line: bytes = LINE) -> Head:
    return Head(line + b"".join(field + b"\r\n" for field in fields) + b"\r\n")


def test_a_head() -> None:
    found = head(b"Host: localhost", b"content-TYPE:application/json", b"Content-Length: 12", b"X-Mine:  a b ")
    assert (found.method, found.target, found.version) == ("POST", "/v1/chat/completions?a=b", "1.1")
    assert (found.content_length, found.chunked) == (12, False)
    assert found.fields == {
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "12",
        "HTTP_X_MINE": "a b",
    }


def test_fields_that_come_twice_are_joined() -> None:
    found = head(b"X-A: 1", b"x-a: 2", b"Cookie: a=1", b"Cookie: b=2")
    assert found.fields == {"HTTP_X_A": "1,2", "HTTP_COOKIE": "a=1; b=2"}


def test_a_field_that_could_be_taken_for_another_is_dropped() -> None:
    assert head(b"X-Mine: 1", b"X_Mine: 2", b"Content_Length: 3").fields == {"HTTP_X_MINE": "1"}


def test_a_path_is_the_bytes_that_were_sent() -> None:
    found = head(line=b"GET /a%2Fb%C3%A9?a=%20 HTTP/1.1\r\n").environ
    assert (found["PATH_INFO"], found["QUERY_STRING"]) == ("/a/b\xc3\xa9", "a=%20")


def test_a_value_is_latin_1() -> None:
    assert head(b"X-A: \xe9").fields == {"HTTP_X_A": "é"}


@pytest.mark.parametrize(
    "fields",
    [
        (b"Host: a", b"Host: b"),
        (b"Content-Length: 5", b"Content-Length: 5"),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5, 5",),
        (b"Content-Length: +5",),
        (b"Content-Length: -5",),
        (b"Content-Length: 0x5",),
        (b"Content-Length: 5 5",),
        (b"Content-Length: 99999999999999999999999",),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: chunked, identity",),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: xchunked",),
        (b"Transfer-Encoding : chunked",),
        (b" Transfer-Encoding: chunked",),
        (b"X-A: 1", b" folded"),
        (b"X-A: 1", b"\tfolded"),
        (b"X A: 1",),
        (b"X-A",),
        (b": 1",),
        (b"X-A: \x00",),
        (b"X-A: a\rb",),
        (b"X-A: a\nTransfer-Encoding: chunked",),
        (b"X(A): 1",),
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(fields: tuple[bytes, ...]) -> None:
    with pytest.raises(BadHead):
        head(b"Host: localhost", *fields)


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1 \r\n",
        b"GET  / HTTP/1.1\r\n",
        b"GET /a b HTTP/1.1\r\n",
        b"GET /\xe9 HTTP/1.1\r\n",
        b"GET /\x00 HTTP/1.1\r\n",
        b"GET / HTTP/1.2\r\n",
        b"GET / HTTP/2.0\r\n",
        b"GET / HTTP/1.1x\r\n",
        b"GET / http/1.1\r\n",
        b"GET /\r\n",
        b"\x16\x03\x01 / HTTP/1.1\r\n",
        b"NOSUCH / HTTP/1.1\r\n",
    ],
)
def test_no_request_line(line: bytes) -> None:
    with pytest.raises(BadHead):
        head(b"Host: localhost", line=line)


def test_http_1_0_knows_no_transfer_coding() -> None:
    with pytest.raises(BadHead):
        head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0\r\n")


def test_too_many_fields() -> None:
    head(*(b"X-%d: 1" % number for number in range(MOST_FIELDS)))
    with pytest.raises(BadHead, match="more than 100"):
        head(*(b"X-%d: 1" % number for number in range(MOST_FIELDS + 1)))


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: LINE + data + b"\r\n\r\n"))
def test_any_bytes_are_a_head_or_none(data: bytes) -> None:
    try:
        found = Head(data)
    except BadHead as bad:
        assert str(bad)
    else:
        assert found.target and found.version in ("1.0", "1.1")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("/a?b", ("/a?b", None)),
        ("/a?b=http://c", ("/a?b=http://c", None)),
        ("http://host:1/a?b", ("/a?b", "host:1")),
        ("https://host", ("/", "host")),
        ("http://host?a=b/c", ("/?a=b/c", "host")),
        ("*", ("*", None)),
        ("//a/b", ("//a/b", None)),
    ],
)
def test_a_target_as_proxies_get_it(target: str, told: tuple[str, str | None]) -> None:
    assert origin_form(target) == told


# -- reading ---------------------------------------------------------------------------------------------------


class Slow(io.RawIOBase):
    """Bytes that come one by one."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # all that is needed
        data = self._data.read(1)
        buffer[: len(data)] = data
        return len(data)


WHOLE = LINE + b"Host: localhost\r\nX-A: 1\r\n\r\n"


@pytest.mark.parametrize("raw", [io.BytesIO, Slow])
def test_a_head_ends_at_its_empty_line(raw: Any) -> None:
    stream = io.BufferedReader(raw(WHOLE + b"body"))
    assert read(stream, stream.readline()) == WHOLE
    assert stream.read() == b"body"


@pytest.mark.parametrize("raw", [io.BytesIO, Slow])
def test_a_head_without_fields(raw: Any) -> None:
    stream = io.BufferedReader(raw(LINE + b"\r\nGET"))
    assert read(stream, stream.readline()) == LINE + b"\r\n"
    assert stream.read() == b"GET"


def test_a_head_that_breaks_off() -> None:
    raw: Any = Slow(WHOLE[:-2])
    stream = io.BufferedReader(raw)
    with pytest.raises(ConnectionResetError):
        read(stream, stream.readline())


def test_a_head_that_is_too_long() -> None:
    stream = io.BufferedReader(io.BytesIO(LINE + b"X: " + b"a" * LARGEST + b"\r\n\r\n"))
    with pytest.raises(BadHead, match="too long"):
        read(stream, stream.readline())
