"""A lane of a socket: what is put on it is answered first in, first out, while the connection goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import gevent
from gevent.hub import get_hub

from mockllm.transports.clock import monotonic
from mockllm.transports.watch import Outcome
from mockllm.transports.websocket import Socket
from mockllm.transports.websocket_player import SocketPlayer

Item = TypeVar("Item")


class Lane(Generic[Item]):
    """One lane, with a greenlet that lives from the first item to the end of the connection.

    Args:
        answer: answers one item. Its second argument is when the answer begins, on the monotonic clock: when the
            item arrived, or when the answer before it was over.
    """

    def __init__(self, socket: Socket, answer: Callable[[Item, float], None]) -> None:
        self._socket = socket
        self._answer = answer
        self._waiting: deque[tuple[Item, float]] = deque()
        self._greenlet: gevent.Greenlet[[], None] | None = None
        self._rests = False  # waits for an item
        self._player: SocketPlayer | None = None
        self._hub = get_hub()

    def put(self, item: Item, arrived: float) -> None:
        self._waiting.append((item, arrived))
        if self._greenlet is None or self._greenlet.dead:
            self._greenlet = gevent.spawn(self._answer_all)
        elif self._rests:
            self._rests = False
            self._hub.loop.run_callback(self._greenlet.switch)

    def play(self, player: SocketPlayer) -> Outcome:
        """Plays an answer of this lane, so that `stop` can end it."""
        self._player = player
        outcome = player.play()
        self._player = None
        return outcome

    def stop(self) -> None:
        """The client has left: nothing more is answered."""
        if self._player is not None:
            self._player.cancel()
        if self._greenlet is not None:
            self._greenlet.kill()

    def _answer_all(self) -> None:
        ended = 0.0
        while not self._socket.closed:
            if not self._waiting:
                self._rests = True
                self._hub.switch()
                continue
            item, arrived = self._waiting.popleft()
            self._answer(item, max(arrived, ended))
            ended = monotonic()
