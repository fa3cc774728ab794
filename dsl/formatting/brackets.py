"""The brackets of a script, and where its statements begin: what a formatter must know beyond the tokens.

Both are read off the nodes, whatever their types: a statement that the language learns is formatted like those
that it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import get_args

from dsl import nodes
from dsl.formatting.pieces import Piece

OPENING, CLOSING = ("{", "[", "("), ("}", "]", ")")


class Kind(Enum):
    BLOCK = auto()  # of statements, rules, steps or settings
    OBJECT = auto()
    ARRAY = auto()
    PARENTHESES = auto()
    INDEX = auto()


@dataclass(slots=True)
class Bracket:
    """A pair of brackets. `expanded` is whether they stand on lines of their own."""

    kind: Kind
    expanded: bool = False
    empty: bool = False


class Outline:
    """Where the nodes of a script stand, by offset.

    Attributes:
        statements: where a statement begins.
        ends: from where nodes begin to where the longest of them ends.
    """

    def __init__(self, script: nodes.Script) -> None:
        self.statements: set[int] = set()
        self.ends: dict[int, int] = {}
        self._values: dict[int, Kind] = {}
        for item in script.items:
            for node in nodes.walk(item):
                self._add(node)

    def _add(self, node: nodes.Node) -> None:
        start, end = node.span.start, node.span.end
        if self.ends.get(start, start) <= end:
            self.ends[start] = end
        if isinstance(node, _STATEMENTS):
            self.statements.add(start)
        elif isinstance(node, nodes.Object):
            self._values[start] = Kind.OBJECT
        elif isinstance(node, nodes.List):
            self._values[start] = Kind.ARRAY

    def kind(self, opening: Piece) -> Kind:
        return self._values.get(opening.start, _KINDS[opening.text])


_STATEMENTS = get_args(nodes.Statement)
_KINDS = {"{": Kind.BLOCK, "[": Kind.INDEX, "(": Kind.PARENTHESES}


def brackets_of(pieces: Sequence[Piece], outline: Outline) -> dict[int, Bracket]:
    """The bracket of each piece that opens or closes one, by the piece's place among `pieces`.

    Commas are settled on the way: there is one behind the last element if, and only if, the brackets of an array
    or object stand on lines of their own.
    """
    found: dict[int, Bracket] = {}
    open_at: list[int] = []
    last = -1  # the last piece that is no comment
    for at, piece in enumerate(pieces):
        if open_at and piece.breaks and found[open_at[-1]].kind in (Kind.ARRAY, Kind.PARENTHESES):
            found[open_at[-1]].expanded = True
        if piece.is_comment:
            if open_at:
                found[open_at[-1]].expanded = True
            continue
        if piece.text in OPENING:
            found[at] = Bracket(outline.kind(piece))
            open_at.append(at)
        elif piece.text in CLOSING:
            opened = open_at.pop()
            bracket = found[at] = found[opened]
            _settle(bracket, pieces[opened], piece, pieces[last], at == opened + 1)
        last = at
    return found


def _settle(bracket: Bracket, opening: Piece, closing: Piece, last: Piece, empty: bool) -> None:
    bracket.empty = empty
    if bracket.kind in (Kind.BLOCK, Kind.OBJECT):
        bracket.expanded = opening.line != closing.line
    if empty:
        bracket.expanded = False
    if bracket.kind in (Kind.ARRAY, Kind.OBJECT) and last is not opening:
        last.comma = bracket.expanded
