"""The rule table: which rule answers a request.

Rules are tried from the top, and the first whose condition holds answers. `RuleTable.first` is the one way in.
It asks those only that its index says may hold.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from dsl import nodes
from dsl.conditions import Moment
from dsl.guards import Guard
from dsl.index import Index
from dsl.performance import Statement
from dsl.records import Record
from dsl.request import Request
from dsl.scenarios import Scenario
from dsl.session import Session
from dsl.values import Maker, Scope

# To ask fewer rules than this takes no longer than to look them up.
FEWEST_INDEXED = 16


class Rule(Record, frozen=True):
    """A compiled rule.

    Attributes:
        key: names its counters in a session: its own name, or else its place; with its `turn`.
        scenario: the one of whose states it is, or None.
        bound: what the variables of the `for each`es around it stand for, the outermost first.
        turn: which turn of those it is, as a text; empty if there are none around it.
        row: the rows of data that it is made from, ` row 17`; empty if it is from none.
    """

    node: nodes.Rule
    key: str
    guard: Guard
    body: Statement
    scenario: Scenario | None = None
    bound: tuple[tuple[str, Maker], ...] = ()
    turn: str = ""
    row: str = ""

    @property
    def name(self) -> str | None:
        return self.node.name.text if self.node.name else None

    @property
    def place(self) -> str:
        """`FILE:LINE`, and of a rule made from data the row: `FILE:LINE row 17`."""
        return f"{self.node.span.source.name}:{self.node.span.line}{self.row}"

    def home(self, request: Request, session: Session) -> Session:
        """Where the rule counts and remembers: `session`, or the one that its scenario keeps in it."""
        return session if self.scenario is None else self.scenario.home(request, session)

    def bind(self, scope: Scope, session: Session) -> Scope:
        """The scope of the rule's body, which remembers in `session`, within that of the answer."""
        for name, maker in self.bound:
            scope = scope.within({name: maker.make(scope)})
        return scope.of_rule(session, self.turn)


class Match(Record, frozen=True):
    """The rule that answers, what its condition captured, and how often it has held in the session."""

    rule: Rule
    captures: Mapping[str, str]
    nth: int


class RuleTable:
    """Rules in their order. `rules` are all of them."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules

    def prepare(self) -> None:
        """Make now what `first` looks up in, rather than when it is first asked."""
        if self._index is not None:
            self._index.prepare()

    def first(self, request: Request, session: Session) -> Match | None:
        """The first rule that holds, or None.

        A rule that counts (`nth`) counts each time that the rest of its condition holds, whether or not it
        answers then.
        """
        if self._index is None:
            return self.scan(request, session)
        rules = self.rules
        return _first((rules[place] for place in self._index.candidates(request, session)), request, session)

    def scan(self, request: Request, session: Session) -> Match | None:
        """What `first` gives, found by asking one rule after the other: its twin without an index."""
        return _first(self.rules, request, session)

    @cached_property
    def _index(self) -> Index | None:
        if len(self.rules) < FEWEST_INDEXED:
            return None
        collecting = gc.isenabled()
        gc.disable()  # as when a script is compiled: many objects are made, none of them garbage
        try:
            return Index(self.rules)
        finally:
            if collecting:
                gc.enable()


def _first(rules: Iterable[Rule], request: Request, session: Session) -> Match | None:
    moment = Moment(request, session)
    scenario: Scenario | None = None
    for rule in rules:
        guard = rule.guard
        if rule.scenario is not scenario:
            scenario = rule.scenario
            moment.session = rule.home(request, session)
        if guard.condition is not None and not guard.condition.holds(moment):
            if moment.captures:  # part of a conjunction may have bound something
                moment.captures = {}
            continue
        moment.nth = moment.session.advance(rule.key)
        if all(test.holds(moment) for test in guard.nth):
            return Match(rule, moment.captures, moment.nth)
        moment.captures = {}
    return None
