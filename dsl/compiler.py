"""From a script's text to a `Script` that can answer: parse, resolve, compile, check."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from random import Random

from dsl import fields, nodes
from dsl.body_compiler import BodyCompiler
from dsl.checker import check_rules, check_states
from dsl.condition_compiler import Captures, ConditionCompiler, Guard, Invalid
from dsl.conditions import And, Member
from dsl.diagnostics import Diagnostic, Diagnostics, ScriptError, did_you_mean
from dsl.helpers import helpers
from dsl.performance import Performance, Statement
from dsl.request import Request
from dsl.resolver import Resolved, Resolver
from dsl.session import Session
from dsl.sockets import Handler, SocketScript, Timer
from dsl.source import Source, Span
from dsl.statements import Block
from dsl.table import Match, Rule, RuleTable
from dsl.testing.compiler import Test, TestCompiler
from dsl.timeline import Timeline
from dsl.value_compiler import Context
from dsl.values import Maker, Scope
from dsl.wire_checker import check_wire


class Script:
    """A script that can answer.

    Attributes:
        table: its rules.
        seed: the seed that it sets, or None.
        models: the models that exist, or None if any does.
        named_models: the models that its conditions name, in order.
        sockets: what it says of WebSockets, by path.
        files: the script's own file and what it includes.
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
        self.files: tuple[Path, ...] = ()
        self.warnings: tuple[Diagnostic, ...] = ()
        self.items: tuple[nodes.Item, ...] = ()
        self.tests: tuple[Test, ...] = ()
        self._conversation = settings.conversation
        self._defaults = tuple(settings.statements)
        self._constants = constants

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
        random: Random,
        now: Callable[[], datetime],
        *,
        with_defaults: bool = True,
        fault: Statement | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Timeline:
        """Perform the body of the rule that answers. `random` decides all that is left to chance.

        Args:
            now: the time of day, for templates.
            fault: trouble that comes before the body, see `compile_fault`: what it does not end goes on with it.
            clock: the seconds of a clock that is never set back, for rate limits.

        What happens by itself on a socket answers nothing, and is performed without the defaults.

        Raises:
            PerformError: a template failed, or the answer grew too large.
        """
        scope = Scope(match.captures, helpers(random, now), request, session, match.nth, self._constants)
        performance = Performance(scope, session, random, clock)
        defaults = self._defaults if with_defaults else ()
        return performance.run(defaults, match.rule.body, span=match.rule.node.span, fault=fault)

    def warm_up(
        self,
        request: Request,
        session: Session,
        random: Random,
        now: Callable[[], datetime],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> Timeline:
        """What the defaults alone make: the answer to a request that asks for none. `clock` is as in `perform`.

        Raises:
            PerformError: a template failed.
        """
        scope = Scope({}, helpers(random, now), request, session, 0, self._constants)
        performance = Performance(scope, session, random, clock)
        return performance.run(self._defaults, Block(()), span=Source("defaults", "").span(0, 0))


class Settings:
    """What the `defaults` of a script set."""

    def __init__(self) -> None:
        self.seed: int | None = None
        self.models: tuple[str, ...] | None = None
        self.conversation: nodes.Field | None = None
        self.statements: list[Statement] = []


def compile_script(path: Path | str) -> Script:
    """Compile the script in a file.

    Raises:
        ScriptError: it has errors.
        OSError: the file cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    path = Path(path)
    return _raise_errors(*_compile(Source(str(path), path.read_text("utf-8-sig")), path))


def compile_text(text: str, name: str = "script") -> Script:
    """Compile a script that is in no file, so that it can include none. `name` is how messages call it.

    Raises:
        ScriptError: it has errors.
    """
    return _raise_errors(*_compile(Source(name, text.removeprefix("\ufeff")), None))


def check(path: Path | str) -> list[Diagnostic]:
    """All errors and warnings of the script in a file.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    path = Path(path)
    return _compile(Source(str(path), path.read_text("utf-8-sig")), path)[1]


def _raise_errors(script: Script | None, found: list[Diagnostic]) -> Script:
    if script is None:
        raise ScriptError(found)
    return script


def _compile(source: Source, path: Path | None) -> tuple[Script | None, list[Diagnostic]]:
    diagnostics = Diagnostics()
    resolved = Resolver(path.parent if path else None, diagnostics).resolve(source, path)
    script = None if resolved is None else _ScriptCompiler(resolved, diagnostics).compile()
    found = diagnostics.sorted()
    errors = [diagnostic for diagnostic in found if diagnostic.is_error]
    if any(error.code != "E299" for error in errors):  # what is wrong comes before what is missing
        found = [diagnostic for diagnostic in found if diagnostic.code != "E299"]
    if script is None or errors:
        return None, found
    script.warnings = tuple(found)
    script.files = tuple(resolved.files) if resolved else ()
    return script, found


class _ScriptCompiler:
    def __init__(self, resolved: Resolved, diagnostics: Diagnostics) -> None:
        self._resolved = resolved
        self._diagnostics = diagnostics
        self._conditions = ConditionCompiler(resolved.names, diagnostics)
        self._bodies = BodyCompiler(resolved.names, diagnostics)
        self._settings = Settings()
        self._rules: list[Rule] = []
        self._sockets: dict[str, SocketScript] = {}

    def compile(self) -> Script:
        for item in self._resolved.items:
            self._item(item)
        constants = self._bodies.constants()
        for block in self._resolved.names.blocks.values():
            # One that no rule uses is checked all the same; which captures there will be, nobody knows.
            names = frozenset(parameter.text for parameter in block.parameters)
            self._bodies.compile(block.body, Context("", Captures(unknown=True), names, socket=True))
        for named in self._resolved.names.conditions.values():
            self._guard([named.condition])
        check_rules(self._rules, self._diagnostics)
        for rule in self._rules:
            check_wire(rule, self._diagnostics)
        script = Script(tuple(self._rules), self._settings, constants)
        script.sockets = self._sockets
        script.named_models = tuple(dict.fromkeys(self._models()))
        script.items = tuple(self._resolved.items)
        script.tests = self._tests()
        return script

    def _item(self, item: nodes.Item) -> None:
        if isinstance(item, nodes.Rule | nodes.Given):
            self._rules += self._compiled(item, [])
        elif isinstance(item, nodes.Socket):
            self._socket(item)
        elif isinstance(item, nodes.Defaults):
            for setting in item.settings:
                self._setting(setting)
        elif isinstance(item, nodes.Scenario | nodes.ForEach):
            if isinstance(item, nodes.Scenario):
                check_states(item, self._diagnostics)
            self._later(item)

    def _later(self, item: nodes.Scenario | nodes.ForEach) -> None:
        word = "scenario" if isinstance(item, nodes.Scenario) else "for each"
        head = item.span.source.span(item.span.start, item.span.start + len(word))
        self._diagnostics.report("E299", f"`{word}` is not supported yet", head)

    # -- rules

    def _compiled(
        self, item: nodes.RuleItem, given: list[nodes.Condition], *, socket: bool = False
    ) -> Iterable[Rule]:
        """The rules of an item, under the conditions of the `given`s around it."""
        if isinstance(item, nodes.ForEach):
            self._later(item)
        elif isinstance(item, nodes.Given):
            for inner in item.rules:
                yield from self._compiled(inner, [*given, item.condition], socket=socket)
        else:
            guard = self._guard(given if item.condition is None else [*given, item.condition])
            captures = guard.captures if guard else Captures(unknown=True)
            socket = socket or guard is None or only_on_sockets(guard)
            body = self._bodies.compile(item.body, Context(_key(item), captures, socket=socket))
            if guard is not None:
                yield Rule(item, _key(item), guard, body)

    def _guard(self, parts: list[nodes.Condition]) -> Guard | None:
        try:
            return self._conditions.guard(parts)
        except Invalid:
            return None

    # -- tests

    def _tests(self) -> tuple[Test, ...]:
        rules = [*self._rules, *(rule for socket in self._sockets.values() for rule in socket.table.rules)]
        names = [rule.name for rule in rules if rule.name is not None]
        compiler = TestCompiler(self._resolved.names, self._diagnostics, names, self._sockets)
        written = [item for item in self._resolved.items if isinstance(item, nodes.Test)]
        return tuple(test for item in written if (test := compiler.compile(item)) is not None)

    # -- sockets

    def _socket(self, item: nodes.Socket) -> None:
        path = item.path.value if isinstance(item.path, nodes.Text) else ""
        if not re.fullmatch(r"(/[\w.~!$&'()*+,;=:@%-]+)+", path) or path == "/v1":
            help = 'write it in quotes, as in "/v1/realtime"'
            message = "this is not the path of a socket"
            self._diagnostics.report("E223", message, item.path.span, help=help)
        elif path in self._sockets:
            self._diagnostics.report("E204", f"two sockets are on `{path}`", item.path.span)
        rules: list[Rule] = []
        handlers: list[Handler] = []
        timers: list[Timer] = []
        for inner in item.items:
            if isinstance(inner, nodes.On):
                handlers.append(Handler(inner.event.text, self._happening(inner, inner.event.span)))
            elif isinstance(inner, nodes.Every | nodes.After):
                timers += self._timer(inner)
            else:
                rules += self._compiled(inner, [], socket=True)
        check_rules(rules, self._diagnostics)
        for rule in rules:
            check_wire(rule, self._diagnostics, socket=True)
        self._sockets[path] = SocketScript(path, RuleTable(tuple(rules)), tuple(handlers), tuple(timers))

    def _timer(self, item: nodes.Every | nodes.After) -> Iterable[Timer]:
        delay = item.delay if isinstance(item, nodes.Every) else item.trigger
        if isinstance(delay, nodes.Count):
            message = "a socket counts time, and neither chunks nor bytes"
            self._diagnostics.report("E214", message, delay.span, help="write a duration like `2m`")
            return
        compiled = self._bodies.timer(delay)
        repeated = isinstance(item, nodes.Every)
        if repeated and compiled.low <= 0:
            self._diagnostics.report("E211", "the time between two must be more than 0", delay.span)
        yield Timer(compiled, repeated, self._happening(item, delay.span))

    def _happening(self, item: nodes.On | nodes.Every | nodes.After, guard: Span) -> Rule:
        """What happens by itself, as a rule without a condition."""
        node = nodes.Rule(None, None, item.body, guard=guard, span=item.span)
        body = self._bodies.compile(item.body, Context(_key(node), socket=True))
        return Rule(node, _key(node), Guard(None, (), Captures()), body)

    # -- defaults

    def _setting(self, setting: nodes.Setting) -> None:
        if isinstance(setting, nodes.Seed):
            self._settings.seed = int(setting.value.value)
        elif isinstance(setting, nodes.Models):
            ids = [item.value for item in setting.ids.items if isinstance(item, nodes.Text)]
            self._settings.models = tuple(ids)
            for item in setting.ids.items:
                if not isinstance(item, nodes.Text):
                    self._diagnostics.report("E202", "the id of a model is a text", item.span)
        elif isinstance(setting, nodes.ConversationBy):
            name = setting.field.name
            if name.text not in fields.CATALOGUE or name.text in ("nth", "memory", "session"):
                help = did_you_mean(name.text, fields.CATALOGUE)
                message = f"no conversation can be told by `{name.text}`"
                self._diagnostics.report("E201", message, name.span, help=help)
            elif setting.field.path and name.text not in fields.PARTED:
                kind = fields.CATALOGUE[name.text].type.value
                message = f"`{name.text}` is {kind}, so it has no parts"
                self._diagnostics.report("E202", message, setting.field.span)
            self._settings.conversation = setting.field
        else:
            key = f"defaults:{setting.span.source.name}:{setting.span.start}"
            self._settings.statements.append(self._bodies.compile(setting, Context(key)))

    def _models(self) -> list[str]:
        """The models that conditions name."""
        return [
            value
            for rule in self._rules
            for condition in nodes.walk(rule.node)
            if isinstance(condition, nodes.Comparison) and condition.operator in ("equal", "member")
            if condition.field.name.text == "model" and condition.operand is not None
            for value in self._texts(condition.operand)
        ]

    def _texts(self, operand: nodes.Node) -> list[str]:
        if isinstance(operand, nodes.Reference):
            operand = self._resolved.names.constant(operand) or operand
        return [text.value for text in nodes.walk(operand) if isinstance(text, nodes.Text)]


def _key(rule: nodes.Rule) -> str:
    """What names the counters of a rule in a session."""
    span = rule.span
    return rule.name.text if rule.name else f"{span.source.name}:{span.line}:{span.start}"


def only_on_sockets(guard: Guard) -> bool:
    """Whether a rule's condition says that it answers on sockets only."""
    condition = guard.condition
    parts = condition.parts if isinstance(condition, And) else (condition,)
    return any(
        isinstance(part, Member) and part.tested == ("transport", ()) and part.values == ("websocket",)
        for part in parts
        if not getattr(part, "negative", False)
    )
