"""A script's text with positions. Offsets count code points from 0; lines and columns, for people, from 1."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

import msgspec


class Source:
    """The text of one file. `name` is how messages call it: the path as the user gave it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def locate(self, offset: int) -> tuple[int, int]:
        """The line and column of `offset`."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, without its line end."""
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r")

    def span(self, start: int, end: int) -> Span:
        return Span(self, start, end)


class Span(msgspec.Struct, frozen=True, gc=False):
    """The text from offset `start` up to, not including, `end`."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.source.locate(self.start)[0]

    @property
    def brief(self) -> str:
        """The text as a message quotes it: on one line, and not long."""
        text = " ".join(self.text.split())
        return text if len(text) <= 30 else f"{text[:29]}…"

    def __str__(self) -> str:
        """`FILE:LINE:COLUMN`, as editors and terminals link it."""
        line, column = self.source.locate(self.start)
        return f"{self.source.name}:{line}:{column}"
