"""From the rules of a script, and the `given`s, `for each`es and scenarios around them, to the rules of a table.

A `for each` makes each of its rules once for each turn. What a rule does is compiled once for all turns, and finds
what its variables stand for when it is performed; what its condition says of the variables is compiled each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import field

from dsl import data, nodes
from dsl.body_compiler import BodyCompiler
from dsl.condition_compiler import ConditionCompiler
from dsl.conditions import And, Member
from dsl.diagnostics import Diagnostics, Invalid
from dsl.guards import Captures, Guard
from dsl.loops import Item, Keys, Row, called, foreseen, keys_of
from dsl.performance import Statement
from dsl.records import Record, changed
from dsl.resolver import Resolved
from dsl.scenarios import InState, Scenario
from dsl.table import Rule
from dsl.value_compiler import Context
from dsl.values import Literal, Maker

MOST_TURNS = 1_000_000  # of all `for each`es of a script together


class Place(Record, frozen=True):
    """Where a rule stands: what is around it."""

    given: tuple[nodes.Condition, ...] = ()
    socket: bool = False
    scenario: Scenario | None = None
    state: InState | None = None
    turns: Mapping[str, Row | Item] = field(default_factory=dict)
    bound: tuple[tuple[str, Maker], ...] = ()
    loops: Mapping[str, Keys | None] = field(default_factory=dict)
    turn: str = ""
    row: str = ""


class RuleCompiler:
    """Compiles the rules of one table.

    Attributes:
        rules: the rules so far, in order.
        specimens: the same for a look at what is written: of the rules that a `for each` makes of one there is
            one, whose condition says what those of all have in common.
    """

    def __init__(
        self,
        resolved: Resolved,
        conditions: ConditionCompiler,
        bodies: BodyCompiler,
        diagnostics: Diagnostics,
    ) -> None:
        self.rules: list[Rule] = []
        self.specimens: list[Rule] = []
        self._resolved = resolved
        self._conditions = conditions
        self._bodies = bodies
        self._diagnostics = diagnostics
        self._performed: dict[int, tuple[str, Statement]] = {}  # keys and bodies, by the identity of their rules
        self._broken: set[int] = set()  # the rules whose conditions have mistakes
        self._tables: dict[Path, data.Table | None] = {}
        self._files: dict[int, tuple[list[Row | Item], Keys] | None] = {}  # the rows of files, by `for each`
        self._turns = 0

    def add(self, item: nodes.RuleItem, place: Place) -> None:
        """Compile what stands in a place."""
        if isinstance(item, nodes.Rule):
            self._rule(item, place)
        elif isinstance(item, nodes.Given):
            inner = changed(place, given=(*place.given, item.condition))
            for each in item.rules:
                self.add(each, inner)
        else:
            self._each(item, place)

    def add_scenario(self, item: nodes.Scenario) -> Scenario:
        """Compile a scenario, and the rules of its states where it stands."""
        scenario = Scenario(item.name.text, item.by, tuple(state.name.text for state in item.states))
        for state in item.states:
            source, start = state.span.source, state.span.start
            word = source.span(start, start + len("state"))
            written = nodes.Field(nodes.Name("state", span=word), span=word)
            node = nodes.Comparison(written, "equal", None, span=source.span(start, state.name.span.end))
            test = InState(node, ("state", (scenario.name,)), scenario, state.name.text)
            for each in state.rules:
                self.add(each, Place(scenario=scenario, state=test))
        return scenario

    # -- rules

    def _rule(self, item: nodes.Rule, place: Place) -> None:
        if id(item) in self._broken:
            return
        guard: Guard | None = None
        try:
            parts = place.given if item.condition is None else (*place.given, item.condition)
            guard = self._conditions.guard(parts, place.turns, place.state)
        except Invalid:
            self._broken.add(id(item))
        is_first = id(item) not in self._performed
        if is_first:
            socket = place.socket or guard is None or only_on_sockets(guard)
            captures = guard.captures if guard else Captures(unknown=True)
            self._body(item, place, captures, socket=socket)
        if guard is None:
            return
        key, body = self._performed[id(item)]
        if not place.turns:
            self.rules.append(Rule(item, key, guard, body, place.scenario))
            self.specimens.append(self.rules[-1])
            return
        key = f"{key}\0{place.turn}"
        rule = Rule(item, key, guard, body, place.scenario, place.bound, place.turn, place.row)
        self.rules.append(rule)
        if is_first:
            self.specimens.append(changed(rule, guard=self._conditions.veiled(guard), bound=(), turn="", row=""))

    def _body(self, item: nodes.Rule, place: Place, captures: Captures, *, socket: bool) -> None:
        key = key_of(item)
        context = Context(key, captures, frozenset(place.loops), socket, place.scenario, place.loops)
        self._performed[id(item)] = key, self._bodies.compile(item.body, context)

    # -- `for each`

    def _each(self, item: nodes.ForEach, place: Place) -> None:
        name = item.variable.text
        found = self._found(item, place)
        rounds, keys = found if found is not None else ([], None)
        loops = {**place.loops, name: keys}
        if not rounds:  # what its rules do is checked all the same
            for node in nodes.walk(item):
                if isinstance(node, nodes.ForEach):
                    loops = {**loops, node.variable.text: None}
                if isinstance(node, nodes.Rule):
                    self._body(node, changed(place, loops=loops), Captures(unknown=True), socket=True)
            return
        self._turns += len(rounds)
        if self._turns > MOST_TURNS or len(rounds) * self._inner_turns(item) > MOST_TURNS:
            help = "the turns of a `for each` within another are multiplied"
            message = f"this takes more than {MOST_TURNS:,} turns"
            self._diagnostics.report("E226", message, item.rows.span, help=help)
            return
        for turn in rounds:
            number = f"{place.turn}.{turn.number}" if place.turn else str(turn.number)
            row = f"{place.row} {turn.called}" if isinstance(turn, Row) and turn.in_file else place.row
            turns, bound = {**place.turns, name: turn}, (*place.bound, (name, turn.maker))
            own = Place(place.given, place.socket, place.scenario, place.state, turns, bound, loops, number, row)
            for each in item.rules:
                self.add(each, own)

    def _inner_turns(self, item: nodes.ForEach | nodes.Given) -> int:
        """How many turns each turn takes further in, as far as lists in the script tell."""
        most = 1
        for inner in item.rules:
            if isinstance(inner, nodes.Given):
                most = max(most, self._inner_turns(inner))
            elif isinstance(inner, nodes.ForEach):
                rows = inner.rows
                items = self._resolved.names.constant(rows) if isinstance(rows, nodes.Reference) else rows
                own = len(items.items) if isinstance(items, nodes.List) else 1
                most = max(most, own * self._inner_turns(inner))
        return most

    def _found(self, item: nodes.ForEach, place: Place) -> tuple[Sequence[Row | Item], Keys | None] | None:
        """What the variable stands for turn by turn; None if there is a mistake, which is reported."""
        rows: nodes.Node | None = item.rows
        if isinstance(rows, nodes.Reference):
            if rows.path[0].text in place.turns:
                return self._part(rows, place)
            rows = self._resolved.names.constant(rows)
            if rows is None:
                self._bodies.item(item.rows, Context("each", Captures(unknown=True)))  # which reports it
                return None
        if isinstance(rows, nodes.List):
            return self._items(rows, place)
        if isinstance(rows, nodes.Text):
            if id(item) not in self._files:
                self._files[id(item)] = self._rows(rows, item.rows)
            return self._files[id(item)]
        help = 'write a list, or the name of a file, as in `for each row in "faq.csv"`'
        self._diagnostics.report("E202", f"`{item.rows.span.brief}` is not a list", item.rows.span, help=help)
        return None

    def _items(self, rows: nodes.List, place: Place) -> tuple[list[Row | Item], Keys | None]:
        names = frozenset(place.loops)
        context = Context("each", Captures(unknown=True), names, True, None, place.loops)
        turns: list[Row | Item] = []
        values: list[tuple[str, object]] | None = []
        for number, node in enumerate(rows.items, 1):
            turn = Item(node, self._bodies.item(node, context), number, place.turns)
            turns.append(turn)
            value = self._resolved.names.constant(node) if isinstance(node, nodes.Reference) else node
            if value is None or isinstance(value, nodes.Expression):
                values = None
            elif values is not None:
                values.append((turn.called, foreseen(turn.maker)))
        return turns, None if values is None else keys_of(values)

    def _part(self, rows: nodes.Reference, place: Place) -> tuple[list[Row | Item], None] | None:
        """The items of a list that a variable of a `for each` around this one stands for."""
        try:
            value = self._conditions.value(rows, place.turns)
        except Invalid:
            return None
        if not isinstance(value, list):
            message = f"`{rows.text}` is not a list"
            self._diagnostics.report("E202", message, rows.span, f"in {called(place.turns)}")
            return None
        return [Row(each, Literal(rows, each), n, False, in_file=False) for n, each in enumerate(value, 1)], None

    def _rows(self, name: nodes.Text, rows: nodes.Node) -> tuple[list[Row | Item], Keys] | None:
        table = self._table(name, rows)
        if table is None:
            return None
        found: list[Row | Item] = [
            Row(value, Literal(rows, value), number, table.texts) for number, value in enumerate(table.rows, 1)
        ]
        return found, keys_of((turn.called, value) for turn, value in zip(found, table.rows, strict=True))

    def _table(self, name: nodes.Text, rows: nodes.Node) -> data.Table | None:
        written, base = name.value, self._resolved.paths.get(name.span.source)
        folder, looks = self._resolved.folder, self._resolved.looks
        if base is None or folder is None:
            return self._refuse("E216", "a script without a folder cannot read a file", rows)
        try:
            path = looks.at(base.parent / written)
        except (OSError, ValueError):  # too long, links in a circle, a NUL
            return self._refuse("E216", f"`{rows.span.brief}` is not the name of a file", rows)
        if not path.is_relative_to(folder):
            return self._refuse("E217", f"`{written}` lies outside the script's folder", rows)
        try:
            if path not in self._tables:
                self._resolved.files.append(path)
                data.check_name(path)
                self._tables[path] = data.read(path, looks.read(base.parent / written))
            return self._tables[path]
        except data.BadData as bad:
            return self._refuse("E224", f"`{written}` {bad}", rows)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return self._refuse("E216", f"`{written}` cannot be read: {reason}", rows)
        except UnicodeDecodeError:
            return self._refuse("E216", f"`{written}` is not UTF-8 text", rows)

    def _refuse(self, code: str, message: str, node: nodes.Node) -> data.Table | None:
        self._diagnostics.report(code, message, node.span)
        return None


def key_of(rule: nodes.Rule) -> str:
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
