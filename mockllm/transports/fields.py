"""Header fields of responses, checked and encoded: nearly all have the same ones, but for two or three."""

from __future__ import annotations

from typing import NamedTuple

from dsl import header_fields
from mockllm.transports.connection import FRAMING


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
