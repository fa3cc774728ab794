"""Plays an answer in parts: a stream of server-sent events, though any bytes will do.

A frame leaves at its own time. Frames that are due at the same instant, or overdue when the one before them is
sent, leave in one write: a stream that has fallen behind catches up with fewer writes and not with more.

Bytes that drip at a rate take time that no part's own time allows for. So all that follows a dripping frame is
shifted by as long as it dripped, and pauses between frames keep their length. An ending that interrupts a byte
rate is not shifted: planned times alone decide what leaves before it, so that it is the same every time.

Of a stream that is split each frame leaves by itself: where its writes end depends on no clock.

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

from dsl.timeline import ByteLimit, ByteRate, Hang
from mockllm.transports.cancellation import Cancellation
from mockllm.transports.connection import Disconnect
from mockllm.transports.frames import Ending, Frame, Part, Stream
from mockllm.transports.player import Player, dripped
from mockllm.transports.watch import Watcher

# No write of more than one frame has more bytes than this.
_BATCH = 65536

_log = logging.getLogger(__name__)


# When a stream ends, and how.
_Over = tuple[float, Ending]


class _Cancelled(Exception):
    """The rest of the stream is not wanted any more."""


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
        super().__init__(stream.status, stream.headers, began, watcher, stream.split)
        self._opening = _opening(stream.parts)
        self._rest = stream.parts
        self._batch: list[bytes] = []
        self._batched = 0
        self._whole = 0  # of the batch, the frames that are not cut off
        self._shift = 0.0
        self._rate: float | None = None
        self._limit: Ending | None = None
        self._allowed = 0
        self._interrupted: Ending | None = None
        self._plain = self._splitter is None  # whether no part before says anything of this one
        self._cancellation = Cancellation() if stream.cancellation is None else stream.cancellation

    def _play(self) -> None:
        with self._cancellation.followed(self._connection.wake):
            try:
                self._play_parts()
            except _Cancelled:
                self._flush()
                self._send_rest()

    def _play_parts(self) -> None:
        now = self._clock.now()
        for part in itertools.chain(self._opening, _guarded(self._rest)):
            if type(part) is Frame and self._plain:
                # As `_frame`, without what does not concern it: nearly all parts of nearly all streams are such.
                at, data = part.at, part.data
                if at > now:
                    now = self._clock.now()
                if at > now or self._batched + len(data) > _BATCH or self._cancellation.at is not None:
                    self._flush()
                    self._wait_until(at)
                    now = self._clock.now()
                self._batch.append(data)
                self._batched += len(data)
                self._whole += part.count if data else 0
                continue
            over = self._part(part)
            if over is not None:
                self._finish(*over)
                return

    def _wait_until(self, at: float) -> None:
        super()._wait_until(at)
        if self._cancellation.at is not None and self._clock.deadline(at) > self._cancellation.at:
            raise _Cancelled

    def _end(self, ending: Ending) -> None:
        try:
            super()._end(ending)
        except Disconnect:
            if not isinstance(ending, Hang) or self._cancellation.at is None:
                raise

    def _part(self, part: Part | _Failure) -> _Over | None:
        """Plays a part, and returns how and when the stream ends if that is what comes next."""
        match part:
            case Frame(at=at, data=data, count=count):
                return self._frame(data, at + self._shift, count)
            case ByteRate(rate=rate, interrupted=interrupted):
                self._plain = False
                self._rate = rate
                self._interrupted = interrupted or self._interrupted
            case ByteLimit(at=at, count=count, ending=ending):
                self._plain = False
                self._limit, self._allowed = ending, count
                if count <= 0:
                    # As in a body of one piece: its first byte is behind the head.
                    self._flush()
                    self._wait_until(at + self._shift)
                    if not self._wrote:
                        self._send(b"", 0)
                    return at + self._shift, ending
            case _Failure(error=error):
                self._fail(error)
            case _:
                return part.at + self._shift, part
        return None

    def _frame(self, data: bytes, due: float, count: int) -> _Over | None:
        if self._interrupted is not None and self._interrupted.at < due:
            return self._interrupted.at, self._interrupted
        if (self._batch and self._clock.until(due) > 0) or self._batched + len(data) > _BATCH:
            self._flush()
        self._wait_until(due)
        if self._splitter is not None:
            data = self._splitter.encode(data)
        length = len(data)
        if self._limit is not None:
            data = data[: self._allowed]
            self._allowed -= len(data)
        if self._rate is not None:
            self._flush()
            interrupted = self._slowly(data, due, self._rate, count if 0 < len(data) == length else 0)
            if interrupted is not None:
                return interrupted.at, interrupted
        else:
            self._batch.append(data)
            self._batched += len(data)
            self._whole += count if 0 < len(data) == length else 0
            if self._splitter is not None:
                self._flush()
        return (due, self._limit) if self._limit is not None and not self._allowed else None

    def _slowly(self, data: bytes, due: float, rate: float, frames: int) -> Ending | None:
        """Lets a frame drip; returns what comes before its end, if anything does."""
        if self._interrupted is not None:
            count = dripped(self._interrupted.at - due, rate)
            if count < len(data):
                if count > 0:
                    self._drip(data[:count], due, rate, 0)
                return self._interrupted
        self._shift += self._drip(data, due, rate, frames)
        return None

    def _flush(self) -> None:
        if self._batch:
            data, whole = self._batch[0] if len(self._batch) == 1 else b"".join(self._batch), self._whole
            self._batch.clear()
            self._batched = self._whole = 0
            if self._plain and not self._bodiless:
                self._put(data, whole)
            else:
                self._send(data, whole)

    def _finish(self, due: float, ending: Ending) -> None:
        if self._interrupted is not None and self._interrupted.at < due:
            due, ending = self._interrupted.at, self._interrupted
        self._flush()
        self._send_rest()
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
        self._send_rest()
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
