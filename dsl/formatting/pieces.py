"""What a formatter puts in lines: a script's tokens and comments, each with the line breaks that stood before it.

Separators are no pieces: a `;` says what the layout says anyway, and a `,` belongs to the piece before it. So
neither can begin a line, whatever comment stood between. `and` and `or` begin a line, never end one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lark import Token

_COMMENT_OR_BREAK = re.compile(r"#[^\n]*|\n")
_RATE = re.compile(r"[ \t]*(tok|chunk|char|byte)s?/s$")


@dataclass(slots=True)
class Piece:
    """`kind` is the grammar's name of the token, or `COMMENT`. `breaks` counts the line breaks before it."""

    kind: str
    text: str
    start: int
    line: int
    breaks: int
    comma: bool = False

    @property
    def is_comment(self) -> bool:
        return self.kind == "COMMENT"

    @property
    def is_operator(self) -> bool:
        return self.kind in ("AND", "OR")


def pieces_of(text: str, tokens: Iterable[Token]) -> list[Piece]:
    found: list[Piece] = []
    at = breaks = 0
    last: Piece | None = None  # which is no comment
    for token in tokens:
        start = token.start_pos or 0
        comments, after = _between(text, at, start)
        for comment in comments:
            comment.breaks = max(comment.breaks, breaks)
            found.append(comment)
            breaks = 0
        breaks = max(breaks, after)
        at = token.end_pos or 0
        if token.value == ",":
            assert last is not None
            last.comma = True
        elif token.value != ";":
            last = Piece(token.type, _canonical(token), start, token.line or 0, breaks)
            found.append(last)
            breaks = 0
    found += _between(text, at, len(text))[0]
    return _operators_first(found)


def _between(text: str, start: int, end: int) -> tuple[list[Piece], int]:
    """The comments between two tokens, and how many line breaks stand behind the last of them."""
    if text.find("#", start, end) < 0:
        return [], text.count("\n", start, end)
    comments: list[Piece] = []
    breaks = 0
    for found in _COMMENT_OR_BREAK.finditer(text, start, end):
        if found[0] == "\n":
            breaks += 1
        else:
            comments.append(Piece("COMMENT", found[0].rstrip(), found.start(), 0, breaks))
            breaks = 0
    return comments, breaks


def _canonical(token: Token) -> str:
    if token.type == "_PLUS_MINUS":
        return "±"
    return _RATE.sub(r" \1/s", token) if token.type == "RATE" else str(token)


def _operators_first(pieces: list[Piece]) -> list[Piece]:
    """Move each `and` and `or` that ends a line to the beginning of the next, behind the comments between."""
    out: list[Piece] = []
    stream = iter(pieces)
    for piece in stream:
        if piece.is_operator:
            out += _moved(piece, stream)
        else:
            out.append(piece)
    return out


def _moved(operator: Piece, following: Iterator[Piece]) -> list[Piece]:
    comments: list[Piece] = []
    operand = next(following)
    while operand.is_comment:
        comments.append(operand)
        operand = next(following)
    if comments:
        comments[0].breaks = max(comments[0].breaks, operator.breaks)
    operator.breaks, operand.breaks = max(operator.breaks, operand.breaks), 0
    # The operand can be no operator: the grammar wants something between two of them.
    return [*comments, operator, operand]
