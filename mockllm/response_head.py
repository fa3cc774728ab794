"""Heads of HTTP responses as bytes."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import cache

from mockllm.transports.fields import field_of
from mockllm.transports.frames import Body
from mockllm.transports.player import status_line


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
