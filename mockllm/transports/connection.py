"""The client's connection, as a transport needs it.

*Leaving.* TCP tells a server that its client has left only when it writes (the second write fails, not even
the first), and an answer that waits or hangs does not write. So while an answer waits, the event loop watches
its socket for reading. The request has been read to its end by then, hence there are two reasons to wake up: the
stream of bytes has ended, and the client has left; or more bytes have come, the next request of a pipelining
client, and whatever follows them cannot be seen without reading them, which is not ours to do. Then the watch
is given up, because it would wake the loop forever, and the system is asked once a second. A client that closes
only its own half (`shutdown(SHUT_WR)`) looks the same as one that has left.

*Endings.* A server closes a connection when the application's iterable raises a `BrokenPipeError`: it takes
the client for gone, sends nothing more and logs nothing. `Disconnect` is one, and the way to end a connection
in the middle of an answer. It must be raised outside Flask's own `try`, which would answer 500.

*Sending.* A client that reads nothing keeps its answer waiting, and nobody else. One that reads nothing for
`SEND_TIMEOUT` seconds while there is something to send counts as gone.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import gevent
from gevent.monkey import get_original
from greenlet import getcurrent, greenlet

from mockllm.transports.arrivals import Arrivals
from mockllm.transports.clock import monotonic
from mockllm.transports.schedule import Sleeper
from mockllm.transports.watch import Outcome

CONNECTION = "mockllm.connection"

# The header fields that say where a body ends; in lower case.
FRAMING = frozenset(("content-length", "transfer-encoding"))

_A_DAY = 86400.0

# No client that a test waits for rests for so long amid an answer; one that does was stopped, or has forgotten it.
SEND_TIMEOUT = 60.0

# How often a client that has sent more than its request is looked after, in seconds.
_GLANCE = 1.0

# The system's own, which gevent's patch for gunicorn replaces by one without the flag that is needed.
_system_poll: Any = get_original("select", "poll")


class Disconnect(BrokenPipeError):
    """Ends the connection without a further byte. `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(errno.EPIPE, outcome)
        self.outcome = outcome


class Connection:
    """A connection of which nothing is known: waiting is plain sleep, and the client never leaves.

    Attributes:
        verbatim: whether the script frames the body itself: its headers and its bytes are sent as they are, and
            the connection is closed behind them.
    """

    __slots__ = ("verbatim",)

    def __init__(self) -> None:
        self.verbatim = False

    def wait(self, seconds: float) -> bool:
        """Sleeps while others go on; for 0 seconds, until each of them has had its turn.

        Returns: whether the client is still there. If not, this returns as soon as it has left.
        """
        gevent.sleep(seconds)
        return True

    def wait_until(self, deadline: float) -> bool:
        """As `wait`, until a time on the monotonic clock."""
        return self.wait(max(0.0, deadline - monotonic()))

    def hang(self, seconds: float | None) -> None:
        """Stays open and silent until the client leaves, and for `seconds` at most if not None.

        A server that is asked to stop does not wait for it.
        """
        if seconds is not None:
            self.wait(seconds)
        else:
            while self.wait(_A_DAY):
                pass

    def resting(self) -> AbstractContextManager[None]:
        """While this is entered nothing is owed to the client: a server that is asked to stop does not wait."""
        return nullcontext()

    def wake(self) -> None:
        """Ends the wait that goes on, and any further one: for other greenlets of the same thread."""

    def reset(self) -> None:
        """Closes the connection with a TCP RST. The caller must raise `Disconnect` right after it."""


class ClientConnection(Connection):
    """A connection by its socket.

    Args:
        client: the accepted socket, the system's: gevent's own close() would wait for what reads from it.
        arrivals: what arrives there.
        resting: the greenlets which a server that is asked to stop may kill, for it owes their clients nothing.
    """

    __slots__ = (
        "_arrivals",
        "_awake",
        "_blind",
        "_hang_up",
        "_left",
        "_resting",
        "_sleeper",
        "_socket",
        "_watching",
    )

    def __init__(self, client: socket.socket, arrivals: Arrivals, resting: set[greenlet]) -> None:
        super().__init__()
        self._socket = client
        self._arrivals = arrivals
        self._resting = resting
        self._left = False
        self._awake = False
        self._watching = False
        self._blind = False  # bytes have come that hide whether the client leaves
        self._hang_up: Any = None
        self._sleeper = Sleeper()

    def wait(self, seconds: float) -> bool:
        if seconds > 0:
            return self.wait_until(monotonic() + seconds)
        self._watch()
        self._sleeper.pause()
        return not self._left

    def wait_until(self, deadline: float) -> bool:
        self._sleep(deadline)
        return not self._left

    def hang(self, seconds: float | None) -> None:
        with self.resting():
            self._sleep(None if seconds is None else monotonic() + seconds)

    @contextmanager
    def resting(self) -> Iterator[None]:
        current = getcurrent()
        self._resting.add(current)
        try:
            yield
        finally:
            self._resting.discard(current)

    def wake(self) -> None:
        self._awake = True
        self._sleeper.wake_soon()

    def reset(self) -> None:
        self._arrivals.close()
        # Lingering for no time: what is unsent is dropped, and close() sends RST in place of FIN (socket(7)).
        # Some systems refuse the option if the client was faster.
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def release(self) -> None:
        """Gives the socket back to the server, which reads the next request from it."""
        self._watching = False
        self._arrivals.tell(None)

    def _watch(self) -> None:
        if not (self._watching or self._left or self._blind):
            self._watching = True
            self._arrivals.tell(self._readable)

    def _sleep(self, deadline: float | None) -> None:
        """Until a time, if not None, or the client has left."""
        self._watch()
        while not (self._left or self._awake):
            if self._blind:
                # The end of what the client sends is behind bytes that are not ours to read: ask now and then.
                glance = monotonic() + _GLANCE
                self._sleeper.sleep(glance if deadline is None else min(deadline, glance))
                self._left = bool(self._hang_up.poll(0))
            else:
                self._sleeper.sleep(deadline)
            if deadline is not None and monotonic() >= deadline:
                return

    def _readable(self) -> None:
        # Runs in the hub, which must not block: a gevent socket's descriptor never does.
        try:
            more = self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        self._arrivals.tell(None)
        self._watching = False
        if more:
            self._blind = True
            self._hang_up = _system_poll()
            self._hang_up.register(self._socket.fileno(), select.POLLRDHUP)
        else:
            self._left = True
        self._sleeper.wake()


def send_all(client: socket.socket, data: bytes) -> None:
    """Sends all of it by a gevent socket. Waits while the client is slow.

    Raises:
        OSError: the connection broke, or the client has read nothing for `SEND_TIMEOUT` seconds (ETIMEDOUT).
    """
    try:
        # gevent's sendall() asks for the size of the send buffer each time; mostly one send() is enough.
        sent = client._sock.send(data)  # type: ignore[attr-defined]  # gevent's, not among its types
    except BlockingIOError:
        sent = 0
    rest = memoryview(data)[sent:]
    while rest:
        with gevent.Timeout(SEND_TIMEOUT, OSError(errno.ETIMEDOUT, "the client does not read")):
            rest = rest[client.send(rest) :]


def connection_of(environ: Mapping[str, Any]) -> Connection:
    """The connection of a WSGI environ's request: one of which nothing is known, if its server gave none."""
    connection: Connection | None = environ.get(CONNECTION)
    return Connection() if connection is None else connection
