"""What hides how long a piece of text is: the `obfuscation` of stream events.

It is drawn from a fixed table, from a place that chance decides: a client can do nothing with it but drop it, each
event of a stream needs some, and to draw it letter by letter takes longer than all else about an event.
"""

from __future__ import annotations

from random import Random

from mockllm.apis.identifiers import alphanumerics

LONGEST = 15

_SIZE = 4096
_TABLE = alphanumerics(Random(0), _SIZE + LONGEST).encode("ascii")


class Obfuscation:
    """The obfuscation of one stream, event by event. `random` decides where it begins."""

    __slots__ = ("_place",)

    def __init__(self, random: Random) -> None:
        self._place = random.getrandbits(12)

    def next(self, length: int) -> bytes:
        """`length` letters and digits, at most `LONGEST`."""
        place = self._place
        self._place = (place + LONGEST) % _SIZE
        return _TABLE[place : place + length]
