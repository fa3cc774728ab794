"""Plays an answer in parts: a stream of server-sent events, though any bytes will do.

A frame leaves at its own time. Frames that are due at the same instant, or overdue when the one before them is
sent, leave in one write: a stream that has fallen behind catches up with fewer writes and not with more.

Bytes that drip at a rate take time that no part's own time allows for. So all that follows a dripping frame is
shifted by as long as it dripped, and pauses between frames keep their length.

The parts come from an iterator that encodes them on the way. If it fails before the first frame, nothing has
been sent, and the error is the caller's: the constructor reads that far and raises it. If it fails later, the
frames before it are sent, and the connection is cut.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from dsl.timeline import ByteLimit, ByteRate
from mockllm.transports.connection import Disconnect
from mockllm.transports.frames import Ending, Frame, Part, Stream
from mockllm.transports.player import Player
from mockllm.transports.watch import Watcher

# No write of more than one frame has more bytes than this.
_BATCH = 65536

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Takes the place of the parts that could not be encoded."""

    error: Exception


class SsePlayer(Player):
    """A WSGI application that plays a `Stream`, once: see there and `Player`.

    Raises:
        Exception: whatever the iterator of the parts raised before the first frame.
    """

    def __init__(self, stream: Stream, began: float, watcher: Watcher | None = None) -> None:
        super().__init__(stream.status, stream.headers, began, watcher)
        self._opening = _opening(stream.parts)
        self._rest = stream.parts
        self._batch: list[bytes] = []
        self._batched = 0
        self._shift = 0.0
        self._rate: float | None = None
        self._limit: Ending | None = None
        self._allowed = 0

    def _play(self) -> None:
        for part in itertools.chain(self._opening, _guarded(self._rest)):
            match part:
                case Frame(at=at, data=data):
                    self._frame(data, at + self._shift)
                case ByteRate(rate=rate):
                    self._rate = rate
                case ByteLimit(at=at, count=count, ending=ending):
                    self._limit, self._allowed = ending, count
                    if count <= 0:
                        self._finish(at + self._shift, ending)
                case _Failure(error=error):
                    self._fail(error)
                case _:
                    self._finish(part.at + self._shift, part)

    def _frame(self, data: bytes, due: float) -> None:
        if self._batch and self._clock.until(due) > 0:
            self._flush()
        elif self._batched + len(data) > _BATCH:
            self._flush()
            self._connection.wait(0)  # a stream with much to catch up on must not keep the others waiting
        self._wait_until(due)
        if self._limit is not None:
            data = data[: self._allowed]
            self._allowed -= len(data)
        if self._rate is not None:
            self._flush()
            self._shift += self._drip(data, due, self._rate)
        else:
            self._batch.append(data)
            self._batched += len(data)
        if self._limit is not None and not self._allowed:
            self._flush()
            self._end(self._limit)

    def _flush(self) -> None:
        if self._batch:
            data = b"".join(self._batch)
            self._batch.clear()
            self._batched = 0
            self._send(data)

    def _finish(self, due: float, ending: Ending) -> None:
        self._flush()
        self._wait_until(due)
        self._end(ending)

    def _fail(self, error: Exception) -> NoReturn:
        _log.error(
            "an answer broke off, its next part cannot be encoded: %s: %s",
            type(error).__name__,
            error,
            exc_info=error if _log.isEnabledFor(logging.DEBUG) else None,
        )
        self._flush()
        raise Disconnect("failed")


def _opening(parts: Iterator[Part]) -> list[Part]:
    """The parts up to the first that is seen or heard, which decides whether the answer gets a head."""
    opening: list[Part] = []
    for part in parts:
        opening.append(part)
        if not isinstance(part, ByteRate | ByteLimit):
            break
    return opening


def _guarded(parts: Iterator[Part]) -> Iterator[Part | _Failure]:
    try:
        yield from parts
    except Exception as error:
        yield _Failure(error)
