"""What follows from what: conditions as conjunctions of facts.

A *fact* is a condition that is known to hold. A condition follows from facts if it holds whenever they do. All
that is said here is true of every request; much that is true is not said, for the checker may miss a mistake, and
must never report one that is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf
from typing import Any

from dsl import fields, nodes
from dsl.conditions import (
    And,
    Between,
    Condition,
    Contains,
    EndsWith,
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
from dsl.diagnostics import Diagnostics, Label, did_you_mean, one_of

# Values that a bare field is not true of.
_NOTHING: tuple[Any, ...] = (None, False, "", (), {})
# Their values equal several others: a tool's result is its text as well as its JSON.
_MANIFOLD = {"tool_result", "calls"}


def conjuncts(condition: Condition | None) -> Iterator[Condition]:
    """The parts of a condition that all must hold."""
    if isinstance(condition, And):
        for part in condition.parts:
            yield from conjuncts(part)
    elif condition is not None:
        yield condition


def tests(condition: Condition) -> Iterator[Test]:
    """All tests in a condition, those under `or` and `not` too."""
    if isinstance(condition, Test):
        yield condition
    elif isinstance(condition, Negation):
        yield from tests(condition.part)
    else:
        for part in condition.parts:
            yield from tests(part)


def possible_words(condition: Condition | None, field: str) -> set[str]:
    """The words that a field of words can be when the condition holds."""
    possible = set(fields.CATALOGUE[field].words)
    for part in conjuncts(condition):
        if isinstance(part, Member) and part.tested == (field, ()):
            values = {value for value in part.values if isinstance(value, str)}
            possible = possible - values if part.negative else possible & values
    return possible


# -- implication ------------------------------------------------------------------------------


def follows(condition: Condition, facts: Sequence[Condition]) -> bool:
    """Whether the condition holds whenever all the facts do."""
    if isinstance(condition, And):
        return all(follows(part, facts) for part in condition.parts)
    if any(same(condition, fact) for fact in facts):
        return True
    if isinstance(condition, Or) and any(follows(part, facts) for part in condition.parts):
        return True
    if isinstance(condition, Test) and any(
        isinstance(fact, Test) and fact.tested == condition.tested and _implies(fact, condition) for fact in facts
    ):
        return True
    # Of a fact that is an `or` some branch holds, whichever.
    return any(
        isinstance(fact, Or) and all(follows(condition, list(conjuncts(part))) for part in fact.parts)
        for fact in facts
    )


def same(one: Condition, other: Condition) -> bool:
    """Whether two conditions are written alike. (In Python 1 equals true: hence the second look.)"""
    return type(one) is type(other) and one == other and repr(one) == repr(other)


def is_exact(fact: Condition) -> bool:
    """Whether a fact leaves a field only certain values."""
    return isinstance(fact, Member) and not fact.negative and not fact.ignoring_case


def _implies(fact: Test, test: Test) -> bool:
    """Whether a test holds for every value of the field for which the fact does."""
    if isinstance(fact, Member) and is_exact(fact):
        return fact.tested[0] not in _MANIFOLD and all(test.passes(value) for value in fact.values)
    if isinstance(test, Present):
        empty = (None, "") if _is_text(test) else _NOTHING
        return not any(fact.passes(value) for value in empty)
    if isinstance(fact, Ordered | Between) and isinstance(test, Ordered | Between):
        inner, outer = _interval(fact), _interval(test)
        return inner is not None and outer is not None and inner.is_in(outer)
    if isinstance(fact, TextTest) and isinstance(test, TextTest):
        found = [[_finds(fact, part, test, wanted) for part in fact.wanted] for wanted in test.wanted]
        if test.every:
            return all(map(any if fact.every else all, found))
        # Of the fact's texts only one may be there: so each must do.
        return any(map(any, found)) if fact.every else bool(found) and all(map(any, zip(*found, strict=True)))
    return False


def _finds(fact: TextTest, part: str, test: TextTest, wanted: str) -> bool:
    """Whether a text in which the fact finds `part` is one in which the test finds `wanted`."""
    if fact.ignoring_case and not test.ignoring_case:
        return False
    if isinstance(test, Mentions):
        # What is around `part` may be a letter, which would make its first and last word parts of others.
        closed = part if isinstance(fact, Mentions) else words(f"x{part}x")
        return bool(wanted.strip()) and test.finds(wanted, closed)
    if isinstance(fact, Mentions):
        found_folded = isinstance(test, Contains) and test.ignoring_case
        return found_folded and wanted in part and not any(character.isspace() for character in wanted)
    part = fold(part) if test.ignoring_case else part
    return test.finds(wanted, part) and (isinstance(test, Contains) or type(test) is type(fact))


@dataclass(frozen=True, slots=True)
class _Interval:
    """Numbers from `low` to `high`, each end included or not."""

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False

    def is_in(self, other: _Interval) -> bool:
        low = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        high = self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open))
        return low and high

    def meets(self, other: _Interval) -> bool:
        """Whether they have a number in common."""
        for one, two in ((self, other), (other, self)):
            if one.high < two.low or (one.high == two.low and (one.high_open or two.low_open)):
                return False
        return True


def _interval(test: Ordered | Between) -> _Interval | None:
    if isinstance(test, Between):
        return None if test.negative or test.low > test.high else _Interval(test.low, test.high)
    if test.operator in ("<", "<="):
        return _Interval(high=test.limit, high_open=test.operator == "<")
    return _Interval(low=test.limit, low_open=test.operator == ">")


# -- what never holds ----------------------------------------------------------------------------


def check_word(test: Member, field: fields.Field, diagnostics: Diagnostics) -> None:
    """Report a text in quotes that a field of words never is."""
    if field.name not in ("endpoint", "transport", "last") or test.ignoring_case or test.node.operand is None:
        return
    for text in nodes.walk(test.node.operand):
        if isinstance(text, nodes.Text) and text.value not in field.words:
            help = did_you_mean(text.value, field.words) or f"it is {one_of(f'`{word}`' for word in field.words)}"
            diagnostics.report("E207", f"`{field.name}` is never `{text.value}`", text.span, help=help)


def check_search(test: TextTest, field: fields.Field, diagnostics: Diagnostics) -> None:
    """Report a text that no word has of a field of words."""
    if field.words and test.node.operand is not None and not any(test.passes(word) for word in field.words):
        known = one_of(f"`{word}`" for word in field.words)
        help = f"it is {known}" if field.name != "last" else f"it is a role, {known}; the last text is `user`"
        operand = test.node.operand.span
        diagnostics.report("E207", f"`{field.name}` has nothing like `{operand.brief}`", operand, help=help)


def check_contradiction(conditions: Iterable[Condition], diagnostics: Diagnostics) -> None:
    """Report two conditions that are joined by `and` and never hold at once."""
    found = contradiction([part for condition in conditions for part in conjuncts(condition)])
    if found is None:
        return
    one, other = sorted(found, key=lambda part: part.node.span.start)
    several = isinstance(one, Member) and isinstance(other, Member) and not (one.negative or other.negative)
    between = one.node.span.source.text[one.node.span.end : other.node.span.start]
    help = "join them by `or`" if several and between.strip() == "and" else None
    label = Label(one.node.span, "the first")
    message = "these two are never true at once"
    diagnostics.report("W408", message, other.node.span, "the second", secondary=label, help=help)


def contradiction(facts: Sequence[Condition]) -> tuple[Condition, Condition] | None:
    """Two of the facts that never hold at once, if there are any."""
    if len(facts) < 2:
        return None
    return next(((one, two) for one, two in combinations(facts, 2) if _excludes(one, two)), None)


def _excludes(one: Condition, two: Condition) -> bool:
    for fact, other in ((one, two), (two, one)):
        if isinstance(other, Negation) and same(fact, other.part):
            return True
        if is_exact(fact) and _none_passes(fact, other):
            return True
    if not isinstance(one, Test) or not isinstance(two, Test) or one.tested != two.tested:
        return False
    if isinstance(one, Ordered | Between) and isinstance(two, Ordered | Between):
        first, second = _interval(one), _interval(two)
        return first is not None and second is not None and not first.meets(second)
    if isinstance(one, Member) and isinstance(two, Member):  # both ignore case, or there was an exact one
        positive = not one.negative and not two.negative
        return (
            positive
            and one.tested[0] not in _MANIFOLD
            and not set(map(repr, one.values)) & set(map(repr, two.values))
        )
    return _different_ends(one, two)


def _none_passes(fact: Condition, other: Condition) -> bool:
    """Whether no value that an exact fact allows passes the other condition, which is on the same field."""
    assert isinstance(fact, Member)
    if fact.tested[0] in _MANIFOLD:
        return False
    if isinstance(other, Negation) and isinstance(other.part, Test):
        return other.part.tested == fact.tested and all(other.part.passes(value) for value in fact.values)
    if not isinstance(other, Test) or other.tested != fact.tested:
        return False
    return not any(other.passes(value) for value in fact.values)


def _different_ends(one: Test, two: Test) -> bool:
    """Whether one text would have to begin, or to end, in two ways."""
    if not _is_text(one):
        return False  # a list has several texts
    for kind in (StartsWith, EndsWith):
        if isinstance(one, kind) and isinstance(two, kind) and one.ignoring_case == two.ignoring_case:
            pairs = [(first, second) for first in one.wanted for second in two.wanted]
            return not any(_end_alike(kind, first, second) for first, second in pairs)
    return False


def _is_text(test: Test) -> bool:
    """Whether what is tested is one text, or absent."""
    field = fields.CATALOGUE.get(test.tested[0])
    return field is not None and field.type is fields.Type.TEXT


def _end_alike(kind: type[TextTest], first: str, second: str) -> bool:
    if kind is StartsWith:
        return first.startswith(second) or second.startswith(first)
    return first.endswith(second) or second.endswith(first)
