"""Runs the tests of a script, without a server and without waiting.

A test stops at the first thing that it does not get. Nothing that a script does can make the runner fail: what
goes wrong while it answers is an outcome, as it is an answer of the server.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, cast

from dsl.conditions import Moment
from dsl.request import Request
from dsl.script import Script
from dsl.source import Span
from dsl.testing.compiler import Advance, Again, Ask, Connect, Expect, Send, Step, Test
from dsl.testing.connection import Connection, Unheard
from dsl.testing.failures import Failure, unmet
from dsl.testing.outcome import Outcome
from dsl.testing.requests import request_of
from dsl.testing.stage import Stage


class Api(Protocol):
    """What a script stands in for, as far as a test can meet it."""

    def refusal(self, request: Request) -> tuple[int, dict[str, str | None]] | None:
        """The status and the error of a request that is refused before any rule is asked."""

    def objection(self, outcome: Outcome) -> str | None:
        """Why it would never give this answer."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a test.

    Attributes:
        failure: None if it passed.
        reached: what of the script it has performed.
        remarks: answers that the API would never give.
    """

    test: Test
    failure: Failure | None
    reached: frozenset[Span] = field(repr=False)
    remarks: tuple[Failure, ...] = ()

    @property
    def passed(self) -> bool:
        return self.failure is None


def run(script: Script, test: Test, api: Api | None = None) -> Result:
    """Run one test of a script, in sessions of its own; without an `api` every request is taken."""
    runner = _Runner(script, api)
    failure = None
    for step in test.steps:
        try:
            failure = runner.take(step)
        except Unheard as trouble:
            failure = Failure(f"this step cannot be taken: {trouble}", step.span)
        if failure is not None:
            break
    runner.end()
    return Result(test, failure, frozenset(runner.reached), tuple(runner.remarks))


def run_all(script: Script, tests: Iterable[Test] | None = None) -> list[Result]:
    """Run tests of a script: all that it has, unless told which."""
    return [run(script, test) for test in (script.tests if tests is None else tests)]


class _Runner:
    def __init__(self, script: Script, api: Api | None) -> None:
        self.remarks: list[Failure] = []
        self._api = api
        self.reached: set[Span] = set()
        self._stage = Stage(script, self.reached)
        self._connection: Connection | None = None
        self._asked: Ask | None = None
        self._outcome: Outcome | None = None

    def take(self, step: Step) -> Failure | None:
        """Take a step; why it fails, if it does.

        Raises:
            Unheard: it cannot be taken.
        """
        match step:
            case Ask():
                self._asked = step
                self._ask()
            case Again(times=times):
                for _ in range(times):
                    self._ask()
            case Connect(path=path):
                self.end()
                self._connection = Connection(self._stage, path)
                self._outcome = self._connection.open()
            case Send(frame=frame):
                assert self._connection is not None
                self._outcome = self._connection.send(copy.deepcopy(frame))
            case Advance(seconds=seconds):
                self._advance(seconds)
            case Expect():
                return self._expect(step)
        return None

    def end(self) -> None:
        """The client leaves."""
        if self._connection is not None:
            try:
                self._connection.close()
            finally:
                self._connection = None

    def _ask(self) -> None:
        assert self._asked is not None
        request = request_of(copy.deepcopy(self._asked.keys), self._stage.model)
        refused = self._api.refusal(request) if self._api else None
        if refused is None:
            outcome = self._stage.answer(request)
        else:
            outcome = Outcome(request, None, self._stage.session(request), refused=refused)
        self._outcome = outcome
        self._pass(self._stage.time + (outcome.duration or 0.0))
        for event in outcome.timeline.events if outcome.timeline else ():
            outcome.hear(event)
        self._remark(outcome, self._asked)

    def _remark(self, outcome: Outcome, asked: Ask) -> None:
        objection = self._api.objection(outcome) if self._api else None
        if objection is not None and outcome.answered is not None:
            notes = (f"note: the request is at {asked.span}",)
            self.remarks.append(Failure(objection, outcome.answered.node.head, "this rule answered", notes))

    def _advance(self, seconds: float) -> None:
        if self._connection is None:
            self._stage.time += seconds
        else:
            self._outcome = self._connection.advance(seconds)

    def _pass(self, until: float) -> None:
        """Let time pass; a socket that is open goes on meanwhile."""
        if self._connection is not None:
            self._connection.pass_until(until)
        self._stage.time = max(self._stage.time, until)

    def _expect(self, step: Expect) -> Failure | None:
        assert self._outcome is not None
        # The fields of an outcome are read as those of a request are.
        self._outcome.scenarios = self._stage.script.scenarios
        moment = Moment(cast(Request, self._outcome), self._outcome.home)
        for part in step.parts:
            if not part.holds(moment):
                return unmet(part, moment, self._outcome)
        return None
