"""What the players of all HTTP answers have in common.

A player is a WSGI application for one request. It writes through WSGI's `write` callable and not through the
iterable that it returns, because then a wait, a write and the failure of either happen in the order in which
the code reads, and because the head can be sent without a byte of the body. The head leaves with the first
write, and not before: that is WSGI's rule (PEP 3333).

A script may frame its body itself, by a `content-length` or a `transfer-encoding` among the headers. Then the
server sends the head as it is, the body's bytes as they are, neither more nor fewer, and closes the connection.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

import gevent

from dsl.timeline import Cut, Hang, Reset, Split
from mockllm.transports.clock import Clock, monotonic
from mockllm.transports.connection import FRAMING, Connection, Disconnect, connection_of
from mockllm.transports.fields import field_of
from mockllm.transports.frames import Ending, Headers
from mockllm.transports.split import Splitter
from mockllm.transports.watch import Outcome, Unwatched, Watcher

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# A slow body is cut into what is due in this many seconds, so that it drips instead of coming in bursts.
_DRIP = 0.010

# After so many bytes the others have their turn. A write costs as much as so many of them.
_TURN = 65536
_WRITE = 2048

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@cache
def status_line(status: int) -> str:
    """A status with its reason phrase: an empty one if nobody has named it, as RFC 9112 (4) allows."""
    return f"{status} {_PHRASES.get(status, '')}"


def has_body(status: int) -> bool:
    """Whether there is a body with a status (RFC 9112, 6.3)."""
    return status >= 200 and status not in (204, 304)


class Player(ABC):
    """Plays one answer on one connection, once. A WSGI application.

    Subclasses say in `_play` what happens; it ends by returning (the answer is complete) or with `Disconnect`.

    Args:
        status: the HTTP status code, with any meaning or none.
        headers: the header fields, in order.
        began: when the request arrived, on the monotonic clock.
        watcher: is told what happens.
        split: how the body is cut into writes. Between two of them the others have their turn.

    Raises:
        ValueError: a header field that HTTP cannot carry.
    """

    _connection: Connection
    _write: Callable[[bytes], object]

    def __init__(
        self,
        status: int,
        headers: Headers,
        began: float,
        watcher: Watcher | None = None,
        split: Split | None = None,
    ) -> None:
        self._frames_itself = any([field_of(header).kind in FRAMING for header in headers])
        self._status = status_line(status)
        self._bodiless = not has_body(status)  # whatever the script says
        self._headers = list(headers)
        self._clock = Clock(began)
        self._watcher: Watcher = Unwatched() if watcher is None else watcher
        self._splitter = None if split is None else Splitter(split)
        self._wrote = False
        self._unrested = 0  # what has been written since the others had their turn
        self._unfinished = 0  # frames of which the last byte is held back

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Plays the answer.

        Raises:
            Disconnect: the connection ends here; for the server, which closes it without a word.
        """
        self._connection = connection_of(environ)
        self._connection.verbatim = self._frames_itself
        self._write = start_response(self._status, self._headers)
        try:
            self._play()
        except BaseException as error:
            self._watcher.ended(self._clock.now(), _outcome(error))
            raise
        self._watcher.ended(self._clock.now(), "complete")
        # Not a list: a server would take the length of an empty one for that of the body.
        return iter(())

    @abstractmethod
    def _play(self) -> None:
        """Plays the answer: by returning it is complete, and `Disconnect` ends the connection."""

    def _wait_until(self, at: float) -> None:
        deadline = self._clock.deadline(at)
        if deadline > monotonic():
            self._unrested = 0
            if not self._connection.wait_until(deadline):
                raise Disconnect("left")
        elif self._unrested > _TURN:
            # An answer with much to catch up on must not keep the others waiting.
            self._unrested = 0
            if not self._connection.wait(0):
                raise Disconnect("left")

    def _send(self, data: bytes, frames: int) -> None:
        """Sends a part of the body, and the head before it if it is the first; it may be empty.

        Args:
            data: as `Splitter.encode` gives it, if there is a splitter.
            frames: how many frames end in it.
        """
        if self._bodiless:
            data, frames = b"", 0
        if self._splitter is None:
            self._put(data, frames)
            return
        ended, self._unfinished = self._unfinished, frames
        writes = self._splitter.writes(data)
        write = next(writes)
        for following in writes:
            self._put_apart(write, ended)
            ended, write = 0, following
        if not self._splitter.holds:
            ended += self._unfinished
            self._unfinished = 0
        self._put_apart(write, ended)

    def _put_apart(self, data: bytes, frames: int) -> None:
        """One write; the network has its turn before it, so that it need not share a segment with the last one."""
        if self._wrote and not self._connection.wait(0):
            raise Disconnect("left")
        self._put(data, frames)

    def _put(self, data: bytes, frames: int) -> None:
        self._wrote = True
        self._unrested += len(data) + _WRITE
        try:
            self._write(data)
        except OSError:
            raise Disconnect("left") from None
        self._watcher.sent(self._clock.now(), len(data), frames)

    def _send_rest(self) -> None:
        """Sends what a splitter holds back."""
        if self._splitter is not None and self._splitter.holds:
            self._send(b"", 0)

    def _drip(self, data: bytes, at: float, rate: float, frames: int) -> float:
        """Sends a part of the body from `at` on at `rate` bytes a second; returns how many seconds it takes."""
        step = max(1, int(rate * _DRIP))
        for start in range(0, len(data) or 1, step):
            self._wait_until(at + start / rate)
            self._send(data[start : start + step], frames if start + step >= len(data) else 0)
        return len(data) / rate

    def _end(self, ending: Ending) -> None:
        """Lets the ending happen; nothing may follow it. Returns only if it is `End`."""
        self._send_rest()
        match ending:
            case Cut():
                raise Disconnect("cut")
            case Reset():
                self._connection.reset()
                raise Disconnect("reset")
            case Hang(seconds=seconds):
                self._connection.hang(seconds)
                raise Disconnect("hang")


def dripped(seconds: float, rate: float) -> int:
    """How many bytes are due in so many seconds: the first is at once."""
    return math.ceil(round(seconds * rate, 6))  # a time that is a sum must not let one byte too many through


def _outcome(error: BaseException) -> Outcome:
    match error:
        case Disconnect(outcome=outcome):
            return outcome
        case gevent.GreenletExit():  # the server was stopped
            return "cut"
        case _:
            return "failed"
