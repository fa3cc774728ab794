"""`WS /v1/responses`: the Responses API on one socket.

The client's events are put on lanes, by their `stream_id`. A lane answers first in, first out; different lanes
answer side by side, at most `MOST_IN_FLIGHT` at once, and what is more than that waits. Each lane with something
to do is a greenlet; the greenlet that receives puts frames on lanes and answers what needs no script.

A frame that makes no sense is an `error` event, and the socket stays open. After its lifetime the connection is
closed with 1001, from which the SDKs reconnect.

The limits are those of OpenAI's guide to the WebSocket mode.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import gevent
from flask import Flask, Response, request
from gevent.lock import BoundedSemaphore
from geventwebsocket.exceptions import WebSocketError

from dsl.request import Headers
from mockllm.apis import errors
from mockllm.apis.chat_request import parse
from mockllm.apis.errors import ApiError
from mockllm.apis.serialise import compact
from mockllm.apis.validation import invalid_value, missing
from mockllm.companion import Companion, socket_request
from mockllm.journal import Recorder
from mockllm.lane import Lane
from mockllm.mock import Mock
from mockllm.responses_turn import Memory, Turn, error_frame
from mockllm.script_socket import EventTurn, encode
from mockllm.sessions import session_name
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Frame, Stream
from mockllm.transports.websocket import LARGEST_MESSAGE, BadHandshake, Socket, socket_of
from mockllm.transports.websocket_frames import GOING_AWAY, POLICY_VIOLATION
from mockllm.transports.websocket_player import SocketPlayer
from mockllm.views import current_mock, request_headers, versioned_path

MOST_IN_FLIGHT = 16
MOST_LANES = 32
# So many frames, and `LARGEST_MESSAGE` characters of them, may wait for their turn.
MOST_WAITING = 1_000

_STREAM_ID = re.compile(r"[A-Za-z0-9_.-]{1,256}")

_log = logging.getLogger(__name__)

Json = dict[str, Any]


def add_routes(app: Flask, prefix: str) -> None:
    app.add_url_rule(f"{prefix}/responses", f"responses_socket{prefix}", _responses_socket, websocket=True)


def _responses_socket() -> Response:
    try:
        socket = socket_of(request.environ)
        _Connection(current_mock(), socket, versioned_path(), request.args.to_dict(), request_headers()).hold()
    except BadHandshake as bad:
        raise ApiError(bad.status, str(bad), headers=bad.headers) from None
    return Response()


class _Connection:
    def __init__(self, mock: Mock, socket: Socket, path: str, query: Mapping[str, str], headers: Headers) -> None:
        self._mock = mock
        self._socket = socket
        self._path = path
        self._query = query
        self._headers = headers
        self._opened = monotonic()
        self._memory = Memory(mock.archive.shelf(session_name(headers)))
        self._lanes: dict[str | None, Lane[tuple[Json, bytes]]] = {}
        self._lane(None)
        self._in_flight = BoundedSemaphore(MOST_IN_FLIGHT)
        self._waiting = 0
        self._size = 0
        self._event = socket_request("responses", path, query, headers)
        script = mock.script.sockets.get(path)
        self._companion = Companion(mock, script, socket, self._event, encode, error_frame, self._opened)

    def hold(self) -> None:
        """Answers the client until it leaves, or its time is up.

        Raises:
            ApiError: the script refuses the connection.
            BadHandshake: it cannot be made.
        """
        self._companion.open()
        expiry = gevent.spawn_later(self._mock.socket_lifetime, self._expire)
        try:
            while (message := self._socket.receive()) is not None:
                try:
                    self._take(message)
                except ApiError as error:
                    self._tell(error)
        finally:
            expiry.kill()
            self._companion.close()
            for lane in self._lanes.values():
                lane.stop()

    def _expire(self) -> None:
        message = "Responses websocket connection limit reached. Create a new websocket connection to continue."
        self._tell(ApiError(400, message, code="websocket_connection_limit_reached"))
        self._socket.close(GOING_AWAY, "connection limit reached")

    def _tell(self, error: ApiError, lane: str | None = None) -> None:
        with suppress(WebSocketError):  # if it has left, the greenlet that receives will notice
            self._socket.send(error_frame(error, lane), binary=False)

    # -- frames -----------------------------------------------------------------------------------------------

    def _take(self, message: str | bytes) -> None:
        """Put a client's event where it belongs.

        Raises:
            ApiError: it makes no sense.
        """
        arrived = monotonic()
        if isinstance(message, bytes):
            raise ApiError(400, "An event is a text frame, and this is a binary one.")
        data = message.encode()
        frame = parse(data)
        if not isinstance(frame, dict):
            raise errors.not_json()
        kind = frame.get("type")
        handled = isinstance(kind, str) and self._companion.on(kind, frame)
        if kind == "response.steer":
            self._refuse_steering(frame)
        elif kind != "response.create":
            script = self._companion.script
            if isinstance(kind, str) and script is not None and script.table.rules:
                self._put(None, frame, data, arrived)
            elif not handled:
                raise _unknown_event(kind)
        else:
            self._put(frame.get("stream_id"), frame, data, arrived)

    def _lane(self, name: object) -> Lane[tuple[Json, bytes]]:
        if name is not None and not (isinstance(name, str) and _STREAM_ID.fullmatch(name)):
            message = "Invalid 'stream_id': expected 1 to 256 letters, digits, '_', '.' or '-'."
            raise ApiError(400, message, param="stream_id", code="invalid_stream_id")
        lane = self._lanes.get(name)
        if lane is None:
            if len(self._lanes) > MOST_LANES:  # the default lane does not count
                message = f"A connection has at most {MOST_LANES} named streams."
                raise ApiError(400, message, param="stream_id", code="websocket_stream_limit_reached")
            lane = self._lanes[name] = Lane(self._socket, partial(self._answer_in_turn, name))
        return lane

    def _put(self, name: object, frame: Json, data: bytes, arrived: float) -> None:
        lane = self._lane(name)
        self._waiting += 1
        self._size += len(data)
        if self._waiting > MOST_WAITING or self._size > LARGEST_MESSAGE:
            self._socket.close(POLICY_VIOLATION, "too many requests wait for their answers")
        else:
            lane.put((frame, data), arrived)

    def _refuse_steering(self, frame: Json) -> None:
        """A mock's answers are written before they begin: none can be steered."""
        steer = {"input": frame.get("input"), "previous_response_id": frame.get("previous_response_id")}
        message = "This server does not support steering."
        error = {"type": errors.INVALID_REQUEST, "code": "steering_not_supported", "message": message}
        event = {"type": "response.steer.failed", "error": error, "sequence_number": 0, "steer": steer}
        with suppress(WebSocketError):
            self._socket.send(compact(event))

    # -- answers ----------------------------------------------------------------------------------------------

    def _answer_in_turn(self, name: str | None, item: tuple[Json, bytes], began: float) -> None:
        frame, data = item
        waits = self._in_flight.locked()
        with self._in_flight:
            self._answer(name, frame, data, monotonic() if waits else began)
        self._waiting -= 1
        self._size -= len(data)

    def _answer(self, name: str | None, frame: Json, data: bytes, began: float) -> None:
        """Answers one event; its answer begins at `began`, on the monotonic clock."""
        turn: Turn | EventTurn = Turn(self._memory, frame, name, len(data), began, began - self._opened)
        if frame.get("type") != "response.create":
            turn = EventTurn(frame, self._event, round(began - self._opened, 6))
        script = self._companion.script
        try:
            reply, entry = self._mock.answer(
                turn, "WS", self._path, self._query, self._headers, data, generate=turn.generates, socket=script
            )
        except Exception as error:  # a mistake of ours
            _log.error("WS %s failed", self._path, exc_info=error)
            ours = ApiError(500, f"mockllm failed: {type(error).__name__}: {error}", "server_error")
            self._tell(ours, name)
            return
        found = reply.parts if isinstance(reply, Stream) else (Frame(reply.ending.at, reply.data), reply.ending)
        player = SocketPlayer(self._socket, found, began, Recorder(entry), turn.end)
        turn.keep(self._lanes[name].play(player))


def _unknown_event(kind: object) -> ApiError:
    if kind is None:
        return missing("type")
    told = kind if isinstance(kind, str) else compact(kind)
    return invalid_value("type", told, ("response.create", "response.steer"))
