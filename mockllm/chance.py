"""Chance that can be had again: what an API makes up of an answer, from a text."""

from __future__ import annotations

from hashlib import shake_256
from typing import Protocol

# What most answers need, and one round of the hash gives.
_FIRST = 128


class Draws(Protocol):
    """Where random bytes are drawn from, one after the other. A `random.Random` is one."""

    def randbytes(self, n: int, /) -> bytes: ...


class Seeded:
    """The bytes that SHAKE256 makes of a text: whoever knows that can draw the same ones again.

    It is for a few dozen bytes, and made in a tenth of the time that it takes to seed a `random.Random`.
    """

    __slots__ = ("_at", "_bytes", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._bytes = shake_256(text.encode()).digest(_FIRST)
        self._at = 0

    def randbytes(self, n: int, /) -> bytes:
        start, self._at = self._at, self._at + n
        if self._at > len(self._bytes):
            self._bytes = shake_256(self.text.encode()).digest(2 * self._at)
        return self._bytes[start : self._at]
