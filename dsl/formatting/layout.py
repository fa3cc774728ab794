"""Pieces to lines: what stands before each piece is a line break or white space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsl import nodes
from dsl.formatting.brackets import CLOSING, OPENING, Bracket, Kind, Outline, brackets_of
from dsl.formatting.pieces import Piece
from dsl.literals import Decoded

INDENT = 4  # spaces

_TIGHT = (".", "..")


@dataclass(slots=True)
class _Item:
    """A statement, rule or declaration on its way.

    Attributes:
        line: the source's line on which it begins.
        column: where its first line begins; columns count from 0.
        operators: where an `and` or `or` at the beginning of a line ends.
        broken: whether its head, which is all but its body, goes over lines.
    """

    line: int
    column: int
    operators: int
    broken: bool = False


@dataclass(slots=True)
class _Frame:
    """What is open: a pair of brackets, or the script, which has none.

    Attributes:
        outer: where the line begins that opens it; so does the one that closes it.
        inner: where the lines inside begin.
        item: in the script or a block, the item that was begun last.
        until: the offset at which that ends.
    """

    bracket: Bracket | None
    outer: int
    inner: int
    item: _Item | None = None
    until: int = -1

    @property
    def holds_items(self) -> bool:
        return self.bracket is None or self.bracket.kind is Kind.BLOCK

    @property
    def expanded(self) -> bool:
        return self.bracket is None or self.bracket.expanded


@dataclass(frozen=True, slots=True)
class _Break:
    """A line break, the column at which the new line begins, and whether a blank line may stand between."""

    column: int
    may_be_blank: bool = False


class Layout:
    def __init__(self, script: nodes.Script, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._outline = Outline(script)
        self._brackets = brackets_of(pieces, self._outline)
        self._frames = [_Frame(None, 0, 0)]
        self._lines: list[str] = []
        self._line: list[str] = []  # the parts of the line that is being written
        self._column = 0  # where that begins

    def text(self) -> str:
        previous: Piece | None = None
        last: Piece | None = None  # which is no comment
        for at, piece in enumerate(self._pieces):
            gap = self._gap(at, last, previous)
            if isinstance(gap, str):
                self._line.append(gap)
            elif previous is not None:
                blank = gap.may_be_blank and piece.breaks > 1 and previous.text not in OPENING
                self._begin_line(gap.column, blank)
            self._line.append(self._moved(piece.text) if piece.kind.startswith("LONG_") else piece.text)
            if piece.comma:
                self._line.append(",")
            if piece.text in OPENING:
                bracket = self._brackets[at]
                inner = self._column + INDENT if bracket.expanded else self._column
                self._frames.append(_Frame(bracket, self._column, inner))
            previous = piece
            last = last if piece.is_comment else piece
        if self._line:
            self._lines.append("".join(self._line))
        return "".join(f"{line}\n" for line in self._lines)

    def _begin_line(self, column: int, after_blank: bool) -> None:
        self._lines.append("".join(self._line))
        if after_blank:
            self._lines.append("")
        self._line = [" " * column]
        self._column = column

    def _moved(self, text: str) -> str:
        """A text over lines, indented like the line on which it begins."""
        value = Decoded(text).value
        margin = " " * (self._column + INDENT)
        rows = [f"{margin}{row}" if row else "" for row in value.split("\n")] if value else []
        return "\n".join([text.partition("\n")[0].rstrip(), *rows, " " * self._column + text[-3:]])

    # -- what stands before a piece

    def _gap(self, at: int, last: Piece | None, previous: Piece | None) -> _Break | str:
        piece, frame = self._pieces[at], self._frames[-1]
        if piece.text in CLOSING:
            return self._before_closing()
        if piece.is_comment:
            return self._before_comment(at, last) if piece.breaks or previous is None else "  "
        after_comment = previous is not None and previous.is_comment
        if last is None or (frame.holds_items and piece.start >= frame.until):
            return self._before_item(piece, last, after_comment)
        if frame.item is not None:
            return self._in_item(at, frame.item, last, after_comment)
        return self._in_brackets(at, last, after_comment)

    def _before_closing(self) -> _Break | str:
        frame = self._frames.pop()
        assert frame.bracket is not None
        if frame.expanded:
            return _Break(frame.outer)
        return " " if frame.bracket.kind in (Kind.BLOCK, Kind.OBJECT) and not frame.bracket.empty else ""

    def _before_comment(self, at: int, last: Piece | None) -> _Break:
        """What stands before a comment on a line of its own: a comment inside an item or element hangs with it."""
        frame = self._frames[-1]
        following = self._next(at)
        if last is None or following is None or last.text in OPENING or following.text in CLOSING:
            inside = False
        else:
            inside = following.start < frame.until if frame.holds_items else not last.comma
        if not inside:
            return _Break(frame.inner, may_be_blank=True)
        return _Break((frame.item.column if frame.item else frame.inner) + INDENT)

    def _next(self, at: int) -> Piece | None:
        """The first piece from `at` on that is no comment."""
        while at < len(self._pieces) and self._pieces[at].is_comment:
            at += 1
        return self._pieces[at] if at < len(self._pieces) else None

    def _before_item(self, piece: Piece, last: Piece | None, after_comment: bool) -> _Break | str:
        frame = self._frames[-1]
        is_first = frame.item is None
        begins_line = frame.expanded if frame.item is None else frame.item.line != piece.line
        is_head = piece.kind in ("WHEN", "GIVEN", "EXPECT")
        operators = len(piece.text) if is_head else 2 * INDENT  # as if a `when` stood on the next line
        frame.item = _Item(piece.line, frame.inner, frame.inner + operators)
        frame.until = self._outline.ends[piece.start]
        if begins_line or after_comment:
            return _Break(frame.inner, may_be_blank=True)
        return " " if is_first or piece.kind == "STATE" else "; "  # the states of a scenario are not separated

    def _in_item(self, at: int, item: _Item, last: Piece, after_comment: bool) -> _Break | str:
        piece = self._pieces[at]
        if piece.text == "{" and self._brackets[at].kind is Kind.BLOCK:
            if not (item.broken or after_comment):
                return " "
            self._brackets[at].expanded = not self._brackets[at].empty
            return _Break(item.column)
        breaks = after_comment or (piece.breaks > 0 and _may_break(last, piece))
        if piece.start in self._outline.statements:
            if not (item.broken or breaks):
                return " "
            column = item.column + INDENT
            self._frames[-1].item = _Item(item.line, column, column + 2 * INDENT)
            return _Break(column)
        if not breaks:
            return self._space(at, last)
        item.broken = True
        return _Break(item.operators - len(piece.text) if piece.is_operator else item.column + INDENT)

    def _in_brackets(self, at: int, last: Piece, after_comment: bool) -> _Break | str:
        piece, frame = self._pieces[at], self._frames[-1]
        assert frame.bracket is not None
        kind = frame.bracket.kind
        if last.text in OPENING:
            return _Break(frame.inner, may_be_blank=True) if frame.expanded else " " if kind is Kind.OBJECT else ""
        if last.comma or (piece.is_operator and kind is Kind.PARENTHESES):
            return _Break(frame.inner, may_be_blank=True) if piece.breaks else " "
        if after_comment or (piece.breaks and _may_break(last, piece)):
            return _Break(frame.inner + INDENT)
        return self._space(at, last)

    def _space(self, at: int, last: Piece) -> str:
        """What stands between two pieces of a line inside an item or element."""
        piece = self._pieces[at]
        if piece.text in (":", *_TIGHT) or last.text in _TIGHT:
            return ""
        if piece.text == "(" and last.kind == "NAME":  # parameters or arguments
            return ""
        return "" if piece.text == "[" and self._brackets[at].kind is Kind.INDEX else " "


def _may_break(last: Piece, piece: Piece) -> bool:
    """Whether the author's line break between the two may stay."""
    return not (piece.text in (":", *_TIGHT, *OPENING) or last.text in (":", *_TIGHT))
