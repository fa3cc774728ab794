"""`WS /v1/responses`: the Responses API on one socket.

The client's events are put on lanes, by their `stream_id`. A lane answers first in, first out; different lanes
answer side by side, at most `MOST_IN_FLIGHT` at once, and what is more than that waits. Each lane that has had
something to do is a greenlet; the one that receives puts frames on lanes and answers what needs no script.

A frame that makes no sense is an `error` event, and the socket stays open. After its lifetime the connection is
closed with 1001, from which the SDKs reconnect.

The limits are those of OpenAI's guide to the WebSocket mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from typing import Any

import gevent
from flask import Flask
from gevent.lock import BoundedSemaphore
from geventwebsocket.exceptions import WebSocketError

from dsl.error_defaults import INVALID_REQUEST
from dsl.session_names import session_name
from mockllm.apis import errors
from mockllm.apis.answer import Answer
from mockllm.apis.chat_request import LARGEST_KEPT, MOST_KEPT, parse
from mockllm.apis.errors import ApiError
from mockllm.apis.serialise import compact
from mockllm.apis.validation import invalid_value, missing
from mockllm.lane import Lane
from mockllm.responses_turn import Memory, Turn, error_frame
from mockllm.script_socket import EventTurn, spoken_events
from mockllm.socket_connection import SocketConnection, add_socket
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Part
from mockllm.transports.websocket_frames import GOING_AWAY

MOST_IN_FLIGHT = 16
MOST_LANES = 32

_STREAM_ID = re.compile(r"[A-Za-z0-9_.-]{1,256}")

Json = dict[str, Any]


def add_routes(app: Flask, prefix: str) -> None:
    add_socket(app, f"{prefix}/responses", ResponsesConnection, beside=True)


class ResponsesConnection(SocketConnection):
    """One client. An item of a lane is the client's event and its text in UTF-8."""

    endpoint = "responses"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._memory = Memory(self.mock.archive.shelf(session_name(self.headers)))
        self._in_flight = BoundedSemaphore(MOST_IN_FLIGHT)
        self._lanes: dict[str | None, Lane[tuple[Json, bytes]]] = {}
        self._lane(None)

    def lanes(self) -> list[Lane[Any]]:
        return list(self._lanes.values())

    def encode(self, answer: Answer) -> Iterator[Part]:
        return spoken_events(answer)

    def encode_error(self, error: ApiError) -> bytes:
        return error_frame(error)

    @contextmanager
    def held(self) -> Iterator[None]:
        expiry = gevent.spawn_later(self.mock.socket_lifetime, self._expire)
        try:
            yield
        finally:
            expiry.kill()

    def _expire(self) -> None:
        message = "Responses websocket connection limit reached. Create a new websocket connection to continue."
        self.tell(ApiError(400, message, code="websocket_connection_limit_reached"))
        self.socket.close(GOING_AWAY, "connection limit reached")

    # -- frames -----------------------------------------------------------------------------------------------

    def take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            raise ApiError(400, "An event is a text frame, and this is a binary one.")
        data = message.encode()
        frame = _parsed(data) if len(data) <= LARGEST_KEPT else parse(data)
        if not isinstance(frame, dict):
            raise errors.not_json()
        kind = frame.get("type")
        handled = isinstance(kind, str) and self.companion.on(kind, frame)
        if kind == "response.steer":
            self._refuse_steering(frame)
        elif kind != "response.create":
            script = self.companion.script
            if isinstance(kind, str) and script is not None and script.table.rules:
                self.wait_in(self._lane(None), (frame, data), len(data))
            elif not handled:
                raise _unknown_event(kind)
        else:
            self.wait_in(self._lane(frame.get("stream_id")), (frame, data), len(data))

    def _lane(self, name: object) -> Lane[tuple[Json, bytes]]:
        if name is not None and not (isinstance(name, str) and _STREAM_ID.fullmatch(name)):
            message = "Invalid 'stream_id': expected 1 to 256 letters, digits, '_', '.' or '-'."
            raise ApiError(400, message, param="stream_id", code="invalid_stream_id")
        lane = self._lanes.get(name)
        if lane is None:
            if len(self._lanes) > MOST_LANES:  # the default lane does not count
                message = f"A connection has at most {MOST_LANES} named streams."
                raise ApiError(400, message, param="stream_id", code="websocket_stream_limit_reached")
            lane = self._lanes[name] = Lane(self.socket, partial(self._answer, name))
        return lane

    def _refuse_steering(self, frame: Json) -> None:
        """A mock's answers are written before they begin: none can be steered."""
        steer = {"input": frame.get("input"), "previous_response_id": frame.get("previous_response_id")}
        message = "This server does not support steering."
        error = {"type": INVALID_REQUEST, "code": "steering_not_supported", "message": message}
        event = {"type": "response.steer.failed", "error": error, "sequence_number": 0, "steer": steer}
        with suppress(WebSocketError):
            self.socket.send(compact(event))

    # -- answers ----------------------------------------------------------------------------------------------

    def _answer(self, name: str | None, item: tuple[Json, bytes], began: float) -> None:
        frame, data = item
        waits = self._in_flight.locked()
        with self._in_flight:
            self.waits_no_more(len(data))
            began = monotonic() if waits else began
            elapsed = self.elapsed(began)
            turn: Turn | EventTurn = EventTurn(frame, self.event, elapsed)
            if frame.get("type") == "response.create":
                turn = Turn(self._memory, frame, name, len(data), began, elapsed)
            outcome = self.answer(turn, self._lanes[name], data, began)
            try:
                turn.keep(outcome)
            except ApiError as error:  # the answer has left, and cannot be continued
                self.tell(error)


_parsed = lru_cache(maxsize=MOST_KEPT)(parse)  # nobody changes what a client has sent


def _unknown_event(kind: object) -> ApiError:
    if kind is None:
        return missing("type")
    told = kind if isinstance(kind, str) else compact(kind)
    return invalid_value("type", told, ("response.create", "response.steer"))
