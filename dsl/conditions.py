"""Conditions, compiled: each can say whether it holds, and binds the groups of its regular expressions.

What a value is decides how it is tested. A text test (`contains`, `mentions`, `matches`, …) looks at the text of
a value: that of a list holds if it holds for one of its items. What is absent passes no test but the negative
ones (`is not`, `not in`).
"""

from __future__ import annotations

import json
import unicodedata
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any

from dsl import fields, nodes
from dsl.records import Placed
from dsl.regexes import search
from dsl.request import Headers, Message, Request, Result, Results
from dsl.session import Session
from dsl.tokens import UNSPACED

ORDERS: Mapping[str, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_DOTS = str.maketrans({"İ": "i", "ı": "i"})


@dataclass(slots=True)
class Moment:
    """What a condition is tested against; `captures` gathers the groups that matched."""

    request: Request
    session: Session
    nth: int = 0
    captures: dict[str, str] = field(default_factory=dict)


class Test(Placed, frozen=True):
    """A comparison of one field. `node` is where it is written."""

    node: nodes.Comparison
    tested: tuple[str, tuple[str | int, ...]]

    def value(self, moment: Moment) -> Any:
        """The value that is tested, or None if the request lacks it."""
        name, path = self.tested
        return moment.nth if name == "nth" else fields.read(name, path, moment.request, moment.session)

    def holds(self, moment: Moment) -> bool:
        return self.passes(self.value(moment))

    @abstractmethod
    def passes(self, value: Any) -> bool:
        """Whether the test holds for this value."""


class Present(Test, frozen=True):
    def passes(self, value: Any) -> bool:
        if value is None or value is False:
            return False
        return not hasattr(value, "__len__") or len(value) > 0


class Member(Test, frozen=True):
    """`is`, `is not`, `in [...]`, `not in [...]`."""

    values: tuple[Any, ...]
    negative: bool = False
    ignoring_case: bool = False

    def passes(self, value: Any) -> bool:
        if self.ignoring_case and isinstance(value, str | Result | Results):
            value = fold(text_of(value))
        return any(equal(value, wanted) for wanted in self.values) is not self.negative


class Between(Test, frozen=True):
    """`in 0..0.3`: both ends included."""

    low: float
    high: float
    negative: bool = False

    def passes(self, value: Any) -> bool:
        return (is_number(value) and self.low <= value <= self.high) is not self.negative


class Ordered(Test, frozen=True):
    operator: str
    limit: float

    def passes(self, value: Any) -> bool:
        return is_number(value) and ORDERS[self.operator](value, self.limit)


class Has(Test, frozen=True):
    wanted: Any

    def passes(self, value: Any) -> bool:
        if isinstance(value, Result):
            value = value.value
        if isinstance(value, Headers):
            return self.wanted in value
        if isinstance(value, Mapping):
            return any(equal(key, self.wanted) for key in value)
        if isinstance(value, list | tuple):
            return any(equal(item, self.wanted) or equal(fields.part(item, "name"), self.wanted) for item in value)
        return False


class TextTest(Test, frozen=True):
    """A test of text against texts, of which any one must pass, or each if `every` is set."""

    wanted: tuple[str, ...]
    every: bool = False
    ignoring_case: bool = False

    def passes(self, value: Any) -> bool:
        if value is None:
            return False
        texts = self.prepared(texts_of(value))
        enough = all if self.every else any
        return enough(any(self.finds(wanted, text) for text in texts) for wanted in self.wanted)

    def prepared(self, texts: list[str]) -> list[str]:
        return [fold(text) for text in texts] if self.ignoring_case else texts

    @abstractmethod
    def finds(self, wanted: str, text: str) -> bool:
        """Whether a text passes by one of the texts that are wanted."""


class Contains(TextTest, frozen=True):
    def finds(self, wanted: str, text: str) -> bool:
        return wanted in text


class StartsWith(TextTest, frozen=True):
    def finds(self, wanted: str, text: str) -> bool:
        return text.startswith(wanted)


class EndsWith(TextTest, frozen=True):
    def finds(self, wanted: str, text: str) -> bool:
        return text.endswith(wanted)


class Mentions(TextTest, frozen=True):
    """A word or phrase in any case, whatever white space is between its words."""

    def prepared(self, texts: list[str]) -> list[str]:
        return [words(text) for text in texts]

    def finds(self, wanted: str, text: str) -> bool:
        first, last = is_word(wanted[:1]), is_word(wanted[-1:])
        at = text.find(wanted)
        while at >= 0:
            end = at + len(wanted)
            if not (first and at and is_word(text[at - 1])) and not (last and is_word(text[end : end + 1])):
                return True
            at = text.find(wanted, at + 1)
        return False


class Matches(Test, frozen=True):
    """A regular expression that is found in the text. Two are equal if they are written alike."""

    written: str
    regex: Any

    def holds(self, moment: Moment) -> bool:
        found = self._search(self.value(moment))
        if found is not None and self.regex.groupindex:
            groups = found.groupdict()
            moment.captures.update((name, group) for name, group in groups.items() if group is not None)
        return found is not None

    def passes(self, value: Any) -> bool:
        return self._search(value) is not None

    def _search(self, value: Any) -> Any:
        texts = () if value is None else texts_of(value)
        return next((found for text in texts if (found := search(self.regex, text)) is not None), None)


class And(Placed, frozen=True):
    node: nodes.Condition
    parts: tuple[Condition, ...]

    def holds(self, moment: Moment) -> bool:
        return all(part.holds(moment) for part in self.parts)


class Or(Placed, frozen=True):
    node: nodes.Condition
    parts: tuple[Condition, ...]

    def holds(self, moment: Moment) -> bool:
        before = dict(moment.captures)
        for part in self.parts:
            if part.holds(moment):
                return True
            moment.captures = dict(before)  # half of a branch may have bound something
        return False


class Negation(Placed, frozen=True):
    node: nodes.Condition
    part: Condition

    def holds(self, moment: Moment) -> bool:
        before = dict(moment.captures)
        held = self.part.holds(moment)
        moment.captures = before
        return not held


Condition = Test | And | Or | Negation


# -- values -----------------------------------------------------------------------------------


def equal(value: Any, wanted: Any) -> bool:
    """Equality of JSON: true is not 1, and a tool's result equals its text as well as its value."""
    if isinstance(value, Result):
        return value.text == wanted or equal(value.value, wanted)
    if isinstance(value, Results):
        return bool(str(value) == wanted)
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, list | tuple) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(equal, value, wanted))
    if isinstance(value, Mapping) and isinstance(wanted, dict):
        return value.keys() == wanted.keys() and all(equal(value[key], wanted[key]) for key in wanted)
    return bool(value == wanted)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_of(value: Any) -> str:
    """A value as text: a text as it is, an object as compact JSON. What is too deep to be written has none."""
    if isinstance(value, str):
        return value
    if isinstance(value, Result | Results):
        return str(value)
    if isinstance(value, Message):
        return value.text
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except RecursionError:
        return ""


def texts_of(value: Any) -> list[str]:
    """The texts that a text test looks at: one, or one for each item of a list."""
    if isinstance(value, str):
        return [value]
    return [text_of(item) for item in value] if isinstance(value, list | tuple) else [text_of(value)]


@lru_cache(maxsize=16)  # the texts of the request at hand, which many rules look at
def fold(text: str) -> str:
    """The text with case taken out of it; `İ` and `ı`, which casefold keeps apart from `i`, too."""
    return text.translate(_DOTS).casefold()


@lru_cache(maxsize=16)  # the texts of the request at hand, which many rules look at
def words(text: str) -> str:
    """The text, folded, with single spaces."""
    return " ".join(fold(text).split())


def is_word(character: str) -> bool:
    """Whether a character is part of the word beside it. In scripts that put no spaces between words none is."""
    if character == "" or UNSPACED.match(character):
        return False
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
