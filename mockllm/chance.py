"""A generator of chance that knows what it was made from."""

from __future__ import annotations

from random import Random


class Seeded(Random):
    """`Random(text)`: what was drawn from it can be drawn again by whoever knows the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)
