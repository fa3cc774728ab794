"""From a script's text to a `Script` that can answer: parse, resolve, compile, check."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dsl import fields, nodes
from dsl.body_compiler import BodyCompiler
from dsl.checker import check_rules, check_script
from dsl.condition_compiler import ConditionCompiler
from dsl.diagnostics import Diagnostic, Diagnostics, Invalid, ScriptError, did_you_mean
from dsl.garbage import uncollected
from dsl.guards import Captures, Guard
from dsl.looks import Looks, decoded
from dsl.resolver import Resolved, Resolver
from dsl.rule_compiler import Place, RuleCompiler, key_of
from dsl.scenarios import Scenario
from dsl.script import Script, Settings
from dsl.sockets import Handler, SocketScript, Timer
from dsl.source import Source, Span
from dsl.states import check_states
from dsl.table import Rule, RuleTable
from dsl.testing.compiler import Test, TestCompiler
from dsl.value_compiler import Context
from dsl.wire_checker import check_wire


def compile_script(path: Path | str) -> Script:
    """Compile the script in a file.

    Raises:
        ScriptError: it has errors.
        OSError: the file cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    return _compile_file(Path(path)).script_or_errors()


def compile_text(text: str, name: str = "script", path: Path | None = None) -> Script:
    """Compile a script that is in no file, or not yet.

    Args:
        name: how messages call it.
        path: the file in which it is to be: from there it can include others. Without one it can include none.

    Raises:
        ScriptError: it has errors.
    """
    return _compile(Source(name, text.removeprefix("\ufeff")), path, Looks()).script_or_errors()


def check(path: Path | str) -> list[Diagnostic]:
    """All errors and warnings of the script in a file.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    return _compile_file(Path(path)).found


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What became of a script: it, or None if there are errors among what was `found`."""

    script: Script | None
    found: list[Diagnostic]
    looks: Looks

    def script_or_errors(self) -> Script:
        if self.script is None:
            raise ScriptError(self.found, self.looks)
        return self.script


def _compile_file(path: Path) -> _Compiled:
    looks = Looks()
    own = path.absolute()
    looks.at(own)
    return _compile(Source(str(path), decoded(looks.read(own))), path, looks)


@uncollected()
def _compile(source: Source, path: Path | None, looks: Looks) -> _Compiled:
    diagnostics = Diagnostics()
    resolver = Resolver(path.parent if path else None, diagnostics, looks)
    resolved = resolver.resolve(source, path)
    script = None if resolved is None else _ScriptCompiler(resolved, diagnostics).compile()
    if resolved is not None and not diagnostics.has_errors:
        check_script(resolved.items, resolved.names, source, diagnostics)
    found = diagnostics.sorted()
    if script is None or any(diagnostic.is_error for diagnostic in found):
        return _Compiled(None, found, looks)
    script.source = source
    script.warnings = tuple(found)
    script.files = tuple(dict.fromkeys(resolver.files))
    script.looks = looks
    return _Compiled(script, found, looks)


class _ScriptCompiler:
    def __init__(self, resolved: Resolved, diagnostics: Diagnostics) -> None:
        self._resolved = resolved
        self._diagnostics = diagnostics
        self._conditions = ConditionCompiler(resolved.names, diagnostics)
        self._bodies = BodyCompiler(resolved.names, diagnostics)
        self._settings = Settings()
        self._rules = self._table()
        self._scenarios: dict[str, Scenario] = {}
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
            self._guard(named.condition)
        check_rules(self._rules.specimens, self._resolved.names, self._diagnostics)
        for rule in self._rules.specimens:
            check_wire(rule, self._diagnostics)
        script = Script(tuple(self._rules.rules), self._settings, constants)
        script.sockets = self._sockets
        script.scenarios = tuple(self._scenarios.values())
        script.named_models = tuple(dict.fromkeys(self._models()))
        script.items = tuple(self._resolved.items)
        script.tests = self._tests()
        return script

    def _item(self, item: nodes.Item) -> None:
        if isinstance(item, nodes.Rule | nodes.Given | nodes.ForEach):
            self._rules.add(item, Place())
        elif isinstance(item, nodes.Socket):
            self._socket(item)
        elif isinstance(item, nodes.Defaults):
            for setting in item.settings:
                self._setting(setting)
        elif isinstance(item, nodes.Scenario):
            self._scenario(item)

    def _scenario(self, item: nodes.Scenario) -> None:
        check_states(item, self._resolved.names, self._diagnostics)
        if item.by is not None:
            self._check_telling(item.by, "scenario")
        self._scenarios[item.name.text] = self._rules.add_scenario(item)

    def _guard(self, part: nodes.Condition) -> Guard | None:
        try:
            return self._conditions.guard([part])
        except Invalid:
            return None

    def _table(self) -> RuleCompiler:
        return RuleCompiler(self._resolved, self._conditions, self._bodies, self._diagnostics)

    # -- tests

    def _tests(self) -> tuple[Test, ...]:
        rules = [
            *self._rules.specimens,
            *(rule for socket in self._sockets.values() for rule in socket.table.rules),
        ]
        names = list(dict.fromkeys(rule.name for rule in rules if rule.name is not None))
        scenarios = {name: scenario.states for name, scenario in self._scenarios.items()}
        compiler = TestCompiler(self._resolved.names, self._diagnostics, names, self._sockets, scenarios)
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
        rules = self._table()
        handlers: list[Handler] = []
        timers: list[Timer] = []
        for inner in item.items:
            if isinstance(inner, nodes.On):
                handlers.append(Handler(inner.event.text, self._happening(inner, inner.event.span)))
            elif isinstance(inner, nodes.Every | nodes.After):
                timers += self._timer(inner)
            else:
                rules.add(inner, Place(socket=True))
        check_rules(rules.specimens, self._resolved.names, self._diagnostics)
        for rule in rules.specimens:
            check_wire(rule, self._diagnostics, socket=True)
        self._sockets[path] = SocketScript(path, RuleTable(tuple(rules.rules)), tuple(handlers), tuple(timers))

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
        body = self._bodies.compile(item.body, Context(key_of(node), socket=True))
        return Rule(node, key_of(node), Guard(None, (), Captures()), body)

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
            self._check_telling(setting.field, "conversation")
            self._settings.conversation = setting.field
        else:
            key = f"defaults:{setting.span.source.name}:{setting.span.start}"
            self._settings.statements.append(self._bodies.compile(setting, Context(key)))

    def _check_telling(self, field: nodes.Field, what: str) -> None:
        """Report a field by which no conversation, or no scenario, can be told from another."""
        name = field.name
        telling = [each for each in fields.CATALOGUE if each not in ("nth", "memory", "session")]
        if name.text not in telling:
            help = did_you_mean(name.text, telling)
            self._diagnostics.report("E201", f"no {what} can be told by `{name.text}`", name.span, help=help)
        elif field.path and name.text not in fields.PARTED:
            kind = fields.CATALOGUE[name.text].type.value
            message = f"`{name.text}` is {kind}, so it has no parts"
            self._diagnostics.report("E202", message, field.span)

    def _models(self) -> list[str]:
        """The models that conditions name."""
        return [
            value
            for rule in self._rules.specimens
            if rule.node.condition is not None
            for condition in nodes.walk(rule.node.condition)
            if isinstance(condition, nodes.Comparison) and condition.operator in ("equal", "member")
            if condition.field.name.text == "model" and condition.operand is not None
            for value in self._texts(condition.operand)
        ]

    def _texts(self, operand: nodes.Node) -> list[str]:
        if isinstance(operand, nodes.Reference):
            operand = self._resolved.names.constant(operand) or operand
        return [text.value for text in nodes.walk(operand) if isinstance(text, nodes.Text)]
