"""What arrives on a connection: one watcher of the event loop for the connection's whole life.

A watcher that is started and stopped for each read costs two system calls a request more. And who reads at once
what is there, as sockets do, keeps all others waiting for as long as there is something: here every read waits for
its turn, in which the event loop looks at all connections.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from typing import Any

from gevent.hub import get_hub
from greenlet import getcurrent

_READ = 1  # libev's EV_READ


class Arrivals:
    """Tells somebody that there is something to read, the end of the connection included."""

    __slots__ = ("_hear", "_started", "_watch")

    def __init__(self, client: socket.socket) -> None:
        self._watch: Any = get_hub().loop.io(client.fileno(), _READ)
        self._hear: Callable[[], object] | None = None
        self._started = False

    def tell(self, hear: Callable[[], object] | None) -> None:
        """Let the event loop call `hear` from now on, again and again until it is read. It must not wait."""
        self._hear = hear
        if hear is not None and not self._started:
            self._started = True
            self._watch.start(self._ready)

    def close(self) -> None:
        """Tell nobody any more. It must come before the socket is closed."""
        self._hear = None
        self._watch.close()

    def _ready(self) -> None:
        if self._hear is not None:
            self._hear()
        else:
            # Nobody wants to know, and the loop would turn for it without an end.
            self._started = False
            self._watch.stop()


class Reader(io.RawIOBase):
    """The bytes that arrive, for a buffered reader. `client` is the system's socket, which never blocks."""

    def __init__(self, client: socket.socket, arrivals: Arrivals) -> None:
        self._socket = client
        self._arrivals = arrivals

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            self._arrivals.tell(getcurrent().switch)
            try:
                get_hub().switch()
            finally:
                self._arrivals.tell(None)
            try:
                return self._socket.recv_into(buffer)
            except BlockingIOError:
                continue
