"""Plays an answer in one piece."""

from __future__ import annotations

from dsl.timeline import Cut, End
from mockllm.transports.frames import Body, Ending
from mockllm.transports.player import Player
from mockllm.transports.watch import Watcher


class JsonPlayer(Player):
    """A WSGI application that plays a `Body`, once: see there and `Player`.

    The head promises the whole length whatever happens to the body. A cut without a byte limit sends the first
    half of the body (rounded down).
    """

    def __init__(self, body: Body, began: float, watcher: Watcher | None = None) -> None:
        headers = body.headers
        if not any(name.lower() == "content-length" for name, _ in headers):
            headers = (*headers, ("content-length", str(len(body.data))))
        super().__init__(body.status, headers, began, watcher)
        self._body = body

    def _play(self) -> None:
        count, ending = self._plan()
        at = self._body.ending.at
        self._wait_until(at)
        if count is not None:
            data = self._body.data[:count]
            if data and self._body.rate is not None:
                self._drip(data, at, self._body.rate)
            else:
                self._send(data)
        self._end(ending)

    def _plan(self) -> tuple[int | None, Ending]:
        """How many bytes of the body are sent, or None if not even the head is; and what comes then."""
        body, length = self._body, len(self._body.data)
        if body.limit is not None and length > body.limit.count:
            return body.limit.count, body.limit.ending
        match body.ending:
            case End():
                return length, body.ending
            case Cut():
                return length // 2, body.ending
            case _:
                return None, body.ending
