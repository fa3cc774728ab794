"""Sockets on a path of the script's own: its `socket` block is the protocol.

Each of the client's frames is an event: its `type`, a body with any fields, and, if it carries one, the text of a
user's turn. What rules `push` are frames as they are; what they say becomes the events of a Responses answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from dsl.request import Headers, Message, Messages, Request
from dsl.socket_frames import spoken
from dsl.timeline import Close, End, Ending, Fail
from mockllm.apis import errors
from mockllm.apis.answer import Answer
from mockllm.apis.chat_request import parse
from mockllm.apis.errors import ApiError
from mockllm.apis.replies import bare_parts
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_stream import Wire, parts
from mockllm.chance import Draws
from mockllm.companion import close_of
from mockllm.lane import Lane
from mockllm.mock import Mock
from mockllm.responses_turn import error_frame
from mockllm.serving import MOCK
from mockllm.socket_connection import SocketConnection, hold_socket, upgrade_required
from mockllm.transports.frames import Body, Part, Reply, Stream
from mockllm.transports.websocket import Socket, is_handshake
from mockllm.views import versioned_path

# The paths whose protocol is OpenAI's or documented: there a script's block adds to it.
BUILT_IN = frozenset(("/v1/chat", "/v1/responses"))

_log = logging.getLogger(__name__)

Json = dict[str, Any]


def add_routes(app: Flask) -> None:
    """No routes of Flask's: those of a script come and go with it, and another mock has others."""
    app.before_request(_hold)


def _hold() -> Response | None:
    mock: Mock | None = request.environ[MOCK]
    # A script may mean a path without `/v1`, too.
    paths = {versioned_path(), request.path}
    if mock is None or not (paths & mock.script.sockets.keys()) or paths & BUILT_IN:
        return None
    if is_handshake(request.environ):
        return hold_socket(ScriptConnection)
    if isinstance(request.routing_exception, NotFound):
        upgrade_required()
    return None


def spoken_events(answer: Answer) -> Iterator[Part]:
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
            return Body(error.status, (), error_frame(error), answer.ending, split=timeline.split)
        found = bare_parts(timeline) if timeline.is_bare else spoken_events(answer)
        return Stream(200, (), found, timeline.split)

    def error_reply(self, error: ApiError, random: Draws) -> Body:
        return Body(error.status, (), error_frame(error), End(0))

    model_not_found = staticmethod(errors.response_model_not_found)

    @property
    def end(self) -> Close | None:
        return None if self._ending is None else close_of(self._ending)

    def keep(self, outcome: str) -> None:
        """There is nothing to remember."""


class ScriptConnection(SocketConnection):
    """One client, whose frames are answered first in, first out.

    Raises `ApiError` when made of a path on which the mock has no socket: status 404.
    """

    endpoint = "socket"

    def __init__(self, mock: Mock, socket: Socket, path: str, query: Mapping[str, str], headers: Headers) -> None:
        # A script may mean a path without `/v1`, too.
        path = path if path in mock.script.sockets else path.removeprefix("/v1")
        if path not in mock.script.sockets:
            raise errors.unknown_url("GET", path)
        super().__init__(mock, socket, path, query, headers)
        self._lane: Lane[tuple[Json, bytes]] = Lane(socket, self._answer)

    def lanes(self) -> list[Lane[Any]]:
        return [self._lane]

    def encode(self, answer: Answer) -> Iterator[Part]:
        return spoken_events(answer)

    def encode_error(self, error: ApiError) -> bytes:
        return error_frame(error)

    def take(self, message: str | bytes) -> None:
        data = message if isinstance(message, bytes) else message.encode()
        frame = parse(data)
        if not isinstance(frame, dict):
            raise errors.not_json()
        kind = frame.get("type")
        handled = isinstance(kind, str) and self.companion.on(kind, frame)
        script = self.companion.script
        if not handled or (script is not None and script.table.rules):
            self.wait_in(self._lane, (frame, data), len(data))

    def _answer(self, item: tuple[Json, bytes], began: float) -> None:
        frame, data = item
        self.waits_no_more(len(data))
        self.answer(EventTurn(frame, self.event, self.elapsed(began)), self._lane, data, began)
