"""The embedded server: gevent's pywsgi with our handler, on one port, in one thread.

It needs no monkey patching, because only gevent's own sockets wait. All connections are greenlets of the thread
that calls `start`.
"""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import gevent
from gevent import pywsgi
from gevent.event import Event
from gevent.hub import get_hub
from gevent.pool import Group, Pool
from greenlet import greenlet

from dsl import garbage
from mockllm.exact_paths import ExactPaths
from mockllm.handler import Handler
from mockllm.transports.clock import monotonic
from mockllm.transports.schedule import Alarm, schedule

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Result = TypeVar("Result")

# For how many seconds, and up to a tenth more, a client may keep a connection without sending anything. Clients
# drop theirs after seconds or minutes; to be earlier than they are would make them fail now and then.
IDLE_TIMEOUT = 600.0

# A server that is never at rest looks for garbage all the same, each so many times that it tidies.
_BUSY = 10

# Connections that may wait to be accepted; the system lowers it to its own limit.
_BACKLOG = 2048


class ServeError(Exception):
    """The server cannot listen. Its text is one line for whoever started it."""


class GracefulServer(pywsgi.WSGIServer):
    """A pywsgi server that does not wait for resting connections when it closes.

    Attributes:
        resting: the greenlets of connections to which nothing is owed: they wait for a request, or hang.
        waiting: those that wait for a client to send a request or the rest of one, and since when, on the
            monotonic clock.
        stopping: whether no request will be answered any more.
        exact_paths: those of its application, if it has some.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.resting: set[greenlet] = set()
        self.waiting: dict[greenlet, float] = {}
        self.stopping = False
        self._sweep: Alarm | None = None
        self._tidied = 0  # how often since garbage was looked for
        super().__init__(*args, **kwargs)
        self.exact_paths: ExactPaths | None = getattr(self.application, "exact_paths", None)

    def start_accepting(self) -> None:
        super().start_accepting()
        if self._sweep is None:
            self._tidy()

    def _tidy(self) -> None:
        """Now and again and again: ends the connections of clients that have sent nothing for too long, and looks
        for garbage if nobody is being answered."""
        oldest = monotonic() - IDLE_TIMEOUT
        idle = [each for each, since in self.waiting.items() if since < oldest]
        gevent.killall(idle, block=False)
        self._tidied += 1
        if self.pool is None or len(self.resting) >= len(self.pool) or self._tidied >= _BUSY:
            self._tidied = 0
            garbage.collect()
        self._sweep = schedule().at(monotonic() + IDLE_TIMEOUT / 10, self._tidy)

    def update_environ(self) -> None:
        # pywsgi would ask the name service who we are, and wait for it.
        if isinstance(self.address, tuple):
            self.environ.setdefault("SERVER_NAME", self.address[0])
        super().update_environ()

    def close(self) -> None:
        """Stops listening, and lets only those connections live on that are being answered."""
        self.stopping = True
        if self._sweep is not None:
            schedule().call_off(self._sweep)
        super().close()
        gevent.killall(list(self.resting), block=False)


class Server:
    """Serves a WSGI application on one port.

    It listens from the start, so that `port` is known and early clients are kept waiting, not refused; it
    answers after `start` or in `serve_forever`. Once stopped it cannot be started again.

    Args:
        app: the WSGI application.
        host: a name or an address, IPv4 or IPv6 (without brackets).
        port: 0 picks a free one.

    Raises:
        ServeError: the port is in use or forbidden, or the host is not one of this machine's.
    """

    def __init__(self, app: WSGIApplication, host: str = "127.0.0.1", port: int = 0) -> None:
        self._app = app
        self._listener = _listen(host, port)
        self._server: GracefulServer | None = None
        self._loop: Any = None
        self._stop = Event()
        self._shut_down = False
        self._calls: list[Callable[[], None]] = []
        self._callers = Group()
        self._lock = threading.Lock()  # of the loop and the calls
        self.host = host
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Begins to answer, in greenlets of this thread: whenever it waits by gevent's means."""
        self._server = GracefulServer(self._listener, self._app, spawn=Pool(), log=None, handler_class=Handler)
        self._server.start()

    def stop(self) -> None:
        """Closes the port and all connections, at once. For the thread that called `start`."""
        if self._server is not None:
            self._server.stop(timeout=0)
        self._listener.close()

    def serve_forever(self) -> None:
        """Serves until `shutdown`; in the main thread also until SIGINT or SIGTERM. Then stops, and returns."""
        if self._server is None:
            self.start()
        with self._lock:
            self._loop = get_hub().loop
        try:
            with _signals(self._stop):
                if not self._shut_down:
                    self._stop.wait()
        finally:
            self.stop()
            with self._lock:
                self._loop = None
            self._run_calls()
            self._callers.join()

    def shutdown(self) -> None:
        """Makes `serve_forever` return. For any thread, and before `serve_forever` as well as during it."""
        # The order matters, here and there: each side writes its own half before it reads the other's.
        self._shut_down = True
        with self._lock:
            if self._loop is not None:
                self._loop.run_callback_threadsafe(self._stop.set)

    def call(self, function: Callable[[], Result]) -> Result:
        """Calls a function between two steps of the server, and returns its result. It may wait as greenlets do.

        An answer is written and recorded in one step: hence the function sees in a journal all that a client has
        got. For any thread but the one that serves.
        """
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        with self._lock:
            serves = self._loop is not None
            if serves:
                self._calls.append(run)
                self._loop.run_callback_threadsafe(self._callers.spawn, self._run_calls)
        return future.result() if serves else function()

    def _run_calls(self) -> None:
        while self._calls:
            self._calls.pop(0)()


@contextmanager
def _signals(stop: Event) -> Iterator[None]:
    """SIGINT and SIGTERM set `stop`, if this is the main thread: no other one gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    watchers = [gevent.signal_handler(number, stop.set) for number in before]
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.cancel()
        # The event loop leaves the system's defaults behind.
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise ServeError(f"{port} is not a port: they end at 65535")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
    except (OSError, UnicodeError):
        raise ServeError(f"there is no host {host!r}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it. Without it, a write that follows another waits for the client's delayed
        # acknowledgement of that one, 40 ms, and streams stutter.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ServeError(_trouble(host, port, error)) from None
    return listener


def _trouble(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} on {host} is already in use"
        case errno.EACCES:
            return f"port {port} on {host} is forbidden"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine"
        case _:
            return f"cannot listen on port {port} of {host}: {error.strerror}"
