"""What the variable of a `for each` stands for, turn by turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dsl import nodes
from dsl.records import Record
from dsl.values import Literal, Maker, ObjectMaker


class Row(Record, frozen=True):
    """A row of a file, or, if not `in_file`, an item of a list in one.

    `texts` is set if all of its values are texts, those too that are numbers to their author.
    """

    value: Any
    maker: Maker
    number: int
    texts: bool
    in_file: bool = True

    @property
    def called(self) -> str:
        return f"{'row' if self.in_file else 'item'} {self.number}"


class Item(Record, frozen=True):
    """An item of a list in the script. `outer` is what the variables around the list stand for."""

    node: nodes.Node
    maker: Maker
    number: int
    outer: Turns

    @property
    def called(self) -> str:
        return f"item {self.number}"


# What the variables stand for by name, the outermost first.
Turns = Mapping[str, Row | Item]


def called(turns: Turns) -> str:
    """What a message calls these turns: "item 2 of row 17"."""
    return " of ".join(turn.called for turn in list(turns.values())[::-1])


class Keys(Record, frozen=True):
    """The keys of all that a variable stands for, each with the first turn that lacks it.

    `values` are these things themselves, as far as they are known, each with what its turn is called.
    """

    lacking: Mapping[str, str | None]
    values: Sequence[tuple[str, Any]] = ()


def keys_of(values: Iterable[tuple[str, Any]]) -> Keys:
    """The keys of all values that have some; each value with what its turn is called."""
    values = list(values)
    listed = [(called, value if isinstance(value, Mapping) else {}) for called, value in values]
    common = set.intersection(*(set(value) for _, value in listed)) if listed else set()
    lacking: dict[str, str | None] = {}
    for _, value in listed:
        for key in value.keys() - lacking.keys():
            lacking[key] = None if key in common else next(name for name, other in listed if key not in other)
    return Keys(lacking, values)


UNKNOWN = object()  # a value that is only made when a body is performed


def foreseen(maker: Maker) -> Any:
    """The value that a maker makes, as far as it is known before."""
    if isinstance(maker, Literal):
        return maker.value
    if isinstance(maker, ObjectMaker):
        return {key: foreseen(each) for key, each in maker.pairs}
    return UNKNOWN
