"""Holes in what is kept of an answer: where the identifiers belong that are drawn each time it is given.

An answer is encoded once with marks in the place of its identifiers, and cut at them. A mark has a text that is
new in each process, so that nothing that a script or a client says can be taken for it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping

# What fills a hole: what is drawn under this name, or obfuscation of so many characters.
Hole = str | int

_TOKEN = secrets.token_hex(12)
_MARK = re.compile(rf'(?:{_TOKEN}\(|"{_TOKEN}\[)(\w+)(?:\)|\]")'.encode("ascii"))


def mark(name: str) -> str:
    """The mark of a hole. `name` has letters and digits."""
    return f"{_TOKEN}({name})"


def number_mark(name: str) -> str:
    """As `mark`, for a number: the quotes around the mark, which is a text, are part of the hole."""
    return f"{_TOKEN}[{name}]"


def fill(pieces: Iterable[bytes | Hole], drawn: Mapping[str, bytes]) -> bytes:
    """The pieces with what was drawn, if no hole is for obfuscation."""
    return b"".join([piece if isinstance(piece, bytes) else drawn[piece] for piece in pieces])  # type: ignore[index]


def split_at_holes(pieces: Iterable[bytes | Hole]) -> tuple[bytes | Hole, ...]:
    """The pieces of what was encoded with marks, and the holes between them."""
    found: list[bytes | Hole] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            cut = _MARK.split(piece)
            found += [each.decode("ascii") if number % 2 else each for number, each in enumerate(cut)]
        else:
            found.append(piece)
    return tuple(found)
