"""The rule table: which rule answers a request.

Rules are tried from the top, and the first whose condition holds answers. `RuleTable.first` is the one way in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsl import nodes
from dsl.condition_compiler import Guard
from dsl.conditions import Moment
from dsl.performance import Statement
from dsl.request import Request
from dsl.session import Session


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule. `key` names its counters in a session: its own name, or else its place."""

    node: nodes.Rule
    key: str
    guard: Guard
    body: Statement

    @property
    def name(self) -> str | None:
        return self.node.name.text if self.node.name else None

    @property
    def place(self) -> str:
        """`FILE:LINE`."""
        return f"{self.node.span.source.name}:{self.node.span.line}"


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that answers, what its condition captured, and how often it has held in the session."""

    rule: Rule
    captures: Mapping[str, str]
    nth: int


class RuleTable:
    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules

    def first(self, request: Request, session: Session) -> Match | None:
        """The first rule that holds, or None.

        A rule that counts (`nth`) counts each time that the rest of its condition holds, whether or not it
        answers then.
        """
        moment = Moment(request, session)
        for rule in self.rules:
            guard = rule.guard
            if guard.condition is not None and not guard.condition.holds(moment):
                if moment.captures:  # part of a conjunction may have bound something
                    moment.captures = {}
                continue
            moment.nth = session.advance(rule.key)
            if all(test.holds(moment) for test in guard.nth):
                return Match(rule, moment.captures, moment.nth)
            moment.captures = {}
        return None
