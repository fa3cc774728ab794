"""What a script's `socket` block does on one connection, beside what the endpoint's protocol does.

It speaks when the socket opens and closes, on events, and by the clock. Each of these is performed as a rule's
body is, and played in a greenlet of its own, so that it may come between the frames of an answer.

Timers count from the moment at which the socket was opened, so that they never drift, and at the speed of the
mock's clock. Where that is instant, `after` strikes at once; `every` would never rest, and keeps the real time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import gevent
from gevent.pool import Group
from geventwebsocket.exceptions import WebSocketError

from dsl.request import Headers, Request
from dsl.sockets import SocketScript, Timer
from dsl.table import Rule
from dsl.timeline import Close, Cut, End, Ending, Fail, Said
from mockllm.apis import errors
from mockllm.apis.answer import Answer
from mockllm.apis.errors import ApiError
from mockllm.apis.replies import bare_parts
from mockllm.journal import Recorder
from mockllm.mock import Mock
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Frame, Part
from mockllm.transports.websocket import Socket
from mockllm.transports.websocket_player import SocketPlayer

# How an answer and an error look on the endpoint.
Encode = Callable[[Answer], Iterator[Part]]
EncodeError = Callable[[ApiError], bytes]

_log = logging.getLogger(__name__)


class Companion:
    """The `socket` block of one connection, if the script has one for its path.

    Args:
        request: what is known of every event on this connection, given the event's type and frame.
        opened: when the socket was opened, on the monotonic clock.
    """

    def __init__(
        self,
        mock: Mock,
        script: SocketScript | None,
        socket: Socket,
        request: Callable[[str, Any, float], Request],
        encode: Encode,
        encode_error: EncodeError,
        opened: float,
    ) -> None:
        self.script = script
        self.owner = mock.script  # performs what is its own, though the mock may answer from another one by now
        self._mock = mock
        self._socket = socket
        self._request = request
        self._encode = encode
        self._encode_error = encode_error
        self._opened = opened
        self._greenlets = Group()
        self._players: set[SocketPlayer] = set()

    def open(self) -> None:
        """Accept the socket, let happen what then happens, and start the timers.

        A `fail` before anything was said is an answer of HTTP, and the socket is not accepted.

        Raises:
            ApiError: the script refuses the connection.
            BadHandshake: it cannot be made.
        """
        rules = self.script.on("connect") if self.script else []
        said = [self._mock.happen(self.owner, rule, self._request("connect", None, 0.0)) for rule in rules]
        for answer, entry in said:
            ending = answer.timeline.ending
            if isinstance(ending, Fail) and not answer.timeline.speaks:
                error = errors.from_fail(ending)
                entry.status, entry.error = error.status, error.message
                self._mock.journal.answered(entry)
                raise error
        self._socket.accept()
        for answer, entry in said:
            self._greenlets.spawn(self._play, answer, Recorder(entry), self._opened)
        for timer in self.script.timers if self.script else ():
            self._greenlets.spawn(self._tick, timer)

    def on(self, event: str, frame: Any) -> bool:
        """Let happen what happens on a client's event; whether anything does."""
        rules = self.script.on(event) if self.script else []
        now = monotonic()
        for rule in rules:
            self._greenlets.spawn(self._happen, rule, event, frame, now)
        return bool(rules)

    def close(self) -> None:
        """Stop what is going on, and let happen what happens when a socket has closed: nobody hears it."""
        for player in self._players:
            player.cancel()
        self._greenlets.kill()
        for rule in self.script.on("close") if self.script else ():
            try:
                request = self._request("close", None, self._elapsed(monotonic()))
                _, entry = self._mock.happen(self.owner, rule, request)
                Recorder(entry).ended(0.0, "complete")
            except ApiError as error:
                _log.error("on close: %s", error.message)

    def _tick(self, timer: Timer) -> None:
        due = self._opened
        random = Random(f"{self._mock.seed}/{timer.rule.key}")
        while not self._socket.closed:
            delay = timer.delay.draw(random)
            due += self._mock.real_seconds(delay) if timer.repeated else delay / self._mock.speed
            gevent.sleep(max(0.0, due - monotonic()))
            self._happen(timer.rule, "every" if timer.repeated else "after", None, due)
            if not timer.repeated:
                return

    def _happen(self, rule: Rule, event: str, frame: Any, at: float) -> None:
        try:
            answer, entry = self._mock.happen(self.owner, rule, self._request(event, frame, self._elapsed(at)))
        except ApiError as error:
            try:
                self._socket.send(self._encode_error(error), binary=False)
            except WebSocketError:
                _log.debug("the client left before it could be told: %s", error.message)
            return
        self._play(answer, Recorder(entry), at)

    def _elapsed(self, at: float) -> float:
        """How long the socket has been open at `at`, in seconds of the script."""
        return self._mock.script_seconds(at - self._opened)

    def _play(self, answer: Answer, recorder: Recorder, began: float) -> None:
        timeline = answer.timeline
        ending, failed = timeline.ending, None
        if isinstance(ending, Fail):
            failed = Frame(ending.at, self._encode_error(errors.from_fail(ending)))
            timeline = replace(timeline, ending=Cut(ending.at, clean=True))
        speaks = any(isinstance(event, Said) for event in timeline.events)
        parts = self._encode(replace(answer, timeline=timeline)) if speaks else bare_parts(timeline)
        if failed is not None:
            parts = _before_end(parts, failed)
        player = SocketPlayer(self._socket, parts, began, recorder, close_of(ending), timeline.split)
        self._players.add(player)
        try:
            player.play()
        finally:
            self._players.discard(player)


def close_of(ending: Ending) -> Close | None:
    """What the end of an answer does on a socket: it closes it so, or leaves it open if None."""
    if isinstance(ending, Close):
        return ending
    return Close(ending.at) if isinstance(ending, Cut) and ending.clean else None


def _before_end(parts: Iterator[Part], frame: Frame) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, End):
            yield frame
        yield part


def socket_request(
    endpoint: str, path: str, query: Mapping[str, str], headers: Headers
) -> Callable[[str, Any, float], Request]:
    """Makes the request that a connection's events are: what is known of all of them, and the event."""

    def request(event: str, frame: Any, elapsed: float) -> Request:
        body = frame if isinstance(frame, dict) else {}
        model = body.get("model", query.get("model"))
        return Request(
            endpoint=endpoint,
            transport="websocket",
            path=path,
            header=headers,
            query=query,
            body=body,
            model=model if isinstance(model, str) else None,
            stream=True,
            event=event,
            elapsed=elapsed,
        )

    return request
