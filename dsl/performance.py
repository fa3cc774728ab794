"""A body while it is performed: the cursor in time, what has been said, what is armed.

Statements call its methods in order; it turns them into the events of a timeline. Three things happen on the
way to an event and nowhere else:

* **Pace.** The first output waits for `ttft`, each further paced piece for the time that the pace gives it.
* **Interruptions.** `after` arms an action. One that waits for chunks strikes when that many more have been
  said; one that waits for time strikes as the cursor reaches its moment, and if the body ends before, the body
  waits for it. One that waits for bytes is left to the transport, which alone can count them.
* **Endings.** The first ending closes the timeline, and nothing behind it is performed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from dsl import timeline, tokens
from dsl.logprobs import made_up
from dsl.records import Record, changed
from dsl.session import Session
from dsl.source import Span
from dsl.values import PerformError, Scope

MOST_EVENTS = 200_000
MOST_TURNS = 200_000


class Statement(Protocol):
    """A compiled statement."""

    def perform(self, on: Performance) -> None: ...


class Limit(Protocol):
    """A rate limit that the performance has passed, or failed to."""

    def settle(self, on: Performance) -> timeline.Budget:
        """Charge what the answer says. Returns what is left."""


class Ended(Exception):
    """Nothing more of the body is performed."""


class Jitter(Record, frozen=True):
    """A spread around a time: a share of it, or so many seconds, either way."""

    share: float = 0.0
    seconds: float = 0.0

    def around(self, seconds: float, random: Random) -> float:
        spread = seconds * self.share + self.seconds
        return max(0.0, seconds + random.uniform(-spread, spread)) if spread else seconds


class Pace(Record, frozen=True):
    """So many of `unit` a second."""

    rate: float
    unit: str
    jitter: Jitter

    def gap(self, text: str) -> float:
        """The seconds that a piece of this text takes."""
        match self.unit:
            case "tok":
                return tokens.count(text) / self.rate
            case "char":
                return len(text) / self.rate
            case _:
                return 1 / self.rate


@dataclass(slots=True)
class Armed:
    """An action that waits for its moment: a time, or a number of chunks yet to be said."""

    action: Statement
    scope: Scope  # of where it is written
    at: float | None = None
    chunks: int = 0


class Performance:
    """Performs one body. `scope` and `choice` are those of the statement at hand.

    `clock` tells the seconds of a monotonic clock. `limits` are those that were performed, by bucket, with their
    scopes.
    `logprobs` is how many alternatives each token gets, or None if they are not weighed.
    """

    def __init__(self, scope: Scope, random: Random, clock: Callable[[], float] = time.monotonic) -> None:
        self.scope = scope
        self.random = random
        self.instant = clock()  # one time for all limits: how long the rest takes must not show in them
        self.now = 0.0
        self.events: list[timeline.Event] = []
        self.choice = 0
        self.status: int | None = None
        self.usage: dict[str, int] = {}
        self.meta: dict[str, Any] = {}
        self.dialect = "standard"
        self.split: timeline.Split | None = None
        self.limits: dict[str, tuple[Limit, Scope]] = {}
        self.logprobs: int | None = None
        self._own_headers: list[tuple[str, str]] = []
        self._settled_headers: list[tuple[str, str]] = []
        self._ttft = 0.0
        self._pace: Pace | None = None
        self._calls: dict[int, int] = {}
        self._said: set[int] = set()
        self._armed: list[Armed] = []
        self._ending: timeline.Ending | None = None
        self._timely: list[timeline.Ending] = []  # those that struck at a time of their own
        self._turns = 0
        self._finished: set[int] = set()
        self._choices = 0
        self._steps: dict[str, int] = {}

    @property
    def session(self) -> Session:
        """Where the statement at hand counts and remembers."""
        return self.scope.session

    # -- time

    def wait(self, seconds: float) -> None:
        """Move the cursor on; what is armed for a moment on the way strikes there."""
        end = self.now + seconds
        while True:
            due = min(
                (armed for armed in self._armed if armed.at is not None and armed.at <= end),
                key=lambda armed: armed.at or 0.0,
                default=None,
            )
            if due is None:
                break
            left = end - max(self.now, due.at or 0.0)
            self.now = max(self.now, due.at or 0.0)
            self._strike(due)
            end = self.now + left
        self.now = round(end, 9)  # sums of gaps stay readable

    def set_ttft(self, seconds: float) -> None:
        self._ttft = seconds

    def set_pace(self, pace: Pace) -> None:
        """The pace of what is said from here on. Bytes are paced by the transport."""
        if pace.unit == "byte":
            self.add(timeline.ByteRate(self.now, pace.rate))
            self._pace = None
            return
        if any(isinstance(event, timeline.ByteRate) for event in self.events):
            self.add(timeline.ByteRate(self.now, None))
        self._pace = pace

    def arm_time(self, seconds: float, action: Statement) -> None:
        self._armed.append(Armed(action, self.scope, at=round(self.now + seconds, 9)))
        self.wait(0)

    def arm_chunks(self, chunks: int, action: Statement) -> None:
        armed = Armed(action, self.scope, chunks=chunks)
        self._armed.append(armed)
        if chunks == 0:
            self._strike(armed)

    def _strike(self, armed: Armed) -> None:
        self._armed.remove(armed)
        scope, self.scope = self.scope, armed.scope
        try:
            armed.action.perform(self)
        except Ended:
            if armed.at is not None and self._ending is not None:
                self._timely.append(self._ending)
            raise
        finally:
            self.scope = scope

    # -- what is said

    def say(self, kind: Callable[..., timeline.Said], text: str, *, paced: bool = True, **more: Any) -> None:
        """One chunk of this kind that says `text`; `more` are its other attributes. Nothing if all is said."""
        if self.choice in self._finished:
            return
        self._approach(text, paced)
        if kind is timeline.Text and self.logprobs is not None:
            more.setdefault("logprobs", made_up(text, self.logprobs, self.random))
        self.add(kind(self.now, text=text, choice=self.choice, **more))
        for armed in [armed for armed in self._armed if armed.at is None]:
            armed.chunks -= 1
            if armed.chunks == 0:
                self._strike(armed)

    def open_call(self, name: str, call_id: str | None) -> int:
        """Begin a tool call; its index among the calls of this choice."""
        index = self._calls.get(self.choice, 0)
        if self.choice in self._finished:
            return index
        self._approach(name, True)
        self._calls[self.choice] = index + 1
        self.add(timeline.Call(self.now, index, name, call_id, choice=self.choice))
        return index

    def finish(self, reason: str) -> None:
        """The last of a choice: nothing more is said in it."""
        if self.choice not in self._finished:
            self._finished.add(self.choice)
            self.add(timeline.Finish(self.now, reason, choice=self.choice))

    def step(self, counter: str) -> int:
        """Which step of a sequence it is, from 1: it moves on once an answer, however often it is performed."""
        own = self.scope.counter(counter)
        if own not in self._steps:
            self._steps[own] = self.session.advance(own)
        return self._steps[own]

    def add(self, event: timeline.Event) -> None:
        if len(self.events) >= MOST_EVENTS:
            raise OverflowError(f"the answer has more than {MOST_EVENTS} events")
        self.events.append(event)

    def turn(self) -> None:
        """Count a turn of a `repeat`: one that says nothing adds no events, and must end all the same."""
        self._turns += 1
        if self._turns > MOST_TURNS:
            raise OverflowError(f"the answer repeats more than {MOST_TURNS} times")

    def choose(self, bodies: Sequence[Statement]) -> None:
        """Perform several choices side by side: each starts now, and they go on when the longest is done.

        Each has a pace of its own, and what is armed in one strikes there. What was armed before them counts the
        chunks of all, in the order in which they are due.
        """
        began, before, outer, scope = self.now, len(self.events), self.choice, self.scope
        ttft, pace, armed, logprobs = self._ttft, self._pace, self._armed, self.logprobs
        performed: list[tuple[float, int, int, timeline.Event]] = []
        endings: list[timeline.Ending] = []
        ended = began
        for body in bodies:
            self.choice, self._choices = self._choices, self._choices + 1
            self.now, self.scope = began, scope
            self._ttft, self._pace, self._armed, self.logprobs = ttft, pace, [], logprobs
            try:
                body.perform(self)
                self._outlast()
            except Ended:
                assert self._ending is not None
                endings.append(self._ending)
            own, self.events[before:] = self.events[before:], []
            performed += [(event.at, order, self.choice, event) for order, event in enumerate(own)]
            ended = max(ended, self.now)
        performed.sort(key=lambda entry: entry[:3])
        self.now, self.choice, self.scope = ended, outer, scope
        self._ttft, self._pace, self._armed, self.logprobs = ttft, pace, armed, logprobs
        self.events += [event for *_, event in performed]
        if endings:  # one connection carries all choices: the first trouble is everybody's
            first = min(endings, key=lambda ending: ending.at)
            self.events = [event for event in self.events if event.at <= first.at]
            self._ending, self.now = first, first.at
        self._count(before)
        if endings:
            raise Ended

    def _count(self, before: int) -> None:
        """Let what was armed before several choices strike amid their chunks: those since the event `before`."""
        chunks = [number for number, event in enumerate(self.events) if number >= before and _is_chunk(event)]
        for armed in sorted((armed for armed in self._armed if armed.at is None), key=lambda each: each.chunks):
            if armed.chunks > len(chunks):
                armed.chunks -= len(chunks)
                continue
            last = chunks[armed.chunks - 1]
            kept, self.events = self.events, self.events[: last + 1]
            resumed, self.now = self.now, kept[last].at
            self._strike(armed)  # an ending leaves it at that
            self.events, self.now = self.events + kept[last + 1 :], resumed

    def _approach(self, text: str, paced: bool) -> None:
        """Wait for as long as what is said next has to be waited for."""
        if self.choice not in self._said:
            self._said.add(self.choice)
            self.wait(self._ttft)
        elif paced and self._pace is not None:
            self.wait(self._pace.jitter.around(self._pace.gap(text), self.random))

    # -- what surrounds it

    def header(self, name: str, value: str) -> None:
        self._own_headers.append((name, value))

    def settle_headers(self) -> None:
        """The headers set since the last time replace those of the same name, and what follows replaces them."""
        own = {name.lower() for name, _ in self._own_headers}
        kept = [header for header in self._settled_headers if header[0].lower() not in own]
        self._settled_headers, self._own_headers = kept + self._own_headers, []

    # -- how it ends

    def end(self, ending: timeline.Ending) -> None:
        """Close the timeline. Raises `Ended`, always."""
        self._ending = ending
        raise Ended

    def _outlast(self) -> None:
        """Wait for what is armed for a time that has not come yet."""
        while pending := [armed for armed in self._armed if armed.at is not None]:
            self.wait(max(0.0, min(armed.at or 0.0 for armed in pending) - self.now))

    def _interrupted(self, events: list[timeline.Event]) -> list[timeline.Event]:
        """The events, with an ending that has a time of its own known to those that take time of their own."""
        ending = self._ending
        if not isinstance(ending, timeline.Cut | timeline.Reset | timeline.Hang) or ending == timeline.Cut(
            ending.at, clean=True
        ):
            return events
        if not any(timely is ending for timely in self._timely):
            return events
        return [
            changed(event, interrupted=ending)
            if isinstance(event, timeline.ByteRate) and event.rate is not None
            else event
            for event in events
        ]

    def run(
        self,
        defaults: Sequence[Statement],
        body: Statement,
        *,
        span: Span,
        fault: Statement | None = None,
        bind: Callable[[Scope], Scope] = lambda scope: scope,
    ) -> timeline.Timeline:
        """Perform the defaults, the fault and the body, to the end.

        `span` is named by errors that have no better place. `bind` makes the scope of the body from that of the
        answer.

        Raises:
            PerformError: a template failed, or the answer grew too large.
        """
        try:
            for statement in defaults:
                statement.perform(self)
            self.settle_headers()
            if fault is not None:
                fault.perform(self)
                self.settle_headers()
            self.scope = bind(self.scope)
            body.perform(self)
            self._outlast()
        except Ended:
            pass
        except OverflowError as error:
            raise PerformError(str(error), span) from None
        except RecursionError:
            raise PerformError("a value is nested too deeply", span) from None
        self.settle_headers()
        events = sorted(self._interrupted(self.events), key=lambda event: event.at)
        return timeline.Timeline(
            tuple(events),
            self._ending or timeline.End(self.now),
            self.status,
            tuple(self._settled_headers),
            self.usage,
            self.meta,
            self.dialect,
            self.split,
            _tightest(self._settled()),
        )

    def _settled(self) -> Iterator[timeline.Budget]:
        for limit, scope in self.limits.values():
            self.scope = scope
            yield limit.settle(self)


def _tightest(budgets: Iterable[timeline.Budget]) -> tuple[timeline.Budget, ...]:
    """Of each kind the budget of which the least share is left."""
    found: dict[str, timeline.Budget] = {}
    for budget in budgets:
        other = found.get(budget.kind)
        if other is None or budget.remaining / budget.limit < other.remaining / other.limit:
            found[budget.kind] = budget
    return tuple(found.values())


def _is_chunk(event: timeline.Event) -> bool:
    return isinstance(event, timeline.Text | timeline.Think | timeline.Refuse | timeline.Arguments)
