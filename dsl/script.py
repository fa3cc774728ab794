"""A compiled script: what it has, and how it performs the rule that answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from dsl import fields, nodes
from dsl.constancy import Chance, Constants, Watch
from dsl.diagnostics import Diagnostic
from dsl.helpers import helpers
from dsl.looks import Looks
from dsl.performance import Performance, Statement
from dsl.request import Request
from dsl.scenarios import Scenario
from dsl.session import Session
from dsl.sockets import SocketScript
from dsl.source import Source
from dsl.statements import Block
from dsl.table import Match, Rule, RuleTable
from dsl.timeline import Timeline
from dsl.values import Maker, Scope

if TYPE_CHECKING:
    from dsl.testing.compiler import Test


class Script:
    """A script that can answer.

    Attributes:
        table: its rules.
        seed: the seed that it sets, or None.
        models: the models that exist, or None if any does.
        named_models: the models that its conditions name, in order.
        sockets: what it says of WebSockets, by path.
        scenarios: its scenarios, in order.
        source: its text.
        files: the script's own file, what it includes, and the data that it reads.
        looks: those at its files when it was read.
        warnings: what the checker has to say of it.
        items: what stands in it, as it was parsed, without includes.
        tests: its tests, in order.
    """

    def __init__(self, rules: tuple[Rule, ...], settings: Settings, constants: dict[str, Maker]) -> None:
        self.table = RuleTable(rules)
        self.seed = settings.seed
        self.models = settings.models
        self.named_models: tuple[str, ...] = ()
        self.sockets: Mapping[str, SocketScript] = {}
        self.scenarios: tuple[Scenario, ...] = ()
        self.source = Source("script", "")
        self.files: tuple[Path, ...] = ()
        self.looks = Looks()
        self.warnings: tuple[Diagnostic, ...] = ()
        self.items: tuple[nodes.Item, ...] = ()
        self.tests: tuple[Test, ...] = ()
        self._conversation = settings.conversation
        self._defaults = tuple(settings.statements)
        self._constants = constants
        self._same = Constants()

    def __getattr__(self, name: str) -> Any:
        # Of a script that was kept compiled these are made when they are asked for: to serve it takes neither.
        if name not in ("items", "tests") or "_later" not in self.__dict__:
            raise AttributeError(f"a script has no {name!r}")
        self.items, self.tests = self.__dict__["_later"](self.table.rules)
        return self.__dict__[name]

    def conversation(self, request: Request) -> str | None:
        """The name of the request's session by the script's `conversation by`, if it has one and that is there."""
        if self._conversation is None:
            return None
        value = fields.read(self._conversation.name.text, self._conversation.path, request, Session())
        return None if value is None else str(value)

    def perform(
        self,
        match: Match,
        request: Request,
        session: Session,
        random: Callable[[], Random],
        now: Callable[[], datetime],
        *,
        with_defaults: bool = True,
        fault: Statement | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Timeline:
        """Perform the body of the rule that answers; where that is the same every time, what it did is kept.

        Args:
            random: makes what decides all that is left to chance; it is asked once at most.
            now: the time of day, for templates.
            fault: trouble that comes before the body, see `compile_fault`: what it does not end goes on with it.
            clock: the seconds of a clock that is never set back, for rate limits.

        What happens by itself on a socket answers nothing, and is performed without the defaults.

        Raises:
            PerformError: a template failed, or the answer grew too large.
        """
        rule = match.rule
        kept = self._same.get(rule, with_defaults) if fault is None else None
        if kept is not None:
            return kept
        watch = Watch()
        chance = Chance(random, watch)
        scope = Scope(match.captures, helpers(chance, now), request, session, match.nth, self._constants, watch)
        home = rule.home(request, session)
        timeline = Performance(scope, chance, clock).run(
            self._defaults if with_defaults else (),
            rule.body,
            span=rule.node.span,
            fault=fault,
            bind=lambda scope: rule.bind(scope, home),
        )
        if fault is None and not watch.varies:
            self._same.keep(timeline, rule, with_defaults)
        return timeline

    def warm_up(
        self,
        request: Request,
        session: Session,
        random: Callable[[], Random],
        now: Callable[[], datetime],
        *,
        fault: Statement | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Timeline:
        """What the defaults alone make where no rule is asked. The arguments are as in `perform`.

        Raises:
            PerformError: a template failed.
        """
        watch = Watch()
        chance = Chance(random, watch)
        scope = Scope({}, helpers(chance, now), request, session, 0, self._constants, watch)
        performance = Performance(scope, chance, clock)
        return performance.run(self._defaults, Block(()), span=Source("defaults", "").span(0, 0), fault=fault)


class Settings:
    """What the `defaults` of a script set."""

    def __init__(self) -> None:
        self.seed: int | None = None
        self.models: tuple[str, ...] | None = None
        self.conversation: nodes.Field | None = None
        self.statements: list[Statement] = []
