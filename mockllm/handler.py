"""HTTP on one connection, the same under both servers: the seam between gevent's pywsgi and everything else.

pywsgi parses requests and frames responses. What is changed here, and why:

* A head and the first piece of its body leave in one write. Two writes cost twice, and a client may take the
  gap between them for a delay that no script asked for.
* Requests that two parsers of HTTP could read differently (two lengths, a blank in a field name, ...) are
  refused with 400, and so is all that pywsgi would report with a traceback. After a body that was malformed
  the connection is closed, for nobody knows where the next request begins.
* The environ has the connection and the time at which the request arrived: see `mockllm.transports`.
* A server that stops must not wait for clients to which it owes nothing. So the greenlet of a connection is
  among the server's resting ones while it waits for a request, and may be killed then.
* A script may frame a body itself: then the length or the transfer coding that it gives is sent as it is, pywsgi
  adds none and refuses none, the bytes leave without chunks, and the connection is closed behind them. A
  `connection` that the application gives is sent as it is, too; with `close` in it the connection really closes.
* A client that has gone is no error, and requests are not logged: the journal has them.
* A request for a WebSocket is the application's to accept: it finds a `Socket` in the environ. Until it accepts
  that, its response is one as to any other request; afterwards the response is dropped, and the connection ends
  with it: the socket is closed, if the application has not done so.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import errors
from email.utils import formatdate
from types import TracebackType
from typing import Any

import gevent
from gevent import pywsgi
from gevent.pywsgi import _InvalidClientInput  # type: ignore[attr-defined]  # not among its types
from geventwebsocket.handler import WebSocketHandler

from dsl import header_fields
from mockllm.transports.clock import BEGAN, monotonic
from mockllm.transports.connection import CONNECTION, FRAMING, ClientConnection, send_all
from mockllm.transports.websocket import SOCKET, Socket, is_handshake
from mockllm.transports.websocket_frames import GOING_AWAY, INTERNAL_ERROR, NORMAL

# A body's first piece up to this many bytes leaves with the head; copying a longer one costs more than a write.
_ONE_WRITE = 65536

_BAD_REQUEST = ("400", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

# Of what the parser reports. It was made for mail and looks for the parts of a multipart body, too.
_DEFECTS = (
    errors.FirstHeaderLineIsContinuationDefect,
    errors.InvalidHeaderDefect,
    errors.MisplacedEnvelopeHeaderDefect,
    errors.MissingHeaderBodySeparatorDefect,
)

_log = logging.getLogger(__name__)


class Handler(WebSocketHandler):  # type: ignore[misc]  # it has no types
    """Serves one connection of a `GracefulServer`."""

    connection: ClientConnection
    environ: Any
    websocket: Socket | None = None
    provided_connection: str | None = None
    provided_date: Any
    response_headers: Any
    wsgi_input: Any

    # pywsgi's own are the first two; a network can fail in more ways than these without it being our error.
    ignored_socket_errors = (
        errno.EPIPE,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    )

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            pass  # the client did not wait for its 400
        finally:
            self.server.resting.discard(gevent.getcurrent())

    # -- the request ----------------------------------------------------------------------------------------

    def read_requestline(self) -> str:
        self.environ = None
        if self.server.stopping:
            return ""
        self.server.resting.add(gevent.getcurrent())
        line: str = super().read_requestline()
        return line

    def read_request(self, raw_requestline: str) -> bool:
        if len(raw_requestline.split()) != 3:
            raise ValueError("not a request line")
        return bool(super().read_request(raw_requestline))

    def MessageClass(self, *args: Any) -> Any:  # the name is pywsgi's: its parser of header sections
        headers = super().MessageClass(*args)
        _check(headers)
        return headers

    def _handle_client_error(self, error: Exception) -> tuple[str, bytes] | None:
        if isinstance(error, OSError) and not isinstance(error, _InvalidClientInput):
            return None  # the connection broke before the whole head had come
        _log.warning("malformed request: %s", error)
        return _BAD_REQUEST

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        body = self.wsgi_input
        self.wsgi_input = _Body(body.rfile, body.content_length, body.socket, body.chunked_input)
        self.connection = ClientConnection(self.socket, self.server.resting)
        environ["wsgi.input"] = self.wsgi_input
        environ[BEGAN] = monotonic()
        environ[CONNECTION] = self.connection
        return environ

    def _connection_upgrade_requested(self) -> bool:
        return False  # pywsgi would hand out the connection in place of the request's body

    # -- the response ---------------------------------------------------------------------------------------

    def handle_one_response(self) -> None:
        self.server.resting.discard(gevent.getcurrent())
        super().handle_one_response()
        if self.wsgi_input.lost:
            self.close_connection = True

    def run_application(self) -> None:
        if is_handshake(self.environ):
            self.websocket = self.environ[SOCKET] = Socket(self.environ, self)
        try:
            pywsgi.WSGIHandler.run_application(self)
        except BaseException as error:
            # The connection ends here, and the rest of the request is not waited for.
            self.wsgi_input.lost = True
            stopped = isinstance(error, gevent.GreenletExit)
            self._end_websocket(GOING_AWAY if stopped else INTERNAL_ERROR, wait=not stopped)
            raise
        else:
            self._end_websocket(NORMAL if self.code < 400 else INTERNAL_ERROR)
        finally:
            self.connection.release()

    def handle_error(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, gevent.GreenletExit):
            self.close_connection = True  # the server was stopped: not an error, and no answer either
        else:
            super().handle_error(kind, error, traceback)

    # -- a WebSocket ----------------------------------------------------------------------------------------

    def switch_protocols(self, fields: list[tuple[str, str]]) -> None:
        """Answers 101. What follows is not HTTP any more, and is left to the `Socket`.

        Raises:
            ValueError: HTTP cannot carry a header field.
            OSError: the client has gone.
        """
        pywsgi.WSGIHandler.start_response(self, "101 Switching Protocols", fields)
        self.headers_sent = self.close_connection = self.wsgi_input.lost = True
        self._sendall(b"".join(self._head()))

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if self.websocket is not None and self.websocket.accepted:
            self.code = int(status[:3])
            return lambda data: None
        verbatim = self.connection.verbatim
        # pywsgi has its own opinion on the length of a body that must be empty.
        known = [field for field in headers if not (verbatim and field[0].lower() in FRAMING)]
        write = pywsgi.WSGIHandler.start_response(self, status, known, exc_info)
        if verbatim:
            self.response_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        given = [value for name, value in headers if name.lower() == "connection"]
        self.provided_connection = ", ".join(given) if given else None
        if verbatim or "close" in map(str.strip, ", ".join(given).lower().split(",")):
            self.close_connection = True
        return write

    def process_result(self) -> None:
        if self.websocket is None or not self.websocket.accepted:
            super().process_result()

    def _end_websocket(self, code: int, wait: bool = True) -> None:
        socket, self.websocket = self.websocket, None
        if socket is not None:
            self.environ[SOCKET] = None  # they would keep each other alive
            try:
                socket.close(code, wait=wait)
            finally:
                socket.abort()

    # -- heads ----------------------------------------------------------------------------------------------

    def finalize_headers(self) -> None:
        if self.provided_date is None:
            self.provided_date = _date()
            self.response_headers.append((b"Date", self.provided_date))
        if not self.connection.verbatim:
            super().finalize_headers()
        if self._is_last():
            self.close_connection = True
            if self.provided_connection is not None:
                return
            self.response_headers = [field for field in self.response_headers if field[0].lower() != b"connection"]
            self.response_headers.append((b"Connection", b"close"))

    def _is_last(self) -> bool:
        """Whether the connection must be closed after this response."""
        if self.close_connection or self.server.stopping or self.wsgi_input.lost:
            return True
        # HTTP/1.0 has no chunks: a body without a length ends where the connection ends.
        return (
            self.request_version == "HTTP/1.0"
            and self.code not in (204, 304)
            and not any(name.lower() == b"content-length" for name, _ in self.response_headers)
        )

    def _write_with_headers(self, data: bytes) -> None:
        self.headers_sent = True
        self.finalize_headers()
        head = self._head()
        if 0 < len(data) <= _ONE_WRITE:
            head += (b"%x\r\n" % len(data), data, b"\r\n") if self.response_use_chunked else (data,)
            data = b""
        self._sendall(b"".join(head))
        self._write(data)

    def _head(self) -> list[bytes]:
        head = [b"HTTP/1.1 ", self.status, b"\r\n"]
        for name, value in self.response_headers:
            head += (name, b": ", value, b"\r\n")
        head.append(b"\r\n")
        return head

    def _sendall(self, data: bytes) -> None:
        send_all(self.socket, data)
        self.response_length += len(data)

    def log_request(self) -> None:
        pass


class _Body(pywsgi.Input):
    """The body of a request.

    Attributes:
        lost: whether it is unknown where the body ends, or of no interest any more.
    """

    __slots__ = ("lost",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.lost = False

    def read(self, length: int | None = None) -> bytes:
        with self._framed():
            return super().read(length)

    def readline(self, size: int | None = None) -> bytes:
        with self._framed():
            return super().readline(size)

    def _discard(self) -> None:
        if not self.lost:
            super()._discard()  # type: ignore[misc]  # not among its types

    @contextmanager
    def _framed(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            # pywsgi's own trouble with a chunk size, of which it does not know.
            self.lost = True
            raise _InvalidClientInput("malformed chunk size") from error
        except OSError:
            self.lost = True
            raise


def _check(headers: Any) -> None:
    """Raises `ValueError` for a malformed header section, or an ambiguous length of the body (RFC 9112, 6.3)."""
    if any(isinstance(defect, _DEFECTS) for defect in headers.defects):
        raise ValueError("malformed header section")
    for name in headers.keys():  # noqa: SIM118  # a message is no mapping
        if not header_fields.NAME.fullmatch(name):
            raise ValueError(f"malformed header field name {name!r}")
    lengths = headers.get_all("content-length", [])
    codings = headers.get_all("transfer-encoding", [])
    if codings and (lengths or [coding.lower() for coding in codings] != ["chunked"]):
        raise ValueError("the body has two lengths, or an unknown transfer coding")
    if len(lengths) > 1 or not all(length.isascii() and length.isdecimal() for length in lengths):
        raise ValueError(f"malformed content-length {', '.join(lengths)!r}")


class _Date:
    second = 0
    text = b""


def _date() -> bytes:
    """The time as the `date` field has it, formatted once a second."""
    second = int(time.time())
    if second != _Date.second:
        _Date.second, _Date.text = second, formatdate(second, usegmt=True).encode()
    return _Date.text
