"""JSON as the API writes it: compact in streams, indented by 2 in bodies. Raw UTF-8, but in Responses' bodies.

A lone surrogate (a template can make one out of an escape that a tool's result holds) has no UTF-8 form and is
sent as `?`; an answer must never fail after its head has gone out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

# One encoder for all: `json.dumps` with any option builds a new one at every call.
compact: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def pretty(value: Any) -> bytes:
    """The body that holds the JSON value `value`, indented by 2, without a trailing newline."""
    return utf8(indented(value, "\n"))


def escaped(text: str) -> bytes:
    """JSON text with all that is not ASCII as `\\uXXXX`: the form of the bodies of Responses."""
    return text.encode("ascii") if text.isascii() else _NOT_ASCII.sub(_escape, text).encode("ascii")


_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def indented(value: Any, margin: str) -> str:
    """As `json.dumps(value, indent=2)`, which is done in Python too, and takes three times as long.

    `margin` is the line feed and the indentation of the line that the value starts on.
    """
    if isinstance(value, str):
        return compact(value)
    if value is None:
        return "null"
    inner = margin + "  "
    if isinstance(value, dict) and value:
        members = [f"{compact(key)}: {indented(each, inner)}" for key, each in value.items()]
        return f"{{{inner}{f',{inner}'.join(members)}{margin}}}"
    if isinstance(value, list) and value:
        items = [indented(each, inner) for each in value]
        return f"[{inner}{f',{inner}'.join(items)}{margin}]"
    return str(value) if type(value) is int else compact(value)


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
