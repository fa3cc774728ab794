"""One WebSocket connection (RFC 6455): gevent-websocket's, with what it lacks.

*Handshake.* The library answers 101 before the application has run. Here the handler leaves an unaccepted
`Socket` in the environ, and the application accepts it, or answers as to any other request.

*Receiving.* One greenlet receives, mostly the one of the connection's handler: all that a client sends is read
there, pings are answered, and a client that leaves is noticed at once. It is among the server's resting ones
while the client is owed nothing (`answering`), so that a server that stops need not wait for it.

*Sending.* Any greenlet may send. A lock keeps frames whole, and the frames of one message together; one that broke
off in its middle ends the connection. A client that does not read is waited for as one of HTTP is.

*Silence.* While an answer hangs (`silence`), the other side is a peer that is half dead: pings are read and not
answered, nor is a close, nor a break of the protocol, and the connection lives until the client drops it, or the
hang is over. Messages are still taken, and what other answers say still leaves. A server that stops says so all
the same.

*Closing* (RFC 6455, section 7). Whoever says close, the receiving greenlet reads on until the other side has
said it too, for `CLOSE_TIMEOUT` at most: a timer then shuts the connection, which wakes every greenlet that
reads or writes. A client that broke the protocol is told the code, and what it still sends is read and dropped
for as long, because closing with unread bytes resets the connection and may destroy that very frame.

The handler closes the file descriptor once the application has returned, and nobody else does: another
greenlet may wait on it, and its number may be another connection's at any time.
"""

from __future__ import annotations

import binascii
import socket
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha1
from typing import Any

import gevent
from gevent.event import Event
from gevent.hub import get_hub
from gevent.lock import Semaphore
from geventwebsocket.exceptions import WebSocketError
from geventwebsocket.websocket import WebSocket
from greenlet import getcurrent, greenlet

from mockllm.transports.connection import send_all
from mockllm.transports.frames import Headers
from mockllm.transports.websocket_frames import (
    ABNORMAL,
    BINARY,
    CLOSE,
    GOING_AWAY,
    NORMAL,
    PING,
    PONG,
    TEXT,
    Failed,
    Reader,
    close_payload,
    head,
    parse_close,
)

# The key is the library's.
SOCKET = "wsgi.websocket"

# The longest message that is taken, in bytes.
LARGEST_MESSAGE = 64 * 1024 * 1024

# For how many seconds a client may keep us waiting for its close.
CLOSE_TIMEOUT = 2.0

# What a client sends that has broken the protocol is dropped by so many bytes.
_DROPPED = 65536

# A client that sends faster than it is read must not keep the others waiting: after so many bytes, of which each
# read counts as some more for what it costs, they have their turn.
_TURN = 1 << 20
_READ = 1 << 8

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class BadHandshake(Exception):
    """A request that asks for a WebSocket but cannot have one: its text says why.

    `status` and `headers` are for the HTTP response.
    """

    def __init__(self, status: int, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def is_handshake(environ: Mapping[str, Any]) -> bool:
    """Whether a request asks for a WebSocket. Werkzeug asks the same when it looks for the route."""
    if environ.get("HTTP_UPGRADE", "").lower() != "websocket":
        return False
    return "upgrade" in map(str.strip, environ.get("HTTP_CONNECTION", "").lower().split(","))


def socket_of(environ: Mapping[str, Any]) -> Socket:
    """The socket of a WSGI environ, not yet accepted.

    Raises:
        BadHandshake: status 501; the server is none of ours.
    """
    found: Socket | None = environ.get(SOCKET)
    if found is None:
        raise BadHandshake(501, "This server has no WebSockets.")
    return found


class Socket(WebSocket):  # type: ignore[misc]  # it has no types
    """A WebSocket connection; made by the handler, one for each request that asks for it.

    Attributes:
        accepted: whether the client has got its 101.
        closed: whether nothing can be sent or received: before it is accepted, and when it is over.
        close_code, close_reason: how the client closed: `NO_CODE` if without a code, `ABNORMAL` if without a
            close frame; what it was told if it broke the protocol. None and "" until then.
    """

    def __init__(self, environ: dict[str, Any], handler: Any, limit: int = LARGEST_MESSAGE) -> None:
        self.environ = environ
        self.handler = handler
        self.accepted = False
        self.closed = True
        self.close_code: int | None = None
        self.close_reason = ""
        self._reader = Reader(self._read, limit)
        self._read_on = 0
        self._sending = Semaphore()
        self._close_sent = False
        self._timer: Any = None
        self._over = Event()
        self._greenlet: greenlet = getcurrent()
        self._receiving = False
        self._owed = 0
        self._silences = 0

    # -- the handshake (section 4.2) --------------------------------------------------------------------------

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """What the client offers in `sec-websocket-protocol`, best first."""
        offered = self.environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(",")
        return tuple(name.strip() for name in offered if name.strip())

    def accept(self, subprotocol: str | None = None, headers: Headers = ()) -> None:
        """Answers 101. If the client has gone by then, `receive` will say so.

        Args:
            subprotocol: one of those that the client offers.
            headers: further ones.

        Raises:
            BadHandshake: status 400, or 426 for another version of the protocol; the request is yet to be
                answered.
            ValueError: the client does not offer the subprotocol, or HTTP cannot carry the headers.
        """
        key = self._key()
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", key)]
        if subprotocol is not None:
            if subprotocol not in self.subprotocols:
                raise ValueError(f"the client does not offer the subprotocol {subprotocol!r}")
            fields.append(("Sec-WebSocket-Protocol", subprotocol))
        try:
            self.handler.switch_protocols([*fields, *headers])
            self.closed = False
        except OSError:
            self.close_code = ABNORMAL
        self.accepted = True

    def _key(self) -> str:
        """The answer to the client's key."""
        environ = self.environ
        key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
        if environ["SERVER_PROTOCOL"] != "HTTP/1.1" or environ["REQUEST_METHOD"] != "GET":
            raise BadHandshake(400, "A WebSocket opens with a GET request of HTTP/1.1.")
        if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            raise BadHandshake(400, "A request for a WebSocket has no body.")
        if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13":
            version = (("Sec-WebSocket-Version", "13"),)
            raise BadHandshake(426, "This server speaks version 13 of the WebSocket protocol only.", version)
        try:
            valid = len(b64decode(key, validate=True)) == 16
        except (binascii.Error, ValueError):
            valid = False
        if not valid:
            raise BadHandshake(400, "The 'Sec-WebSocket-Key' header is not 16 bytes in base64.")
        return b64encode(sha1(key.encode("ascii") + _GUID).digest()).decode("ascii")

    # -- receiving --------------------------------------------------------------------------------------------

    def receive(self) -> str | bytes | None:
        """The next message: text or bytes. None when the connection is over, however it ended.

        For one greenlet at a time.
        """
        if self._receiving:
            self._over.wait()  # `close` of another greenlet was first, and reads what is left
        if self.closed:
            return None
        self._receiving = True
        try:
            self._rest()
            return self._message()
        except Failed as failed:
            self._fail(failed)
        except (EOFError, OSError):
            self._end(ABNORMAL)
        finally:
            self._receiving = False
            self._rest()
        return None

    def _message(self) -> str | bytes | None:
        while not self.closed:
            opcode, data = self._reader.next()
            if opcode == CLOSE:
                if self._silent:
                    self._drop()
                    raise EOFError
                self._answer_close(data)  # type: ignore[arg-type]  # only messages have texts
            elif self._close_sent:
                continue  # after a close nothing is sent, and nothing of what comes is wanted
            elif opcode == PING:
                if not self._silent:
                    self.send_frame(data, PONG)  # type: ignore[arg-type]
            elif opcode != PONG:
                return data
        return None

    def _read(self, count: int) -> bytes:
        self._read_on += count + _READ
        if self._read_on > _TURN:
            self._read_on = 0
            gevent.sleep(0)
        data: bytes = self.handler.rfile.read(count)
        return data

    def _answer_close(self, payload: bytes) -> None:
        code, reason = parse_close(payload)
        self._send_close(payload)
        self._end(code, reason)

    def _fail(self, failed: Failed) -> None:
        with suppress(OSError):
            if not self._silent:
                self._send_close(close_payload(failed.code, failed.reason))
                self.handler.socket.shutdown(socket.SHUT_WR)
            self._drop()
        self._end(failed.code, failed.reason)

    def _drop(self) -> None:
        """Reads what the client still sends, until it has dropped the connection or that is over."""
        while not self.closed and self._read(_DROPPED):
            pass

    @property
    def _silent(self) -> bool:
        return self._silences > 0 and not self._close_sent

    @contextmanager
    def silence(self) -> Iterator[None]:
        """While at least one greenlet is in here, the client gets no control frame in answer to what it sends."""
        self._silences += 1
        try:
            yield
        finally:
            self._silences -= 1

    # -- sending ----------------------------------------------------------------------------------------------

    def send(self, message: str | bytes, binary: bool | None = None) -> None:
        """Sends a message; `bytes` with `binary=False` are a text in UTF-8. Waits while the client is slow.

        Raises:
            WebSocketError: the connection is closed, or closing, or broke.
        """
        if binary is None:
            binary = not isinstance(message, str)
        data = message.encode("utf-8", "replace") if isinstance(message, str) else message
        self.send_frame(data, BINARY if binary else TEXT)

    def ping(self, data: bytes = b"") -> None:
        """Sends a ping; the pong is nobody's business.

        Raises:
            ValueError: more than 125 bytes.
            WebSocketError: as `send`.
        """
        if len(data) > 125:
            raise ValueError("a ping has at most 125 bytes")
        self.send_frame(data, PING)

    def send_frames(self, writes: Iterable[bytes]) -> None:
        """Sends whole messages, in the frames that they have already (`message_frames`), in so many writes.

        No other message comes between them, but other sockets have their turn.

        Raises:
            WebSocketError: as `send`.
        """
        with self._sending:
            for number, frames in enumerate(writes):
                if number:
                    gevent.sleep(0)
                if self.closed or self._close_sent:
                    raise WebSocketError("the connection is closed")
                self._write(frames)

    def send_frame(self, message: bytes, opcode: int) -> None:
        self.send_frames((head(opcode, len(message)) + message,))

    def _write(self, frames: bytes) -> None:
        try:
            send_all(self.handler.socket, frames)
        except OSError:
            self._end(ABNORMAL)
            raise WebSocketError("the connection broke") from None
        except BaseException:
            self.abort()
            raise

    # -- the end ----------------------------------------------------------------------------------------------

    def close(self, code: int = NORMAL, message: str = "", wait: bool = True) -> None:
        """Closes the connection in both directions; returns when it is over.

        Args:
            code: the close code, also one that no close frame may carry. With `NO_CODE` the frame is empty; with
                `ABNORMAL` there is none, as with `abort`.
            message: the reason; what exceeds 123 bytes is cut off, and without a code there is none.
            wait: for the client's own close, at most `CLOSE_TIMEOUT` seconds.

        Raises:
            ValueError: the code does not fit into two bytes.
        """
        payload = close_payload(code, message)
        if code == ABNORMAL:
            self.abort()
        elif not self.closed:
            with suppress(WebSocketError):
                self._send_close(payload)
            if wait:
                self.receive()
            self.abort()

    def abort(self) -> None:
        """Ends the TCP connection without a close frame: 1006 at the client."""
        self._end(ABNORMAL)

    def reset(self) -> None:
        """As `abort`, but with a TCP RST, which leaves when the application returns."""
        if not self.closed:
            with suppress(OSError):
                # Lingering for no time: close() sends RST in place of FIN (socket(7)).
                self.handler.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Nothing leaves when the direction of receiving is shut; it wakes the receiver.
            self._end(ABNORMAL, shut=socket.SHUT_RD)

    def _send_close(self, payload: bytes) -> None:
        """Sends a close frame, unless there has been one, and gives the client its time to answer."""
        if self._timer is None and not self.closed:
            # Before the frame: a client that does not read must not keep us from sending it for ever.
            self._timer = get_hub().loop.timer(CLOSE_TIMEOUT)
            self._timer.start(self.abort)
        with self._sending:
            if not self.closed and not self._close_sent:
                self._close_sent = True
                self._write(head(CLOSE, len(payload)) + payload)

    def _end(self, code: int, reason: str = "", shut: int = socket.SHUT_RDWR) -> None:
        """The connection is over. Everyone who waits for the client is woken. For the event loop, too."""
        if self.closed:
            return
        self.closed = True
        self.close_code, self.close_reason = code, reason
        if self._timer is not None:
            self._timer.close()
        with suppress(OSError):
            self.handler.socket.shutdown(shut)
        self._over.set()

    # -- a server that stops ----------------------------------------------------------------------------------

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While at least one greenlet is in here, a server that is asked to stop waits for this connection.

        Then, and at once if there is none, it closes it with 1001.
        """
        self._owed += 1
        self._rest()
        try:
            yield
        finally:
            self._owed -= 1
            self._rest()

    def _rest(self) -> None:
        """Tells the server whether it may kill the receiving greenlet: it will then close with 1001."""
        server = self.handler.server
        if not self._receiving or self._owed:
            server.resting.discard(self._greenlet)
            return
        server.resting.add(self._greenlet)
        if server.stopping and not self.closed:
            with suppress(WebSocketError):
                self._send_close(close_payload(GOING_AWAY))
