"""What hides how long a piece of text is: the `obfuscation` of stream events.

It is drawn from a fixed table, from a place that chance decides: a client can do nothing with it but drop it, each
event of a stream needs some, and to draw it letter by letter takes longer than all else about an event.
"""

from __future__ import annotations

from mockllm.apis.identifiers import alphanumerics
from mockllm.chance import Draws, Seeded

LONGEST = 15

_SIZE = 4096
_TABLE = alphanumerics(Seeded("obfuscation"), _SIZE + LONGEST).encode("ascii")


class Obfuscation:
    """The obfuscation of one stream, event by event. `random` decides where it begins."""

    __slots__ = ("_place",)

    def __init__(self, random: Draws) -> None:
        self._place = int.from_bytes(random.randbytes(2)) % _SIZE

    def next(self, length: int) -> bytes:
        """`length` letters and digits, at most `LONGEST`."""
        place = self._place
        self._place = (place + LONGEST) % _SIZE
        return _TABLE[place : place + length]
