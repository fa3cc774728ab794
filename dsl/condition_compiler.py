"""Conditions from nodes to tests, with everything about them that can be told before a request arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from dsl import fields, nodes
from dsl.conditions import (
    And,
    Between,
    Condition,
    Contains,
    EndsWith,
    Has,
    Matches,
    Member,
    Mentions,
    Negation,
    Or,
    Ordered,
    Present,
    StartsWith,
    Test,
    TextTest,
    fold,
    words,
)
from dsl.diagnostics import Diagnostics, Invalid, did_you_mean
from dsl.facts import check_contradiction, check_search, check_word
from dsl.fields import Type
from dsl.guards import Captures, Guard
from dsl.loops import Turns
from dsl.molds import Mold, mold_of, veiled
from dsl.operands import DEEPEST_NAMES, MOST_NAMES, OperandCompiler
from dsl.phrases import field_hint, part_hint
from dsl.records import changed
from dsl.regexes import BadRegex, compile_regex
from dsl.resolver import Names

_TEXT_TESTS: Mapping[str, Callable[..., TextTest]] = {
    "contains": Contains, "contains_any": Contains, "contains_all": Contains, "mentions": Mentions,
    "mentions_any": Mentions, "starts_with": StartsWith, "ends_with": EndsWith,
}  # fmt: skip
_KINDS: dict[type, tuple[Type, str]] = {str: (Type.TEXT, "a text"), bool: (Type.FLAG, "true or false")}


class ConditionCompiler(OperandCompiler):
    def __init__(self, names: Names, diagnostics: Diagnostics) -> None:
        super().__init__(names, diagnostics)
        self._endless: set[frozenset[str]] = set()  # circles that are reported
        self._varying: set[int] = set()  # the conjuncts that do, by the identity of their nodes
        self._same: dict[int, tuple[Condition, Captures]] = {}  # those that do not, which are compiled once
        self._molds: dict[int, Mold] = {}  # those that compare with a text, by which others are made
        self._flat: dict[tuple[int, ...], list[nodes.Condition]] = {}  # the conjuncts of parts of conditions

    def guard(
        self, parts: Sequence[nodes.Condition], turns: Turns | None = None, state: Condition | None = None
    ) -> Guard:
        """The guard of a rule: its own condition and those of the `given`s around it.

        `turns` are those of the `for each`es around it; `state` is the state that it belongs to.

        Raises:
            Invalid: a part has a mistake.
        """
        self._expanded = 0
        self._turns = turns or {}
        key = tuple(map(id, parts))
        if not self._turns or key not in self._flat:
            self._flat[key] = [conjunct for part in parts for conjunct in self._conjuncts(part)]
        conjuncts = self._flat[key]
        conditions: list[Condition] = [] if state is None else [state]
        nth: list[Test] = []
        captures = _NO_CAPTURES
        failed = False
        for conjunct in conjuncts:
            try:
                compiled, bound = self._conjunct(conjunct)
            except Invalid:
                failed = True
                continue
            if isinstance(compiled, Test) and compiled.tested[0] == "nth":
                nth.append(compiled)
            else:
                conditions.append(compiled)
            captures = captures.both(bound) if bound is not _NO_CAPTURES else captures
        if failed:
            raise Invalid
        if not self._turns:  # what contradicts itself in one turn may be as it should in another
            check_contradiction([*conditions, *nth], self._diagnostics)
        if not conditions:
            return Guard(None, tuple(nth), captures)
        joined = conditions[0] if len(conditions) == 1 else And(parts[-1], tuple(conditions))
        return Guard(joined, tuple(nth), captures)

    def value(self, node: nodes.Reference, turns: Turns) -> Any:
        """What the variable of a `for each`, or a part of it, stands for.

        Raises:
            Invalid: there is no such part.
        """
        self._expanded = 0
        self._turns = turns
        return self._part(node, fields.CATALOGUE["body"])

    def veiled(self, guard: Guard) -> Guard:
        """What the guards that several turns of a `for each` make of one rule have in common, for the checker.

        What differs is a test that follows from nothing, and from which nothing follows.
        """
        if guard.condition is None:
            return guard
        parts = guard.condition.parts if isinstance(guard.condition, And) else (guard.condition,)
        common = tuple(veiled(part) if id(part.node) in self._varying else part for part in parts)
        return changed(guard, condition=common[0] if len(parts) == 1 else And(guard.condition.node, common))

    def _conjunct(self, node: nodes.Condition) -> tuple[Condition, Captures]:
        if not self._turns:
            return self._condition(node, counting=True)
        if id(node) in self._same:
            return self._same[id(node)]
        self._varies = False
        mold = self._molds.get(id(node))
        if mold is not None:
            value = self._part(mold.reference, mold.field)
            if isinstance(value, str):
                return mold.cast(value), _NO_CAPTURES
        compiled = self._condition(node, counting=True)
        if not self._varies:
            self._same[id(node)] = compiled
            return compiled
        self._varying.add(id(node))
        if (mold := mold_of(node, compiled[0])) is not None:
            self._molds[id(node)] = mold
        return compiled

    def _conjuncts(self, condition: nodes.Condition) -> Iterator[nodes.Condition]:
        """The parts that all must hold, named conditions opened."""
        if isinstance(condition, nodes.All):
            for part in condition.parts:
                yield from self._conjuncts(part)
        elif (named := self._named(condition)) is not None and self._can_open(named):
            self._open.append(named.name.text)
            yield from self._conjuncts(named.condition)
            self._open.pop()
        else:
            yield condition

    def _can_open(self, named: nodes.LetWhen) -> bool:
        """Whether a named condition can be put in its place: what refers to itself, or doubles, has no end."""
        self._expanded += 1
        deep = len(self._open) >= DEEPEST_NAMES or self._expanded > MOST_NAMES
        return named.name.text not in self._open and not deep

    def _refuse_endless(self, named: nodes.LetWhen) -> NoReturn:
        name, label = named.name, ""
        circle = self._open[self._open.index(name.text) :] if name.text in self._open else []
        if frozenset(circle) in self._endless:
            raise Invalid
        self._endless.add(frozenset(circle))
        if not circle:
            name = self._names.conditions[self._open[0]].name if self._open else name
            self._refuse("E208", f"`{name.text}` is made of too many conditions", name.span)
        if len(circle) > 1:
            label = f"by way of `{circle[1]}`"
        self._refuse("E208", f"`{name.text}` refers to itself", name.span, label)

    def _named(self, condition: nodes.Condition) -> nodes.LetWhen | None:
        if (
            isinstance(condition, nodes.Comparison)
            and condition.operator == "present"
            and not condition.field.path
        ):
            return self._names.conditions.get(condition.field.name.text)
        return None

    # -- conditions

    def _condition(self, node: nodes.Condition, counting: bool = False) -> tuple[Condition, Captures]:
        """A condition and what it binds; `counting` where `nth` may stand."""
        if isinstance(node, nodes.Not):
            return Negation(node, self._condition(node.part)[0]), _NO_CAPTURES
        if isinstance(node, nodes.Comparison):
            return self._comparison(node, counting)
        compiled = [self._condition(part) for part in node.parts]
        conditions = tuple(condition for condition, _ in compiled)
        captures = compiled[0][1]
        for _, bound in compiled[1:]:
            captures = captures.both(bound) if isinstance(node, nodes.All) else captures.either(bound)
        if isinstance(node, nodes.All):
            check_contradiction(conditions, self._diagnostics)
        return (And if isinstance(node, nodes.All) else Or)(node, conditions), captures

    def _comparison(self, node: nodes.Comparison, counting: bool) -> tuple[Condition, Captures]:
        named = self._named(node)
        if named is not None:
            if not self._can_open(named):
                self._refuse_endless(named)
            self._open.append(named.name.text)
            try:
                return self._condition(named.condition)
            finally:
                self._open.pop()
        field = self._field(node)
        if field.name == "nth" and not counting:
            help = "`nth` counts how often the rest of the condition has held, so it must be joined to it by `and`"
            self._refuse("E219", "`nth` cannot stand under `or` or `not`", node.field.span, help=help)
        self._check_operator(node, field)
        tested = (field.name, node.field.path)
        if node.operator == "matches":
            return self._matches(node, tested)
        return self._test(node, tested, field), _NO_CAPTURES

    def _field(self, node: nodes.Comparison) -> fields.Field:
        name = node.field.name
        field = fields.CATALOGUE.get(name.text)
        if field is None:
            guess = field_hint(name.text) or did_you_mean(name.text, [*fields.CATALOGUE, *self._names.conditions])
            help = guess or f"the fields are {', '.join(sorted(fields.CATALOGUE))}"
            if name.text == "otherwise":
                help = "`otherwise` stands without `when`"
            elif name.text in self._names.constants:
                help = f"`{name.text}` is a constant: a field stands first, as in `user is {name.text}`"
            self._refuse("E201", f"unknown field `{name.text}`", name.span, "a request has no such field", help)
        elif node.field.path and name.text not in fields.PARTED:
            message = f"`{name.text}` is {field.type.value}, so it has no parts"
            self._refuse("E202", message, node.field.span, help=part_hint(field, node.field.path[-1]))
        elif name.text == "messages":
            self._check_messages(node)
        return field

    def _check_messages(self, node: nodes.Comparison) -> None:
        """Report a part that a list of messages does not have, and an order that it is not in."""
        path = node.field.path
        if path and isinstance(path[0], str) and path[0] != "tokens":
            help = "look at one of them, as in `messages[0].text`; `user` is the text of the last question"
            if path[0] in ("length", "len", "size", "count"):
                help = "`turn > 2` tells how long the conversation is"
            self._refuse("E202", f"`messages` is a list, so it has no `{path[0]}`", node.field.span, help=help)
        if not path and node.operator in ("<", "<=", ">", ">="):
            help = "`turn > 2` tells how long it is, `messages.tokens > 1000` what it costs"
            self._refuse("E202", "`messages` is a list, so it has no order", node.span, help=help)

    def _check_operator(self, node: nodes.Comparison, field: fields.Field) -> None:
        """Report an operator that makes no sense of a field of this type."""
        name, kind = field.name, field.type
        if node.field.path or kind is Type.JSON:
            return
        searches = node.operator in _TEXT_TESTS or node.operator == "matches"
        if searches and kind in (Type.NUMBER, Type.FLAG):
            help = f"write `{name}` or `not {name}`"
            if kind is Type.NUMBER:
                help = f"compare it instead, as in `{name} is 1` or `{name} in 0..1`"
            message = f"`{name}` is {kind.value}, so it cannot be searched like text"
            self._refuse("E202", message, node.span, help=help)
        if (
            node.operator in ("<", "<=", ">", ">=") or isinstance(node.operand, nodes.Range)
        ) and kind is not Type.NUMBER:
            self._refuse("E202", f"`{name}` is {kind.value}, so it has no order", node.span)
        if node.operator == "has" and kind is not Type.COLLECTION:
            contains = f"write `{name} contains …`" if kind is Type.TEXT else None
            self._refuse("E202", f"`{name}` is {kind.value}, so it has no members", node.span, help=contains)

    def _matches(
        self, node: nodes.Comparison, tested: tuple[str, tuple[str | int, ...]]
    ) -> tuple[Condition, Captures]:
        regex: nodes.Node | None = node.operand
        if isinstance(regex, nodes.Reference) and regex.path[0].text not in self._turns:
            regex = self._constant(regex)
        if not isinstance(regex, nodes.Regex):
            assert node.operand is not None
            self._refuse("E202", f"`{node.operand.span.brief}` is not a regular expression", node.operand.span)
        try:
            compiled = compile_regex(regex.pattern, regex.flags)
        except BadRegex as bad:
            source, at = regex.span.source, regex.span.start + 1
            span = source.span(at + bad.start, at + bad.end)
            self._refuse("E303", bad.message, span, help=bad.help)
        written = f"/{regex.pattern}/{regex.flags}"
        return Matches(node, tested, written, compiled), Captures(frozenset(compiled.groupindex))

    def _test(
        self, node: nodes.Comparison, tested: tuple[str, tuple[str | int, ...]], field: fields.Field
    ) -> Test:
        operator, operand = node.operator, node.operand
        if operand is None:
            return Present(node, tested)
        if isinstance(operand, nodes.Range):
            low, high = operand.low.value, operand.high.value
            if low > high:
                help = f"did you mean `{high:g}..{low:g}`?"
                self._diagnostics.report("W405", "this range is empty", operand.span, help=help)
            return Between(node, tested, low, high, operator == "not_member")
        assert not isinstance(operand, nodes.Regex)
        value = self._value(operand, field)
        if operator in ("<", "<=", ">", ">="):
            if isinstance(value, bool) or not isinstance(value, int | float):
                self._refuse("E202", f"`{operand.span.brief}` is not a number", operand.span)
            return Ordered(node, tested, operator, value)
        if operator == "has":
            return Has(node, tested, value)
        listed = operator in ("member", "not_member", "contains_any", "contains_all", "mentions_any")
        if listed and not isinstance(value, list):
            self._refuse("E202", f"`{operand.span.brief}` is not a list", operand.span)
        values = tuple(value) if listed else (value,)
        if operator in ("equal", "not_equal", "member", "not_member"):
            return self._member(node, tested, field, values)
        test = self._text_test(node, tested, values)
        if not node.field.path:
            check_search(test, field, self._diagnostics)
        return test

    def _member(
        self,
        node: nodes.Comparison,
        tested: tuple[str, tuple[str | int, ...]],
        field: fields.Field,
        values: tuple[Any, ...],
    ) -> Member:
        assert node.operand is not None
        for value in values:
            kind, called = _KINDS.get(type(value), (Type.NUMBER, "a number"))
            comparable = value is None or field.type in (Type.JSON, kind) or node.field.path
            if not comparable and isinstance(value, str | bool | int | float):
                message = f"`{field.name}` is {field.type.value}, so it is never {called}"
                self._refuse("E202", message, node.operand.span, help=self._instead(field, value))
        if node.ignoring_case:
            values = tuple(fold(value) if isinstance(value, str) else value for value in values)
        test = Member(node, tested, values, node.operator in ("not_equal", "not_member"), node.ignoring_case)
        check_word(test, field, self._diagnostics)
        return test

    @staticmethod
    def _instead(field: fields.Field, value: Any) -> str | None:
        """What to write in place of a comparison with a value that the field never is."""
        if field.type is Type.COLLECTION:
            return f"write `{field.name} has …`"
        if field.type is Type.FLAG:
            return f"write `{field.name}` or `not {field.name}`"
        if field.type is Type.TEXT:
            return f'write "{value}" for the text' if isinstance(value, int | float) else None
        return "write the number without quotes" if isinstance(value, str) else None

    def _text_test(
        self, node: nodes.Comparison, tested: tuple[str, tuple[str | int, ...]], values: tuple[Any, ...]
    ) -> TextTest:
        assert node.operand is not None
        for value in values:
            if not isinstance(value, str):
                help = f'write "{node.operand.span.brief}" for the text'
                if isinstance(value, list):
                    several = node.operator in ("contains", "mentions")
                    help = f"write `{node.operator} any […]`" if several else "join several tests by `or`"
                self._refuse("E202", f"`{node.operand.span.brief}` is not a text", node.operand.span, help=help)
        test = _TEXT_TESTS[node.operator](
            node, tested, values, node.operator == "contains_all", node.ignoring_case
        )
        if isinstance(test, Mentions):
            return changed(test, wanted=tuple(words(value) for value in values))
        return changed(test, wanted=tuple(fold(value) for value in values)) if node.ignoring_case else test


_NO_CAPTURES = Captures()
