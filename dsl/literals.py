"""The four kinds of text of the language, decoded.

`"…"` has escapes, `'…'` has none; `\"\"\"` and `'''` are the same two over lines, without escapes: the
indentation that all their lines share is taken off, and the line feed before the closing quotes is not part of
the text. A word behind the opening quotes names the text's language for editors.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SIMPLE = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0",
    '"': '"', "'": "'", "\\": "\\", "/": "/",
}  # fmt: skip
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)
_ESCAPED_BYTES = 0xDC00


class BadEscape(ValueError):
    """An escape that means nothing. `start` and `end` are offsets into the raw text."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__(start, end)
        self.start = start
        self.end = end


class Decoded:
    """A text and where its characters stand in the raw literal (for the spans of template errors).

    With `byte_escapes` a `\\xHH` from 80 on is that byte and no code point: it is kept as the lone surrogate by
    which PEP 383 (`surrogateescape`) carries a byte that is not UTF-8.
    """

    __slots__ = ("_byte_escapes", "_steps", "value")

    def __init__(self, raw: str, *, byte_escapes: bool = False) -> None:
        self._byte_escapes = byte_escapes
        # Each step: from this offset of the value on, the raw offset is this many further along.
        self._steps: list[tuple[int, int]] = []
        if raw.startswith(('"""', "'''")):
            self.value = self._dedented(raw)
        elif raw.startswith('"'):
            self.value = self._unescaped(raw)
        else:
            self.value = raw[1:-1]
            self._steps.append((0, 1))

    def raw_offset(self, offset: int) -> int:
        """Where the character at `offset` of the value stands in the raw literal."""
        shift = next((shift for start, shift in reversed(self._steps) if start <= offset), 0)
        return offset + shift

    def _unescaped(self, raw: str) -> str:
        self._steps.append((0, 1))
        out: list[str] = []
        length, at, end = 0, 1, len(raw) - 1
        while (found := _ESCAPE.search(raw, at, end)) is not None:
            character, stop = self._character(raw, found)
            out += (raw[at : found.start()], character)
            length += found.start() - at + 1
            at = stop
            self._steps.append((length, at - length))
        out.append(raw[at:end])
        return "".join(out)

    def _character(self, raw: str, found: re.Match[str]) -> tuple[str, int]:
        digits = found[1] or found[2] or found[3]
        if digits is None:
            if found[4] not in _SIMPLE:
                raise BadEscape(found.start(), found.end())
            return _SIMPLE[found[4]], found.end()
        point = int(digits, 16)
        if self._byte_escapes and found[3] and point >= 0x80:
            return chr(_ESCAPED_BYTES + point), found.end()
        if point in _HIGH and found[2]:  # JSON writes what is beyond U+FFFF as a pair
            second = _ESCAPE.match(raw, found.end())
            if second and second[2] and int(second[2], 16) in _LOW:
                low = int(second[2], 16)
                return chr(0x10000 + ((point - 0xD800) << 10) + low - 0xDC00), second.end()
        if point in _HIGH or point in _LOW or point > 0x10FFFF:
            raise BadEscape(found.start(), found.end())
        return chr(point), found.end()

    def _dedented(self, raw: str) -> str:
        rows = raw.split("\n")
        body = [row.removesuffix("\r") for row in rows[1:-1]]
        margin = _margin(body)
        length, at = 0, len(rows[0]) + 1
        out: list[str] = []
        for row, original in zip(body, rows[1:-1], strict=True):
            kept = row[len(margin) :] if row.strip() else ""
            self._steps.append((length, at + len(row) - len(kept) - length))
            out.append(kept)
            length += len(kept) + 1
            at += len(original) + 1
        return "\n".join(out)


def _margin(rows: list[str]) -> str:
    """The white space that all rows with anything on them begin with."""
    leads = [row[: len(row) - len(row.lstrip(" \t"))] for row in rows if row.strip()]
    if not leads:
        return ""
    low, high = min(leads), max(leads)
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[:same]
