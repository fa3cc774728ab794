"""One client on a WebSocket, whatever the endpoint: it receives, bounds what waits, answers, and ends.

The greenlet that receives puts frames on lanes, each of which answers in a greenlet of its own, so that pings and
a client that leaves are noticed amid an answer. An endpoint says what its frames mean (`take`), what an answer and
an error look like, and which lanes there are.
"""

from __future__ import annotations

import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from flask import Flask, Response, request
from geventwebsocket.exceptions import WebSocketError

from dsl.request import Headers
from dsl.timeline import Close
from mockllm.apis.answer import Answer
from mockllm.apis.errors import ApiError
from mockllm.companion import Companion, socket_request
from mockllm.journal import Recorder
from mockllm.lane import Lane
from mockllm.mock import Api, Mock
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Frame, Part, Stream
from mockllm.transports.watch import Outcome
from mockllm.transports.websocket import LARGEST_MESSAGE, BadHandshake, Socket, socket_of
from mockllm.transports.websocket_frames import POLICY_VIOLATION
from mockllm.transports.websocket_player import SocketPlayer
from mockllm.views import current_mock, request_headers, versioned_path

# So many frames, and `LARGEST_MESSAGE` characters of them, may wait for their turn.
MOST_WAITING = 1_000

_log = logging.getLogger(__name__)


class Turn(Api, Protocol):
    """The API of one frame.

    Attributes:
        generates: whether a rule is to answer it.
        end: what the end of the answer does: it closes the socket so, or leaves it open if None.
    """

    @property
    def generates(self) -> bool: ...

    @property
    def end(self) -> Close | None: ...


class SocketConnection(ABC):
    """One client. `endpoint` is what the rules see as the endpoint."""

    endpoint: str

    def __init__(self, mock: Mock, socket: Socket, path: str, query: Mapping[str, str], headers: Headers) -> None:
        self.mock = mock
        self.socket = socket
        self.headers = headers
        self.opened = monotonic()
        self.event = socket_request(self.endpoint, path, query, headers)
        script = mock.script.sockets.get(path)
        self.companion = Companion(mock, script, socket, self.event, self.encode, self.encode_error, self.opened)
        self._path = path
        self._query = query
        self._numbers = itertools.count(1)
        self._waiting = 0
        self._size = 0

    def hold(self) -> None:
        """Answers the client until it leaves.

        Raises:
            ApiError: the script refuses the connection.
            BadHandshake: it cannot be made.
        """
        self.companion.open()
        try:
            with self.held():
                while (message := self.socket.receive()) is not None:
                    try:
                        self.take(message)
                    except ApiError as error:
                        self.tell(error)
        finally:
            self.companion.close()
            for lane in self.lanes():
                lane.stop()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Around the time in which the connection is open."""
        yield

    # -- what an endpoint says --------------------------------------------------------------------------------

    @abstractmethod
    def take(self, message: str | bytes) -> None:
        """Put a client's frame where it belongs.

        Raises:
            ApiError: it makes no sense.
        """

    @abstractmethod
    def lanes(self) -> list[Lane[Any]]:
        """The lanes that there are."""

    @abstractmethod
    def encode(self, answer: Answer) -> Iterator[Part]:
        """What a script says by itself."""

    @abstractmethod
    def encode_error(self, error: ApiError) -> bytes:
        """An error that belongs to no answer."""

    # -- what all endpoints do --------------------------------------------------------------------------------

    def tell(self, error: ApiError) -> None:
        with suppress(WebSocketError):  # if it has left, the greenlet that receives will notice
            self.socket.send(self.encode_error(error), binary=False)

    def elapsed(self, began: float) -> float:
        """How long the socket had been open at `began`, in seconds of the script."""
        return self.mock.script_seconds(began - self.opened)

    def wait_in(self, lane: Lane[Any], item: Any, size: int) -> None:
        """Let an item of so many characters wait for its turn, unless too much does already."""
        self._waiting += 1
        self._size += size
        if self._waiting > MOST_WAITING or self._size > LARGEST_MESSAGE:
            self.socket.close(POLICY_VIOLATION, "too many requests wait for their answers")
        else:
            lane.put(item, monotonic())

    def waits_no_more(self, size: int) -> None:
        """An item of so many characters has its turn."""
        self._waiting -= 1
        self._size -= size

    def answer(self, turn: Turn, lane: Lane[Any], data: bytes, began: float) -> Outcome:
        """Ask the script, and play what it says."""
        try:
            reply, entry = self.mock.answer(
                turn,
                "WS",
                self._path,
                self._query,
                self.headers,
                data,
                generate=turn.generates,
                socket=self.companion.script,
                owner=self.companion.owner,
                number=next(self._numbers),
            )
        except Exception as error:  # a mistake of ours
            _log.error("WS %s failed", self._path, exc_info=error)
            self.tell(ApiError(500, f"mockllm failed: {type(error).__name__}: {error}", "server_error"))
            return "failed"
        parts = reply.parts if isinstance(reply, Stream) else (Frame(reply.ending.at, reply.data), reply.ending)
        return lane.play(SocketPlayer(self.socket, parts, began, Recorder(entry), turn.end, reply.split))


Connect = Callable[[Mock, Socket, str, Mapping[str, str], Headers], SocketConnection]


def add_socket(app: Flask, path: str, connect: Connect, *, beside: bool = False) -> None:
    """A route for sockets. `beside` is whether other requests on the path have a route of their own."""
    app.add_url_rule(path, f"socket{path}", lambda: hold_socket(connect), websocket=True)
    if not beside:
        app.add_url_rule(path, f"upgrade{path}", upgrade_required)


def hold_socket(connect: Connect) -> Response:
    """Answer the socket that the request asks for until it is closed.

    Raises:
        ApiError: it cannot be made, or the script refuses it.
    """
    try:
        socket = socket_of(request.environ)
        connect(current_mock(), socket, versioned_path(), request.args.to_dict(), request_headers()).hold()
    except BadHandshake as bad:
        raise ApiError(bad.status, str(bad), headers=bad.headers) from None
    return Response()


def upgrade_required() -> Response:
    """Raises:
    ApiError: status 426; only sockets are answered here.
    """
    raise ApiError(426, "This is a WebSocket: ask for an upgrade.", headers=(("upgrade", "websocket"),))
