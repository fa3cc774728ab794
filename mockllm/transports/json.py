"""Plays an answer in one piece."""

from __future__ import annotations

from dsl.timeline import Cut, End
from mockllm.transports.frames import Body, Ending
from mockllm.transports.player import Player, dripped, has_body
from mockllm.transports.watch import Watcher


def leaves_at_once(body: Body) -> bool:
    """Whether the whole body is to leave now, in one piece."""
    ending = body.ending
    return (
        isinstance(ending, End)
        and ending.at <= 0
        and body.limit is None
        and body.rate is None
        and body.interrupted is None
        and body.split is None
        and has_body(body.status)
    )


class JsonPlayer(Player):
    """A WSGI application that plays a `Body`, once: see there and `Player`.

    The head promises the whole length whatever happens to the body. A cut without a byte limit sends the first
    half of the body (rounded down).
    """

    def __init__(self, body: Body, began: float, watcher: Watcher | None = None) -> None:
        super().__init__(body.status, body.headers, began, watcher, body.split)
        self._body = body
        self._data = body.data if self._splitter is None else self._splitter.encode(body.data)
        # Without a body there is no length of one either (RFC 9110, 8.6), unless the script gives it.
        if not self._frames_itself and not self._bodiless:
            self._headers.append(("content-length", str(len(self._data))))

    def _play(self) -> None:
        at, interrupted = self._body.ending.at, self._body.interrupted
        if interrupted is not None and interrupted.at < at:
            self._wait_until(interrupted.at)
            self._end(interrupted)
        count, ending = self._plan()
        self._wait_until(at)
        if count is not None:
            due = self._send_first(count, at)
            if due < count and interrupted is not None:
                self._wait_until(interrupted.at)
                ending = interrupted
        self._end(ending)

    def _send_first(self, count: int, at: float) -> int:
        """Sends so many bytes of the body, or fewer if it is interrupted; returns how many were due by then."""
        rate, interrupted = self._body.rate, self._body.interrupted
        if rate is not None and interrupted is not None:
            count = min(count, dripped(interrupted.at - at, rate))
            if count == 0:
                return 0
        data = self._data[:count]
        frames = int(len(data) == len(self._data))
        if rate is None:
            self._send(data, frames)
        else:
            self._drip(data, at, rate, frames)
        return count

    def _plan(self) -> tuple[int | None, Ending]:
        """How many bytes of the body are sent, or None if not even the head is; and what comes then."""
        body, length = self._body, len(self._data)
        if body.limit is not None and length > body.limit.count:
            return body.limit.count, body.limit.ending
        match body.ending:
            case End():
                return length, body.ending
            case Cut():
                return length // 2, body.ending
            case _:
                return None, body.ending
