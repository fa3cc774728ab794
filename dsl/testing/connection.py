"""A socket in a test: what its script does on it, on the virtual clock.

What is to come waits in a queue in the order of time: the strokes of timers, the frames that the script pushes,
the ends of answers. A step of a test puts something in, and lets the queue run up to the moment at which the step
is over: when all that it began has ended, or when it has let so much time pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from random import Random
from typing import Any

from dsl.request import Headers, Message, Messages, Request
from dsl.socket_frames import spoken
from dsl.sockets import Timer
from dsl.table import Rule
from dsl.testing import bodies
from dsl.testing.chat_turns import Conversation
from dsl.testing.outcome import ABNORMAL, Outcome, joined, later
from dsl.testing.stage import Stage, error, script_error, socket_request
from dsl.timeline import Close, Comment, Cut, Fail, Hang, Push, Reset, Timeline
from dsl.values import PerformError

ENDPOINTS = {"/v1/chat": "chat", "/v1/responses": "responses"}
# So much may happen by itself on one connection: a test that lets an hour pass must not take one.
MOST_STROKES = 10_000
# Keys of a `response.create` that are no parameters of its request.
_OF_THE_FRAME = frozenset(("type", "stream_id", "generate", "stream", "background"))

Json = dict[str, Any]


class Unheard(Exception):
    """A step cannot be taken, because there is nobody on the other side any more. The message says why."""


class Connection:
    """One client's socket on a path.

    Attributes:
        closed: the code with which it was closed, or None while it is open.
    """

    def __init__(self, stage: Stage, path: str) -> None:
        self.closed: int | None = None
        self._stage = stage
        self._path = path
        self._endpoint = ENDPOINTS.get(path, "socket")
        self._script = stage.script.sockets.get(path)
        self._opened = stage.time
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._strokes = 0
        self._hangs = False
        self._refused = False
        self._conversation = Conversation()
        # Of the step at hand.
        self._began = stage.time
        self._happened: list[Timeline] = []
        self._ends = stage.time
        self._trouble: tuple[int, dict[str, str | None]] | None = None
        self._outcome = self._new_outcome("connect")

    # -- steps ---------------------------------------------------------------------------------------------

    def open(self) -> Outcome:
        """Open it; what comes of that is over when all that happens on it has ended."""
        self._begin("connect")
        performed: list[Timeline] = []
        for rule in self._script.on("connect") if self._script else ():
            timeline = self._perform(rule, "connect", None, 0.0)
            refused = timeline is None or (isinstance(timeline.ending, Fail) and not timeline.speaks)
            if refused:
                self._refused = True
                outcome = Outcome(self._outcome.request, timeline, self._outcome.session, refused=self._trouble)
                return outcome
            performed += [] if timeline is None else [timeline]
        for timeline in performed:
            self._play(timeline, self._opened)
        for timer in self._script.timers if self._script else ():
            random = Random(f"{self._stage.seed}/{timer.rule.key}")
            self._tick(timer, random, self._opened)
        return self._end()

    def advance(self, seconds: float) -> Outcome:
        """Let time pass."""
        self._begin("advance")
        until = self._ends = self._stage.time + seconds
        outcome = self._end()
        self._stage.time = max(self._stage.time, until)  # also where the socket has closed
        return outcome

    def pass_until(self, time: float) -> None:
        """Let time pass while something else is going on."""
        self._run(time)

    def send(self, frame: Json) -> Outcome:
        """Send a frame; what comes of it is over when its answer has ended.

        Raises:
            Unheard: the socket is closed.
        """
        if self._refused:
            raise Unheard("the connection was refused")
        if self.closed is not None:
            raise Unheard(f"the socket is closed ({self.closed})")
        kind = frame.get("type")
        self._begin(kind if isinstance(kind, str) else "", frame)
        if self._hangs:
            self._outcome.timeline = Timeline((), Hang(0.0))
        elif self._endpoint == "chat":
            self._chat(frame)
        else:
            self._events(kind, frame)
        return self._end()

    def close(self) -> None:
        """The client leaves."""
        if self.closed is None and not self._refused:
            self._close(1000)

    # -- frames --------------------------------------------------------------------------------------------

    def _events(self, kind: object, frame: Json) -> None:
        """A frame on Responses, or on a path of the script's own."""
        rules = self._script.on(kind) if self._script and isinstance(kind, str) else []
        for rule in rules:
            timeline = self._perform(rule, str(kind), frame, self._elapsed)
            if timeline is not None:
                self._play(timeline, self._stage.time)
        if self._endpoint == "responses" and kind == "response.create":
            self._answer(self._response_create(frame), generate=frame.get("generate") is not False)
        elif self._endpoint == "responses" and not (isinstance(kind, str) and self._has_rules):
            if not rules:
                self._outcome.refused = 400, _unknown_event(kind)
        elif not rules or self._has_rules:
            self._answer(self._event(frame))

    @property
    def _has_rules(self) -> bool:
        return self._script is not None and bool(self._script.table.rules)

    def _response_create(self, frame: Json) -> Request:
        body = {key: value for key, value in frame.items() if key not in _OF_THE_FRAME} | {"stream": True}
        request = bodies.decode("responses", body, Headers(), path=self._path)
        request.model = request.model or self._stage.model
        request.transport, request.event, request.elapsed = "websocket", "response.create", self._elapsed
        return request

    def _event(self, frame: Json) -> Request:
        kind = frame.get("type")
        event = kind if isinstance(kind, str) else ""
        request = socket_request(self._endpoint, self._path, event, frame, self._elapsed)
        said = spoken(frame)
        if said is not None:
            request.messages = Messages([Message("user", said, content=said)])
        return request

    def _chat(self, frame: Json) -> None:
        turn = self._conversation.turn({"model": self._stage.model, **frame} if "messages" in frame else frame)
        if turn.is_incomplete:
            self._conversation.keep(turn, None)
            return
        request = bodies.decode("chat", {"model": self._stage.model, **turn.body}, Headers(), path=self._path)
        request.transport, request.elapsed = "websocket", self._elapsed
        self._answer(request)
        timeline = self._outcome.timeline
        if timeline is not None and not isinstance(timeline.ending, Fail):
            self._conversation.keep(turn, self._outcome)

    def _answer(self, request: Request, *, generate: bool = True) -> None:
        answered = self._stage.answer(request, self._script, generate=generate)
        self._outcome = answered
        if answered.timeline is not None:
            self._play(answered.timeline, self._stage.time, answer=True)

    # -- what happens --------------------------------------------------------------------------------------

    def _perform(self, rule: Rule, event: str, frame: Any, elapsed: float) -> Timeline | None:
        """What happens by itself; None if the script failed, of which the client is told."""
        try:
            return self._stage.happen(rule, self._request(event, frame, elapsed))
        except PerformError as bad:
            self._trouble = 500, script_error(rule, bad)
            return None

    def _play(self, timeline: Timeline, began: float, *, answer: bool = False) -> None:
        """Put what the client hears of a timeline into the queue."""
        for event in timeline.events:
            if isinstance(event, Push | Comment):
                self._put(began + event.at, lambda event=event: self._outcome.hear(event))  # type: ignore[misc]
        ending = timeline.ending
        self._put(began + ending.at, partial(self._stop, timeline))
        if not answer:
            self._happened.append(later(timeline, began - self._began))
        self._ends = max(self._ends, began + ending.at)

    def _stop(self, timeline: Timeline) -> None:
        """What the end of a timeline does to the socket."""
        match timeline.ending:
            case Close(code=code):
                self._close(code)
            case Cut(clean=True):
                self._close(1000)
            case Cut() | Reset():
                self._close(ABNORMAL)
            case Hang(seconds=None):
                self._hangs = True
            case Hang(seconds=float() | int() as seconds):
                self._hangs = True
                self._put(self._stage.time + seconds, lambda: self._close(ABNORMAL))

    def _tick(self, timer: Timer, random: Random, last: float) -> None:
        due = last + timer.delay.draw(random)
        self._put(due, partial(self._strike, timer, random, due))

    def _strike(self, timer: Timer, random: Random, due: float) -> None:
        self._strokes += 1
        if self._strokes > MOST_STROKES:
            raise Unheard(f"the timers of this socket have struck more than {MOST_STROKES} times")
        event = "every" if timer.repeated else "after"
        timeline = self._perform(timer.rule, event, None, round(due - self._opened, 6))
        if timeline is not None:
            ends = self._ends
            self._play(timeline, due)
            self._ends = ends  # a step does not wait for what it has not begun
        if timer.repeated:
            self._tick(timer, random, due)

    def _close(self, code: int) -> None:
        self.closed = code
        self._queue.clear()
        for rule in self._script.on("close") if self._script else ():
            self._perform(rule, "close", None, self._elapsed)

    # -- time ----------------------------------------------------------------------------------------------

    @property
    def _elapsed(self) -> float:
        return round(self._stage.time - self._opened, 6)

    def _put(self, due: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (round(max(due, self._stage.time), 9), next(self._order), action))

    def _run(self, until: float) -> None:
        until = round(until, 9)
        while self._queue and self._queue[0][0] <= until:
            due, _, action = heapq.heappop(self._queue)
            self._stage.time = due
            action()
        self._stage.time = max(self._stage.time, until)

    def _request(self, event: str, frame: Any, elapsed: float) -> Request:
        return socket_request(self._endpoint, self._path, event, frame, elapsed)

    def _new_outcome(self, event: str, frame: Any = None) -> Outcome:
        request = self._request(event, frame, self._elapsed)
        return Outcome(request, None, self._stage.session(request))

    def _begin(self, event: str, frame: Any = None) -> None:
        self._began = self._ends = self._stage.time
        self._happened, self._trouble = [], None
        self._outcome = self._new_outcome(event, frame)

    def _end(self) -> Outcome:
        """Let all happen that belongs to the step at hand."""
        outcome = self._outcome
        while self.closed is None and (self._stage.time < self._ends or self._is_due):
            self._run(self._ends)
        if outcome.timeline is None and outcome.refused is None:
            if self._happened:
                ending = max((timeline.ending for timeline in self._happened), key=lambda ending: ending.at)
                outcome.timeline = joined(self._happened, ending)
            outcome.refused = self._trouble
        return replace(outcome, closed=self.closed)

    @property
    def _is_due(self) -> bool:
        return bool(self._queue) and self._queue[0][0] <= round(self._stage.time, 9)


def _unknown_event(kind: object) -> dict[str, str | None]:
    if kind is None:
        return error("Missing required parameter: 'type'.", code="missing_required_parameter", param="type")
    message = f"Invalid value: '{kind}'. Supported values are: 'response.create' and 'response.steer'."
    return error(message, code="invalid_value", param="type")
