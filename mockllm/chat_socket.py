"""`WS /v1/chat`: Chat Completions as a conversation on one socket. Its contract is docs/websocket-chat.md.

One greenlet receives and puts the client's frames in a line; another, which lives only while there is something
to say, answers them one after the other. So a frame is looked at when its turn has come, for what it means
depends on the answers before it: a short message continues the conversation that they have made.

A frame that is answered with an error leaves the conversation as it was, and may be sent again.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from random import Random

import gevent
from flask import Flask, Response, request

from dsl.request import Headers
from mockllm.apis.errors import ApiError
from mockllm.chat_conversation import Conversation, Turn
from mockllm.journal import Recorder
from mockllm.mock import Mock
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Frame, Part, Reply, Stream
from mockllm.transports.websocket import LARGEST_MESSAGE, BadHandshake, Socket, socket_of
from mockllm.transports.websocket_frames import POLICY_VIOLATION
from mockllm.transports.websocket_player import SocketPlayer
from mockllm.views import current_mock, request_headers

# So many frames, and `LARGEST_MESSAGE` characters of them, may wait for their turn.
MOST_WAITING = 1_000

_log = logging.getLogger(__name__)


def add_routes(app: Flask, prefix: str) -> None:
    app.add_url_rule(f"{prefix}/chat", f"chat_socket{prefix}", _chat_socket, websocket=True)
    app.add_url_rule(f"{prefix}/chat", f"chat_upgrade{prefix}", _upgrade_required)


def _chat_socket() -> Response:
    mock = current_mock()
    try:
        socket = socket_of(request.environ)
        socket.accept()
    except BadHandshake as bad:
        raise ApiError(bad.status, str(bad), headers=bad.headers) from None
    path = request.path if request.path.startswith("/v1/") else f"/v1{request.path}"
    _Line(mock, socket, path, request.args.to_dict(), request_headers()).hold()
    return Response()


def _upgrade_required() -> Response:
    raise ApiError(426, "This is a WebSocket: ask for an upgrade.", headers=(("upgrade", "websocket"),))


class _Line:
    """The frames of one client, which are answered first in, first out."""

    def __init__(self, mock: Mock, socket: Socket, path: str, query: Mapping[str, str], headers: Headers) -> None:
        self._mock = mock
        self._socket = socket
        self._path = path
        self._query = query
        self._headers = headers
        self._opened = monotonic()
        self._conversation = Conversation()
        self._waiting: deque[tuple[str | bytes, float]] = deque()
        self._size = 0
        self._answering: gevent.Greenlet[[], None] | None = None
        self._player: SocketPlayer | None = None

    def hold(self) -> None:
        """Answers the client until it leaves."""
        try:
            while (message := self._socket.receive()) is not None:
                self._take(message)
            if self._player is not None:
                self._player.cancel()
        finally:
            if self._answering is not None:
                self._answering.kill()

    def _take(self, message: str | bytes) -> None:
        self._waiting.append((message, monotonic()))
        self._size += len(message)
        if len(self._waiting) > MOST_WAITING or self._size > LARGEST_MESSAGE:
            self._socket.close(POLICY_VIOLATION, "too many requests wait for their answers")
        elif self._answering is None:
            self._answering = gevent.spawn(self._answer_all)

    def _answer_all(self) -> None:
        now = 0.0
        while self._waiting and not self._socket.closed:
            message, arrived = self._waiting.popleft()
            self._size -= len(message)
            turn = Turn(self._conversation, message)
            if turn.is_incomplete or self._answer(turn, message, max(arrived, now)):
                turn.keep()
            now = monotonic()
        self._answering = None

    def _answer(self, turn: Turn, message: str | bytes, began: float) -> bool:
        """Answers a frame; returns whether the answer came to its end."""
        turn.elapsed = began - self._opened
        data = message.encode() if isinstance(message, str) else message
        recorder = None
        try:
            reply, entry = self._mock.answer(turn, "WS", self._path, self._query, self._headers, data)
            recorder = Recorder(entry)
        except Exception as error:  # a mistake of ours
            _log.error("WS %s failed", self._path, exc_info=error)
            ours = ApiError(500, f"mockllm failed: {type(error).__name__}: {error}", "server_error")
            reply = turn.error_reply(ours, Random())
        self._player = SocketPlayer(self._socket, _parts(reply), began, recorder, turn.end)
        return self._player.play() == "complete"


def _parts(reply: Reply) -> Iterable[Part]:
    return reply.parts if isinstance(reply, Stream) else (Frame(reply.ending.at, reply.data), reply.ending)
