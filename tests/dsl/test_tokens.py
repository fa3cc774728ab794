from __future__ import annotations

import pytest

from dsl import tokens


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Hello, world!", ["Hello", ",", " world", "!"]),
        ("don't", ["don't"]),
        ("12345", ["123", "45"]),
        ("a  b\n\nc", ["a", " ", " b", "\n\n", "c"]),
        ("snake_case", ["snake", "_", "case"]),
        ("internationalization", ["internationa", "lization"]),
        ("天気です", ["天", "気", "で", "す"]),
        ("trailing  ", ["trailing", "  "]),
    ],
)
def test_pieces(text: str, pieces: list[str]) -> None:
    assert tokens.pieces(text) == pieces
    assert tokens.count(text) == len(pieces)


@pytest.mark.parametrize(
    ("text", "number", "parts"),
    [
        ("abcdef", 3, ["ab", "cd", "ef"]),
        ("abcd", 3, ["a", "b", "cd"]),
        ("ab", 3, ["", "a", "b"]),
        ("", 2, ["", ""]),
    ],
)
def test_parts(text: str, number: int, parts: list[str]) -> None:
    assert tokens.parts(text, number) == parts
