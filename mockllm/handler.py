"""HTTP on one connection, the same under both servers: the seam between gevent's pywsgi and everything else.

pywsgi reads bodies and frames responses. What is changed here, and why:

* A head and the first piece of its body leave in one write. Two writes cost twice, and a client may take the
  gap between them for a delay that no script asked for.
* What is on an exact path is answered past WSGI (`mockllm.exact_paths`), if its answer leaves in one piece.
* Heads are parsed in C (`mockllm.http_head`): pywsgi's own parser was made for mail. What two parsers of HTTP
  could read differently is refused with 400, and so is all that pywsgi would report with a traceback. After a
  body that was malformed the connection is closed, for nobody knows where the next request begins.
* The environ has the connection and the time at which the request arrived: see `mockllm.transports`.
* A server that stops must not wait for clients to which it owes nothing. So the greenlet of a connection is
  among the server's resting ones while it waits for a request, and may be killed then. One that waits for a client
  for too long is killed in any case (`IDLE_TIMEOUT`).
* A script may frame a body itself: then the length or the transfer coding that it gives is sent as it is, pywsgi
  adds none and refuses none, the bytes leave without chunks, and the connection is closed behind them. A
  `connection` that the application gives is sent as it is, too; with `close` in it the connection really closes.
* What arrives is read by a reader of our own (`mockllm.transports.arrivals`), which lets all clients have their
  turns.
* A client that has gone is no error, and requests are not logged: the journal has them.
* A request for a WebSocket is the application's to accept: it finds a `Socket` in the environ. Until it accepts
  that, its response is one as to any other request; afterwards the response is dropped, and the connection ends
  with it: the socket is closed, if the application has not done so.
"""

from __future__ import annotations

import errno
import io
import logging
import socket
from contextlib import suppress
from types import TracebackType
from typing import Any

import gevent
from gevent import pywsgi
from gevent.pywsgi import _InvalidClientInput  # type: ignore[attr-defined]  # not among its types
from geventwebsocket.handler import WebSocketHandler

from mockllm.exact_paths import FAILURE, Ask
from mockllm.http_head import Head, parsed, read
from mockllm.journal import Recorder, recorded_player
from mockllm.request_body import RequestBody
from mockllm.response_head import date, head_of
from mockllm.transports.arrivals import Arrivals, Reader
from mockllm.transports.clock import BEGAN, monotonic
from mockllm.transports.connection import CONNECTION, ClientConnection, send_all
from mockllm.transports.fields import field_of
from mockllm.transports.frames import Body
from mockllm.transports.json import leaves_at_once
from mockllm.transports.watch import Outcome
from mockllm.transports.websocket import SOCKET, Socket, is_handshake
from mockllm.transports.websocket_frames import GOING_AWAY, INTERNAL_ERROR, NORMAL

# A body's first piece up to this many bytes leaves with the head; copying a longer one costs more than a write.
_ONE_WRITE = 65536

_BAD_REQUEST = ("400", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

_log = logging.getLogger(__name__)


class Handler(WebSocketHandler):  # type: ignore[misc]  # it has no types
    """Serves one connection of a `GracefulServer`."""

    exact = True  # whether exact paths are asked
    head: Head
    began: float
    ask: Ask | None
    connection: ClientConnection
    environ: Any
    websocket: Socket | None = None
    provided_connection: str | None = None
    provided_date: Any
    response_headers: Any
    wsgi_input: Any
    application: Any

    # pywsgi's own are the first two; a network can fail in more ways than these without it being our error.
    ignored_socket_errors = (
        errno.EPIPE,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    )

    def __init__(self, client: Any, address: Any, server: Any) -> None:
        self._client: socket.socket = client._sock  # the system's: gevent's would close it a turn later
        self._arrivals = Arrivals(self._client)
        super().__init__(client, address, server, io.BufferedReader(Reader(self._client, self._arrivals)))

    def handle(self) -> None:
        try:
            while (result := self.handle_one_request()) is True:
                pass
            if result is not None:
                self.status, answer = result
                self._sendall(answer)
                self.log_request()
        except OSError:
            pass  # the client did not wait for its 400
        finally:
            self._close()

    def _close(self) -> None:
        current = gevent.getcurrent()
        self.server.resting.discard(current)
        self.server.waiting.pop(current, None)
        self._arrivals.close()
        # Bytes that nobody has read would turn the close into a reset, which may destroy what is on its way.
        with suppress(OSError):
            self._client.recv(16384)
        self._client.close()
        self.socket.close()
        for name in ("socket", "rfile", "wsgi_input", "application", "ask"):
            self.__dict__.pop(name, None)  # they would keep each other alive

    # -- the request ----------------------------------------------------------------------------------------

    def read_requestline(self) -> str:
        # An idle connection holds nothing of the last answer.
        self.environ = self.application = self.ask = None
        if self.server.stopping:
            return ""
        current = gevent.getcurrent()
        self.server.resting.add(current)
        self.server.waiting[current] = monotonic()
        line: str = super().read_requestline()
        # Some clients send an empty line behind a body, and one is to be ignored (RFC 9112, 2.2).
        return super().read_requestline() if line == "\r\n" else line

    def read_request(self, raw_requestline: str) -> bool:
        self.requestline = raw_requestline.rstrip()
        head = self.head = parsed(read(self.rfile, raw_requestline.encode("latin-1")))
        self.command, self.path, self.request_version = head.method, head.target, f"HTTP/{head.version}"
        self.content_length = head.content_length
        connection = head.fields.get("HTTP_CONNECTION", "").lower()
        if head.version == "1.1":
            self.close_connection = "close" in map(str.strip, connection.split(",")) if connection else False
        else:
            self.close_connection = connection != "keep-alive"
        return True

    def _handle_client_error(self, error: Exception) -> tuple[str, bytes] | None:
        if isinstance(error, OSError) and not isinstance(error, _InvalidClientInput):
            return None  # the connection broke before the whole head had come
        _log.warning("malformed request: %s", error)
        return _BAD_REQUEST

    def get_environ(self) -> dict[str, Any]:
        """The environ of the request; an empty one if it is on an exact path, which needs none."""
        self.began = monotonic()
        paths, head = self.server.exact_paths if self.exact else None, self.head
        self.ask = None if paths is None or self.close_connection or head.version != "1.1" else paths.find(head)
        return {} if self.ask is not None else self.make_environ()

    def make_environ(self) -> dict[str, Any]:
        head = self.head
        waits = self.socket if head.fields.get("HTTP_EXPECT", "").lower() == "100-continue" else None
        self.wsgi_input = RequestBody(self.rfile, head.content_length, waits, head.chunked)
        self.wsgi_input.waiting = self.server.waiting
        self.connection = ClientConnection(self._client, self._arrivals, self.server.resting)
        environ: dict[str, Any] = self.server.get_environ()
        environ.update(head.environ)
        if isinstance(self.client_address, tuple):
            environ["REMOTE_ADDR"] = self.client_address[0]
            environ["REMOTE_PORT"] = str(self.client_address[1])
        environ["wsgi.input"] = self.wsgi_input
        environ["wsgi.input_terminated"] = True
        environ[BEGAN] = self.began
        environ[CONNECTION] = self.connection
        return environ

    @property
    def headers(self) -> dict[str, str]:
        """The header of the request, for gunicorn's access log."""
        return {name.removeprefix("HTTP_").replace("_", "-"): value for name, value in self.head.fields.items()}

    # -- the response ---------------------------------------------------------------------------------------

    def handle_one_response(self) -> None:
        current = gevent.getcurrent()
        self.server.resting.discard(current)
        del self.server.waiting[current]
        if self.ask is not None and self._answers_exactly(self.ask):
            return
        super().handle_one_response()
        if self.wsgi_input.lost:
            self.close_connection = True

    def _answers_exactly(self, ask: Ask) -> bool:
        """Answers a request on an exact path if its answer leaves in one piece; else prepares for its player."""
        whole = None
        try:
            body = self._exact_body()
            reply, entry = ask(body, self.began)
            if isinstance(reply, Body) and leaves_at_once(reply) and not self.server.stopping:
                head = head_of(reply)
                whole = None if head is None else (head, reply.data)
            if whole is None:
                self.application = recorded_player(reply, self.began, entry)
        except Exception as error:
            # Flask tells the client. Nobody knows how much of the body has been read.
            self.environ = self.make_environ() | {FAILURE: error}
            self.wsgi_input.lost = True
            return False
        if whole is None:
            self.environ = self.make_environ()
            self.wsgi_input.position = len(body)
            return False
        self._send_whole(*whole, Recorder(entry))
        return True

    def _exact_body(self) -> bytes:
        """Raises:
        HTTPException: the client has left before it had sent all of it, as Werkzeug says that.
        """
        length, current = self.head.content_length, gevent.getcurrent()
        self.server.waiting[current] = monotonic()
        try:
            body: bytes = self.rfile.read(length)
        except OSError:
            body = b""
        finally:
            self.server.waiting.pop(current, None)
        if len(body) != length:
            from werkzeug.exceptions import ClientDisconnected

            raise ClientDisconnected
        return body

    def _send_whole(self, head: bytes, data: bytes, recorder: Recorder) -> None:
        outcome: Outcome = "cut"
        try:
            if len(data) > _ONE_WRITE:
                send_all(self.socket, head)
                send_all(self.socket, data)
            else:
                send_all(self.socket, head + data)
            recorder.sent(monotonic() - self.began, len(data), 1)
            outcome = "complete"
        except OSError:
            outcome = "left"
            self.close_connection = True
        finally:
            recorder.ended(monotonic() - self.began, outcome)

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
        if exc_info is not None and self.headers_sent:
            raise exc_info[1].with_traceback(exc_info[2])
        self.code = int(status[:3])
        if self.websocket is not None and self.websocket.accepted:
            return lambda data: None
        self.status = status.encode("latin-1")
        self.provided_date = self.provided_content_length = self.provided_connection = None
        verbatim = self.connection.verbatim
        self.response_headers = fields = []
        for header in headers:
            known = field_of(header)
            fields.append(known.sent)
            if not known.kind:
                continue
            value = header[1]
            if known.kind == "connection":
                self.provided_connection = f"{self.provided_connection or ''},{value}".lstrip(",")
            elif known.kind == "date":
                self.provided_date = value
            elif known.kind == "content-length" and not verbatim:
                self.provided_content_length = value
        # A script's own framing is sent as it is, and then nobody knows where the body ends.
        if verbatim or "close" in map(str.strip, (self.provided_connection or "").lower().split(",")):
            self.close_connection = True
        elif self.request_version == "HTTP/1.0" and self.provided_connection is None:
            fields.append((b"Connection", b"close" if self.close_connection else b"keep-alive"))
        return self.write

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
            self.provided_date = date()
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

    def write(self, data: bytes) -> None:
        if not self.headers_sent:
            self._write_with_headers(data)
        elif data:
            self._sendall(b"%x\r\n%b\r\n" % (len(data), data) if self.response_use_chunked else data)

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
