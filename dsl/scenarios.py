"""Scenarios: state machines whose states have rules of their own.

A rule of a state holds only while its scenario is in that state, which is the first part of its condition. So
whatever asks rules in order (the table, an explanation, the checker) needs to know no more of scenarios.
"""

from __future__ import annotations

from typing import Any

from dsl import fields, nodes
from dsl.conditions import Moment, Test, text_of
from dsl.records import Record
from dsl.request import Request
from dsl.session import Session


class Scenario(Record, frozen=True):
    """A scenario with these states, of which the first is where everybody starts.

    `by` is the field each of whose values has a scenario of its own within the session; None if the session has
    one.
    """

    name: str
    by: nodes.Field | None
    states: tuple[str, ...]

    def home(self, request: Request, session: Session) -> Session:
        """The session that keeps the scenario's state, and all else that its rules count and remember."""
        if self.by is None:
            return session
        value = fields.read(self.by.name.text, self.by.path, request, session)
        return session.part(self.name, "" if value is None else text_of(value))

    def state(self, request: Request, session: Session) -> str:
        """The state that the scenario is in for a request."""
        return self.home(request, session).state(self.name) or self.states[0]


class InState(Test, frozen=True):
    """Whether a scenario is in a state. The moment's session must be the scenario's `home`."""

    scenario: Scenario
    state: str

    def value(self, moment: Moment) -> Any:
        return moment.session.state(self.scenario.name) or self.scenario.states[0]

    def passes(self, value: Any) -> bool:
        return bool(value == self.state)
