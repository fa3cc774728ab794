"""Events of a response in pieces, of which some are drawn when they are sent, and what of them leaves together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dsl.records import Record
from mockllm.apis.holes import Hole
from mockllm.transports.frames import Part
from mockllm.transports.websocket_frames import TEXT, head

# In bytes: events that leave together.
_LARGEST_RUN = 50_000


class Told(Record, frozen=True):
    """An event in pieces, of which some are drawn when it is sent."""

    at: float
    pieces: tuple[bytes | Hole, ...]


class Run(Record, frozen=True):
    """Events that are due at the same instant. Messages on a socket have `size` bytes without their heads."""

    at: float
    pieces: tuple[bytes | Hole, ...]
    count: int
    size: int | None = None


class Lifecycle(Record, frozen=True):
    """An event that holds the whole response, which the request has a part in. `more` replaces values of it."""

    at: float
    kind: str
    status: str
    sequence: int
    more: Mapping[str, Any] | None


def runs_of(
    events: Iterable[Part | Told | Lifecycle], lengths: Mapping[str, int] | None = None
) -> Iterator[Part | Run | Lifecycle]:
    """The events that are due at the same instant together; so many that one write can carry them.

    `lengths` are those of what is drawn, if each event is a message on a socket: then their heads are among them.
    """
    at = 0.0
    due: list[bytes | Hole] = []
    size = count = 0

    def run() -> Run:
        return Run(at, tuple(due), count, None if lengths is None else size)

    for event in events:
        known = event if isinstance(event, Told) else None
        length = 0 if known is None else sum(size_of(piece, lengths or {}) for piece in known.pieces)
        if due and (known is None or known.at != at or size + length > _LARGEST_RUN):
            yield run()
            due, size, count = [], 0, 0
        if known is None:
            yield event  # type: ignore[misc]  # it is none of those
            continue
        at, size, count = known.at, size + length, count + 1
        for piece in known.pieces if lengths is None else (head(TEXT, length), *known.pieces):
            last = due[-1] if due else None
            if isinstance(piece, bytes) and isinstance(last, bytes):
                due[-1] = last + piece
            else:
                due.append(piece)
    if due:
        yield run()


def size_of(piece: bytes | Hole, lengths: Mapping[str, int]) -> int:
    """The bytes of a piece; `lengths` are those of what is drawn by name."""
    if isinstance(piece, bytes):
        return len(piece)
    return piece if isinstance(piece, int) else lengths.get(piece, 0)
