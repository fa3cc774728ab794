"""`WS /v1/chat`: Chat Completions as a conversation on one socket. Its contract is docs/websocket-chat.md.

One greenlet receives and puts the client's frames in a line; another, which lives only while there is something
to say, answers them one after the other. So a frame is looked at when its turn has come, for what it means
depends on the answers before it: a short message continues the conversation that they have made.

A frame that is answered with an error leaves the conversation as it was, and may be sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from random import Random

from flask import Flask, Response, request

from dsl.request import Headers
from mockllm.apis.errors import ApiError
from mockllm.chat_conversation import Conversation, Turn, encode, error_frame
from mockllm.companion import Companion, socket_request
from mockllm.journal import Recorder
from mockllm.lane import Lane
from mockllm.mock import Mock
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Frame, Part, Reply, Stream
from mockllm.transports.websocket import LARGEST_MESSAGE, BadHandshake, Socket, socket_of
from mockllm.transports.websocket_frames import POLICY_VIOLATION
from mockllm.transports.websocket_player import SocketPlayer
from mockllm.views import current_mock, request_headers, versioned_path

# So many frames, and `LARGEST_MESSAGE` characters of them, may wait for their turn.
MOST_WAITING = 1_000

_log = logging.getLogger(__name__)


def add_routes(app: Flask, prefix: str) -> None:
    app.add_url_rule(f"{prefix}/chat", f"chat_socket{prefix}", _chat_socket, websocket=True)
    app.add_url_rule(f"{prefix}/chat", f"chat_upgrade{prefix}", _upgrade_required)


def _chat_socket() -> Response:
    try:
        socket = socket_of(request.environ)
        _Line(current_mock(), socket, versioned_path(), request.args.to_dict(), request_headers()).hold()
    except BadHandshake as bad:
        raise ApiError(bad.status, str(bad), headers=bad.headers) from None
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
        self._lane: Lane[str | bytes] = Lane(socket, self._answer)
        self._waiting = 0
        self._size = 0
        event = socket_request("chat", path, query, headers)
        script = mock.script.sockets.get(path)
        self._companion = Companion(mock, script, socket, event, encode, error_frame, self._opened)

    def hold(self) -> None:
        """Answers the client until it leaves.

        Raises:
            ApiError: the script refuses the connection.
            BadHandshake: it cannot be made.
        """
        self._companion.open()
        try:
            while (message := self._socket.receive()) is not None:
                self._take(message)
        finally:
            self._companion.close()
            self._lane.stop()

    def _take(self, message: str | bytes) -> None:
        self._waiting += 1
        self._size += len(message)
        if self._waiting > MOST_WAITING or self._size > LARGEST_MESSAGE:
            self._socket.close(POLICY_VIOLATION, "too many requests wait for their answers")
        else:
            self._lane.put(message, monotonic())

    def _answer(self, message: str | bytes, began: float) -> None:
        self._waiting -= 1
        self._size -= len(message)
        turn = Turn(self._conversation, message)
        if turn.is_incomplete or self._play(turn, message, began):
            turn.keep()

    def _play(self, turn: Turn, message: str | bytes, began: float) -> bool:
        """Answers a frame; returns whether the answer came to its end."""
        turn.elapsed = began - self._opened
        data = message.encode() if isinstance(message, str) else message
        recorder = None
        try:
            script = self._companion.script
            reply, entry = self._mock.answer(
                turn, "WS", self._path, self._query, self._headers, data, socket=script
            )
            recorder = Recorder(entry)
        except Exception as error:  # a mistake of ours
            _log.error("WS %s failed", self._path, exc_info=error)
            ours = ApiError(500, f"mockllm failed: {type(error).__name__}: {error}", "server_error")
            reply = turn.error_reply(ours, Random())
        player = SocketPlayer(self._socket, _parts(reply), began, recorder, turn.end)
        return self._lane.play(player) == "complete"


def _parts(reply: Reply) -> Iterable[Part]:
    return reply.parts if isinstance(reply, Stream) else (Frame(reply.ending.at, reply.data), reply.ending)
