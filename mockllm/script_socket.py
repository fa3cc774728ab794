"""Sockets on a path of the script's own: its `socket` block is the protocol.

Each of the client's frames is an event: its `type`, a body with any fields, and, if it carries one, the text of a
user's turn. What rules `push` are frames as they are; what they say becomes the events of a Responses answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

from flask import Flask, Response, request
from geventwebsocket.exceptions import WebSocketError

from dsl.request import Headers, Message, Messages, Request
from dsl.timeline import Close, End, Ending, Fail
from mockllm.apis import errors
from mockllm.apis.answer import Answer
from mockllm.apis.chat_request import parse
from mockllm.apis.errors import ApiError
from mockllm.apis.replies import bare_parts
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_stream import Wire, parts
from mockllm.companion import Companion, close_of, socket_request
from mockllm.journal import Recorder
from mockllm.lane import Lane
from mockllm.mock import Mock
from mockllm.responses_turn import error_frame
from mockllm.serving import Mocks
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Body, Frame, Part, Reply, Stream
from mockllm.transports.websocket import BadHandshake, Socket, socket_of
from mockllm.transports.websocket_player import SocketPlayer
from mockllm.views import current_mock, request_headers, versioned_path

# The paths whose protocol is OpenAI's or documented: there a script's block adds to it.
BUILT_IN = frozenset(("/v1/chat", "/v1/responses"))

_log = logging.getLogger(__name__)

Json = dict[str, Any]


def add_routes(app: Flask, mocks: Mocks) -> None:
    """Routes for the sockets of all scripts; a view finds out whether the mock that is meant has one there."""
    paths = {path for mock in mocks.by_name.values() for path in mock.script.sockets} - BUILT_IN
    for path in sorted({*paths, *(path.removeprefix("/v1") for path in paths)}):
        app.add_url_rule(path, f"socket{path}", _socket, websocket=True)
        app.add_url_rule(path, f"upgrade{path}", _upgrade_required)


def _socket() -> Response:
    mock = current_mock()
    script = mock.script.sockets
    path = next((path for path in (request.path, versioned_path()) if path in script), None)
    if path is None:
        raise errors.unknown_url(request.method, request.path)
    try:
        socket = socket_of(request.environ)
        _Connection(mock, socket, path, request.args.to_dict(), request_headers()).hold()
    except BadHandshake as bad:
        raise ApiError(bad.status, str(bad), headers=bad.headers) from None
    return Response()


def _upgrade_required() -> Response:
    raise ApiError(426, "This is a WebSocket: ask for an upgrade.", headers=(("upgrade", "websocket"),))


def encode(answer: Answer) -> Iterator[Part]:
    """What a script says, as the events of a Responses answer. The client's frame is no request of that API."""
    model = answer.request.model
    plain = replace(answer.request, body={} if model is None else {"model": model})
    return parts(Output(replace(answer, request=plain)), Wire(sse=False))


class EventTurn:
    """A frame that is no request of an API, for `Mock.answer`."""

    generates = True

    def __init__(self, frame: Json, event: Callable[[str, Any, float], Request], elapsed: float) -> None:
        self._frame = frame
        self._event = event
        self._elapsed = elapsed
        self._ending: Ending | None = None

    def decode(
        self, body: bytes, *, path: str, query: Mapping[str, str], headers: Headers, lenient: bool
    ) -> Request:
        kind = self._frame.get("type")
        found = self._event(kind if isinstance(kind, str) else "", self._frame, self._elapsed)
        said = spoken(self._frame)
        if said is not None:
            found.messages = Messages([Message("user", said, content=said)])
        return found

    def reply(self, answer: Answer) -> Reply:
        timeline = answer.timeline
        self._ending = timeline.ending
        if isinstance(timeline.ending, Fail) and not timeline.speaks:
            error = errors.from_fail(timeline.ending)
            return Body(error.status, (), error_frame(error), answer.ending)
        return Stream(200, (), bare_parts(timeline) if timeline.is_bare else encode(answer))

    def error_reply(self, error: ApiError, random: Random) -> Body:
        return Body(error.status, (), error_frame(error), End(0))

    model_not_found = staticmethod(errors.response_model_not_found)

    @property
    def end(self) -> Close | None:
        return None if self._ending is None else close_of(self._ending)

    def keep(self, outcome: str) -> None:
        """There is nothing to remember."""


def spoken(frame: Json) -> str | None:
    """The text of the user's turn that a frame carries, in any of the forms that socket protocols have for it."""
    if frame.get("role", "user") != "user":
        return None
    for key in ("input", "content", "text", "message", "item"):
        value = frame.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            return spoken(value)
        if isinstance(value, list):
            texts = [found for part in value if isinstance(part, dict) and (found := spoken(part)) is not None]
            if texts:
                return "\n".join(texts)
    return None


class _Connection:
    """One client, whose frames are answered first in, first out."""

    def __init__(self, mock: Mock, socket: Socket, path: str, query: Mapping[str, str], headers: Headers) -> None:
        self._mock = mock
        self._socket = socket
        self._path = path
        self._query = query
        self._headers = headers
        self._opened = monotonic()
        self._event = socket_request("socket", path, query, headers)
        script = mock.script.sockets[path]
        self._companion = Companion(mock, script, socket, self._event, encode, error_frame, self._opened)
        self._lane: Lane[Json] = Lane(socket, self._answer)

    def hold(self) -> None:
        """Answers the client until it leaves.

        Raises:
            ApiError: the script refuses the connection.
            BadHandshake: it cannot be made.
        """
        self._companion.open()
        try:
            while (message := self._socket.receive()) is not None:
                try:
                    self._take(message)
                except ApiError as error:
                    with suppress(WebSocketError):
                        self._socket.send(error_frame(error), binary=False)
        finally:
            self._companion.close()
            self._lane.stop()

    def _take(self, message: str | bytes) -> None:
        frame = parse(message if isinstance(message, bytes) else message.encode())
        if not isinstance(frame, dict):
            raise errors.not_json()
        kind = frame.get("type")
        handled = isinstance(kind, str) and self._companion.on(kind, frame)
        script = self._companion.script
        if not handled or (script is not None and script.table.rules):
            self._lane.put(frame, monotonic())

    def _answer(self, frame: Json, began: float) -> None:
        turn = EventTurn(frame, self._event, round(began - self._opened, 6))
        try:
            reply, entry = self._mock.answer(
                turn, "WS", self._path, self._query, self._headers, b"", socket=self._companion.script
            )
        except Exception as error:  # a mistake of ours
            _log.error("WS %s failed", self._path, exc_info=error)
            ours = ApiError(500, f"mockllm failed: {type(error).__name__}: {error}", "server_error")
            with suppress(WebSocketError):
                self._socket.send(error_frame(ours), binary=False)
            return
        found = reply.parts if isinstance(reply, Stream) else (Frame(reply.ending.at, reply.data), reply.ending)
        self._lane.play(SocketPlayer(self._socket, found, began, Recorder(entry), turn.end))
