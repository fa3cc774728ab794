"""Heads of HTTP responses as bytes. Most responses have the same fields, but for two or three."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import cache
from typing import NamedTuple

from dsl import header_fields
from mockllm.transports.connection import FRAMING
from mockllm.transports.frames import Body
from mockllm.transports.player import status_line


class Field(NamedTuple):
    """A header field.

    Attributes:
        sent: its name and its value.
        line: both of them with the end of the line.
        kind: its name in lower case, if it says something of the connection, the time or the body; else empty.
    """

    sent: tuple[bytes, bytes]
    line: bytes
    kind: str


_KINDS = frozenset(("connection", "date", *FRAMING))

# The newest ones.
_fields: dict[tuple[str, str], Field] = {}
_MOST_FIELDS = 1000


def field_of(header: tuple[str, str]) -> Field:
    """Raises:
    ValueError: HTTP cannot carry it.
    """
    return _fields.get(header) or _field(*header)


def _field(name: str, value: str) -> Field:
    if not (header_fields.NAME.fullmatch(name) and header_fields.VALUE.fullmatch(value)):
        raise ValueError(f"HTTP cannot carry the header field {name!r}: {value!r}")
    kind = name.lower()
    sent = name.encode("latin-1"), value.encode("latin-1")
    if len(_fields) >= _MOST_FIELDS:
        _fields.clear()
    field = _fields[name, value] = Field(sent, b"%b: %b\r\n" % sent, kind if kind in _KINDS else "")
    return field


def head_of(reply: Body) -> bytes | None:
    """The head of a body that leaves whole. None if the script frames it, or says what becomes of the connection.

    Raises:
        ValueError: HTTP cannot carry a header field.
    """
    fields = [field_of(header) for header in reply.headers]
    if any([field.kind for field in fields]):
        return None
    last = b"content-length: %d\r\nDate: %b\r\n\r\n" % (len(reply.data), date())
    return b"".join([_first_line(reply.status), *[field.line for field in fields], last])


@cache
def _first_line(status: int) -> bytes:
    return f"HTTP/1.1 {status_line(status)}\r\n".encode("latin-1")


class _Date:
    second = 0
    text = b""


def date() -> bytes:
    """The time as the `date` field has it, formatted once a second."""
    second = int(time.time())
    if second != _Date.second:
        _Date.second, _Date.text = second, formatdate(second, usegmt=True).encode()
    return _Date.text
