"""What the players of all HTTP answers have in common.

A player is a WSGI application for one request. It writes through WSGI's `write` callable and not through the
iterable that it returns, because then a wait, a write and the failure of either happen in the order in which
the code reads, and because the head can be sent without a byte of the body. The head leaves with the first
write, and not before: that is WSGI's rule (PEP 3333).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

import gevent

from dsl.timeline import Cut, Hang, Reset
from mockllm.transports.clock import Clock
from mockllm.transports.connection import Connection, Disconnect, connection_of
from mockllm.transports.frames import Ending, Headers
from mockllm.transports.watch import Outcome, Unwatched, Watcher

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# A slow body is cut into what is due in this many seconds, so that it drips instead of coming in bursts.
_DRIP = 0.010

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Player(ABC):
    """Plays one answer on one connection, once. A WSGI application.

    Subclasses say in `_play` what happens; it ends by returning (the answer is complete) or with `Disconnect`.

    Args:
        status: the HTTP status code, with any meaning or none.
        headers: the header fields, in order.
        began: when the request arrived, on the monotonic clock.
        watcher: is told what happens.

    Raises:
        ValueError: a header field that HTTP cannot carry.
    """

    _connection: Connection
    _write: Callable[[bytes], object]

    def __init__(self, status: int, headers: Headers, began: float, watcher: Watcher | None) -> None:
        for name, value in headers:
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ValueError(f"HTTP cannot carry the header field {name!r}: {value!r}")
        # A status that nobody has named gets an empty reason phrase, as RFC 9112 (4) allows.
        self._status = f"{status} {_PHRASES.get(status, '')}"
        # With these there is no body, whatever the script says, and so no length of one (RFC 9110, 8.6).
        self._bodiless = status < 200 or status in (204, 304)
        self._headers = [
            field for field in headers if not (self._bodiless and field[0].lower() == "content-length")
        ]
        self._clock = Clock(began)
        self._watcher: Watcher = Unwatched() if watcher is None else watcher

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Plays the answer.

        Raises:
            Disconnect: the connection ends here; for the server, which closes it without a word.
        """
        self._connection = connection_of(environ)
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
        if not self._connection.wait_until(self._clock.deadline(at)):
            raise Disconnect("left")

    def _send(self, data: bytes) -> None:
        """Writes a part of the body, and the head before it if it is the first; it may be empty."""
        if self._bodiless:
            data = b""
        try:
            self._write(data)
        except OSError:
            raise Disconnect("left") from None
        self._watcher.sent(self._clock.now(), len(data))

    def _drip(self, data: bytes, at: float, rate: float) -> float:
        """Sends a part of the body from `at` on at `rate` bytes a second; returns how many seconds it takes."""
        step = max(1, int(rate * _DRIP))
        for start in range(0, len(data), step):
            self._wait_until(at + start / rate)
            self._send(data[start : start + step])
        return len(data) / rate

    def _end(self, ending: Ending) -> None:
        """Lets the ending happen; nothing may follow it. Returns only if it is `End`."""
        match ending:
            case Cut():
                raise Disconnect("cut")
            case Reset():
                self._connection.reset()
                raise Disconnect("reset")
            case Hang(seconds=seconds):
                self._connection.hang(seconds)
                raise Disconnect("hang")


def _outcome(error: BaseException) -> Outcome:
    match error:
        case Disconnect(outcome=outcome):
            return outcome
        case gevent.GreenletExit():  # the server was stopped
            return "cut"
        case _:
            return "failed"
