"""The index of a table: which rules can hold for a request at all, found without asking each.

Of a condition follow *keys*: it can hold only if the request has at least one of them. A key is a value of a
field, a member of a collection, or a text that is in a text. Each rule is filed under those keys of its condition
that the fewest rules share. What a request has is looked up, each text being searched once for all that is filed
of its field, and what is filed under it are the candidates. The index may find too many, never too few: who asks
the candidates in order, and takes the first that holds, misses none.

Texts are filed and searched as `words` makes them. It changes a part of a text as it changes the whole, so that
a text which is found as it is, or in any case, is found there, too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Any, NamedTuple

import ahocorasick

from dsl import fields
from dsl.conditions import (
    And,
    Condition,
    Has,
    Matches,
    Member,
    Mentions,
    Negation,
    Or,
    Test,
    TextTest,
    fold,
    text_of,
    texts_of,
    words,
)
from dsl.request import Headers, Request, Result, Results
from dsl.required import required
from dsl.session import Session

if TYPE_CHECKING:
    from dsl.table import Rule

# Texts of fewer characters are in most others, and tell nothing.
SHORTEST = 4

Tested = tuple[str, tuple[str | int, ...]]
_NOT_INDEXED = ("nth", "state", "memory")  # what differs from rule to rule, by where it counts and remembers


class File(ABC):
    """What is filed of one field, by one kind of key: the places of rules, ascending, by key.

    `first` is the first rule that is filed.
    """

    is_text = False

    def __init__(self, tested: Tested) -> None:
        self.first = 0
        self._tested = tested
        self._filed: dict[Any, list[int]] = {}

    def add(self, key: Any, place: int) -> None:
        """File the rule at a place, which is below all that are filed."""
        if not self._filed:
            self.first = place
        self._filed.setdefault(key, []).append(place)

    def prepare(self) -> None:  # noqa: B027 (most are ready as they are)
        """Make now what is looked up in."""

    def find(self, request: Request, session: Session) -> Iterator[Sequence[int]]:
        """What is filed under the keys that a request has."""
        name, path = self._tested
        for key in self.keys(fields.read(name, path, request, session)):
            if (places := self._filed.get(key)) is not None:
                yield places

    @abstractmethod
    def keys(self, value: Any) -> Iterable[Any]:
        """The keys that a value of the field has."""


class Values(File):
    """By what the field is."""

    def keys(self, value: Any) -> set[Any]:
        return set(_scalars(value))


class FoldedValues(File):
    """By what the field is, ignoring case."""

    def keys(self, value: Any) -> set[Any]:
        is_text = isinstance(value, str | Result | Results)
        return {fold(text_of(value))} if is_text else set(_scalars(value))


class Members(File):
    """By what the field has. Texts are in lower case, as the names of headers are."""

    def keys(self, value: Any) -> set[Any]:
        if isinstance(value, Result):
            value = value.value
        if isinstance(value, Headers):
            return set(value)
        if isinstance(value, Mapping):
            return {_lower(key) for item in value for key in _scalars(item)}
        if not isinstance(value, list | tuple):
            return set()
        named = (each for item in value for each in (item, fields.part(item, "name")))
        return {_lower(key) for each in named for key in _scalars(each)}


class Texts(File):
    """By what is in the text of the field."""

    is_text = True

    def prepare(self) -> None:
        _ = self._automaton

    @cached_property
    def _automaton(self) -> Any:
        automaton = ahocorasick.Automaton()
        for text in self._filed:
            automaton.add_word(text, text)
        automaton.make_automaton()
        return automaton

    def keys(self, value: Any) -> set[str]:
        texts = () if value is None else texts_of(value)
        return {found for text in texts for _, found in self._automaton.iter(words(text))}


class Key(NamedTuple):
    """That the field `tested` has `value`, as a file of this kind means it."""

    kind: type[File]
    tested: Tested
    value: Any


# A condition holds only if one of these is there; None if nothing is known.
Keys = frozenset[Key] | None


class Index:
    """The index of rules in their order."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._always: list[int] = []  # the places of the rules of which nothing is known
        found: dict[tuple[type[File], Tested], File] = {}
        clerk = _Clerk()
        for rule in rules:
            clerk.count(rule.guard.condition)
        for place, rule in enumerate(rules):
            keys = None if _moves(rules, place) else clerk.keys(rule.guard.condition)
            if keys is None:
                self._always.append(place)
                continue
            for key in keys:
                file = found.get((key.kind, key.tested))
                if file is None:
                    file = found[key.kind, key.tested] = key.kind(key.tested)
                file.add(key.value, place)
        self._files = sorted(found.values(), key=lambda file: file.first)

    def prepare(self) -> None:
        """Make now what texts are searched with, rather than when the first one is."""
        for file in self._files:
            file.prepare()

    def candidates(self, request: Request, session: Session) -> Iterator[int]:
        """The places of the rules that may hold, each once, ascending. No more is looked up than is asked for."""
        files = iter(self._files)
        file = next(files, None)
        # The next place of each list, which list it is, and what is left of it.
        heap: list[tuple[int, int, Iterator[int]]] = []
        lists = 0
        if self._always:
            rest = iter(self._always)
            heap.append((next(rest), lists, rest))
        last = -1
        while True:
            while file is not None and (not heap or file.first <= heap[0][0]):
                for places in file.find(request, session):
                    lists += 1
                    rest = iter(places)
                    heappush(heap, (next(rest), lists, rest))
                file = next(files, None)
            if not heap:
                return
            place, number, rest = heap[0]
            if place != last:
                last = place
                yield place
            following = next(rest, None)
            if following is None:
                heappop(heap)
            else:
                heapreplace(heap, (following, number, rest))


def _moves(rules: Sequence[Rule], place: int) -> bool:
    """Whether to ask a rule moves something even if it does not hold.

    The parts that a scenario keeps by a field are kept in the order in which they were last looked at.
    """
    scenario = rules[place].scenario
    return (
        scenario is not None
        and scenario.by is not None
        and (place == 0 or rules[place - 1].scenario is not scenario)
    )


class _Clerk:
    """Tells under which keys to file a rule. All conditions must be counted before."""

    def __init__(self) -> None:
        self._known: dict[int, list[frozenset[Key]]] = {}  # by the identity of a test
        self._rules: dict[Key, int] = defaultdict(int)  # how many name a key

    def count(self, condition: Condition | None) -> None:
        match condition:
            case None | Negation():
                pass
            case And(parts=parts) | Or(parts=parts):
                for part in parts:
                    self.count(part)
            case _:
                for keys in self._of(condition):
                    for key in keys:
                        self._rules[key] += 1

    def keys(self, condition: Condition | None) -> Keys:
        """The keys of a condition that the fewest rules share."""
        match condition:
            case None | Negation():
                return None
            case And(parts=parts):
                known = [keys for part in parts if (keys := self.keys(part)) is not None]
                return self._best(known)
            case Or(parts=parts):
                each = [self.keys(part) for part in parts]
                known = [keys for keys in each if keys is not None]
                return frozenset().union(*known) if len(known) == len(each) else None
            case _:
                return self._best(self._of(condition))

    def _of(self, test: Test) -> list[frozenset[Key]]:
        found = self._known.get(id(test))
        if found is None:
            found = self._known[id(test)] = _keys_of(test)
        return found

    def _best(self, known: Sequence[frozenset[Key]]) -> Keys:
        if len(known) > 1:
            return min(known, key=self._cost)
        return known[0] if known else None

    def _cost(self, keys: frozenset[Key]) -> tuple[int, int]:
        """How many rules share them; of equals those are better that need no search in a text."""
        return sum(self._rules[key] for key in keys), sum(key.kind.is_text for key in keys)


def _keys_of(test: Test) -> list[frozenset[Key]]:
    """Sets of keys of each of which a test needs at least one; empty if nothing is known."""
    tested = test.tested
    if tested[0] in _NOT_INDEXED:
        return []
    match test:
        case Member(negative=False, values=values) if all(map(_is_scalar, values)):
            kind = FoldedValues if test.ignoring_case else Values
            return [frozenset(Key(kind, tested, value) for value in values)]
        case Has(wanted=wanted) if _is_scalar(wanted):
            return [frozenset({Key(Members, tested, _lower(wanted))})]
        case Matches(regex=regex):
            folded = not regex.options.case_sensitive
            found = required(regex.pattern, ignoring_case=folded, shortest=SHORTEST)
            return _in_text(tested, [list(map(words, found))]) if found is not None else []
        case TextTest(wanted=wanted):
            # Those of `mentions` are as they are searched for, and those that ignore case are folded.
            as_is = isinstance(test, Mentions)
            texts = [
                text if as_is else " ".join(text.split()) if test.ignoring_case else words(text) for text in wanted
            ]
            return _in_text(tested, [[text] for text in texts] if test.every else [texts])
    return []


def _in_text(tested: Tested, sets: Iterable[Sequence[str]]) -> list[frozenset[Key]]:
    return [
        frozenset(Key(Texts, tested, text) for text in texts)
        for texts in sets
        if all(len(text) >= SHORTEST for text in texts)
    ]


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _scalars(value: Any) -> Iterator[Any]:
    """What a value equals of all that is neither a list nor an object. (That `True` is not 1, the rules tell.)"""
    if isinstance(value, Result):
        yield value.text
        yield from _scalars(value.value)
    elif isinstance(value, Results):
        yield str(value)
    elif _is_scalar(value):
        yield value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
