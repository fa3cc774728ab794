"""Rules that can never answer, because one above them always answers first.

Comparing each rule with each would be quadratic. But a rule can only be shadowed by one all of whose facts follow
from its own. So each rule is filed under one of its facts: the most telling one, unless it has a crowd already, as
a thousand rules may all be for the same model. And a later rule is compared with those alone that are filed under
what its own facts imply:

- `is` and `in` under the field and each of the values,
- `contains`, `mentions`, `starts with` and `ends with` under the field and the text, in a trie: walked from each
  place of a text it finds the texts that are part of it,
- anything else under what is written, and under its field.

The last kind is as broad as the field. After `MOST_COMPARISONS` only what is filed more narrowly is still found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from dsl.conditions import Condition, Matches, Member, Or, Test, TextTest, texts_of, words
from dsl.facts import conjuncts, follows, is_exact, tests
from dsl.table import Rule

MOST_COMPARISONS = 50_000
# So many rules may be filed under one fact before a less telling one is preferred.
_CROWD = 16

_Tested = tuple[str, tuple[str | int, ...]]


class Shadows:
    """The rules so far, each of which may shadow one that comes."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._values: dict[tuple[_Tested, str], list[int]] = defaultdict(list)
        self._texts: dict[_Tested, dict[str, Any]] = defaultdict(dict)
        self._written: dict[str, list[int]] = defaultdict(list)
        self._fields: dict[_Tested, list[int]] = defaultdict(list)  # follow from other facts about the field
        self._searches: dict[_Tested, list[int]] = defaultdict(list)  # follow from its value alone
        self._comparisons = 0

    def add(self, rule: Rule) -> None:
        """File a rule. One that counts (`nth`) does not answer each time that the rest holds, and shadows none."""
        number = len(self._rules)
        self._rules.append(rule)
        if rule.guard.nth or rule.guard.condition is None:
            return
        facts = list(conjuncts(rule.guard.condition))
        fact = min(facts, key=self._crowded) if len(facts) > 1 else facts[0]
        if isinstance(fact, Member) and is_exact(fact) and fact.values:
            for value in fact.values:
                self._values[fact.tested, _key(value)].append(number)
        elif isinstance(fact, TextTest) and fact.wanted:
            for wanted in [max(fact.wanted, key=len)] if fact.every else fact.wanted:
                _insert(self._texts[fact.tested], _normalised(wanted), number)
        elif isinstance(fact, Matches):
            self._written[repr(fact)].append(number)
            self._searches[fact.tested].append(number)
        else:
            self._written[repr(fact)].append(number)
            for tested in {test.tested for test in tests(fact)}:
                self._fields[tested].append(number)

    def of(self, facts: Sequence[Condition]) -> Rule | None:
        """The first rule that holds whenever all these facts do."""
        likely = {number for fact in facts for number in self._likely(fact)}
        if self._comparisons < MOST_COMPARISONS:
            likely |= {number for fact in facts for number in self._possible(fact)}
        for number in sorted(likely):
            self._comparisons += 1
            condition = self._rules[number].guard.condition
            if condition is not None and follows(condition, facts):
                return self._rules[number]
        return None

    def _crowded(self, fact: Condition) -> tuple[int, int, int]:
        """How many rules are filed under what the fact would be, if they are a crowd; then how little it tells."""
        if isinstance(fact, Member) and is_exact(fact):
            filed = max(
                (len(self._values.get((fact.tested, _key(value)), ())) for value in fact.values), default=0
            )
        elif isinstance(fact, TextTest):
            trie = self._texts.get(fact.tested, {})
            filed = max((len(_at(trie, _normalised(wanted))) for wanted in fact.wanted), default=0)
        else:
            filed = len(self._written.get(repr(fact), ()))
        kind, size = _telling(fact)
        return max(filed, _CROWD), -kind, -size

    def _likely(self, fact: Condition) -> Iterator[int]:
        """The rules that are filed under what this fact implies."""
        if isinstance(fact, Member) and is_exact(fact) and fact.values:
            value = fact.values[0]  # what follows must follow from each: so from the first
            yield from self._values.get((fact.tested, _key(value)), ())
            for text in texts_of(value):
                yield from _parts(self._texts.get(fact.tested, {}), _normalised(text))
        elif isinstance(fact, TextTest) and fact.wanted:
            for wanted in fact.wanted if fact.every else fact.wanted[:1]:
                yield from _parts(self._texts.get(fact.tested, {}), _normalised(wanted))
        else:
            yield from self._written.get(repr(fact), ())
        if isinstance(fact, Or):
            for part in conjuncts(fact.parts[0]):
                yield from self._likely(part)

    def _possible(self, fact: Condition) -> Iterator[int]:
        """The rules that are filed under the fields which this fact is about."""
        for test in tests(fact):
            yield from self._fields.get(test.tested, ())
            if is_exact(test):
                yield from self._searches.get(test.tested, ())


def _telling(fact: Condition) -> tuple[int, int]:
    """How few rules a fact is likely to have in common with."""
    if is_exact(fact):
        return 3, 0
    if isinstance(fact, TextTest):
        return 2, min(map(len, fact.wanted), default=0)
    return (1 if isinstance(fact, Test) else 0), 0


def _key(value: Any) -> str:
    """The same for values that are equal, as 1 and 1.0 are, and true is not."""
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)


def _normalised(text: str) -> str:
    """A text in which each of its parts, in whatever case and spacing a test looks for it, is one still."""
    return "".join(words(text).split())


def _insert(trie: dict[str, Any], text: str, number: int) -> None:
    for character in text:
        trie = trie.setdefault(character, {})
    trie.setdefault("", []).append(number)


def _at(trie: dict[str, Any], text: str) -> Sequence[int]:
    """The numbers of the texts that are this one."""
    node: dict[str, Any] | None = trie
    for character in text:
        node = None if node is None else node.get(character)
    return () if node is None else node.get("", ())


def _parts(trie: dict[str, Any], text: str) -> Iterator[int]:
    """The numbers of the texts that are part of this one."""
    for start in range(len(text) + 1):
        node: dict[str, Any] | None = trie
        for character in text[start:]:
            if node is None:
                break
            yield from node.get("", ())
            node = node.get(character)
        if node is not None:
            yield from node.get("", ())
