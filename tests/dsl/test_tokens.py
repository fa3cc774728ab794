from __future__ import annotations

import subprocess
import sys

import pytest

from dsl import tokens


@pytest.fixture
def estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCKLLM_TOKENS", "estimate")


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bpe_openai")
    monkeypatch.delenv("MOCKLLM_TOKENS", raising=False)


@pytest.fixture(params=["estimate", "real"])
def either(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(request.param)


# -- estimated -------------------------------------------------------------------------------------------------

ESTIMATED = [
    ("", []),
    ("Hello, world!", ["Hello", ",", " world", "!"]),
    ("don't", ["don't"]),
    ("12345", ["123", "45"]),
    ("a  b\n\nc", ["a", " ", " b", "\n\n", "c"]),
    ("snake_case", ["snake", "_", "case"]),
    ("internationalization", ["internationa", "lization"]),
    ("天気です", ["天", "気", "で", "す"]),
    ("trailing  ", ["trailing", "  "]),
]


@pytest.mark.parametrize(("text", "pieces"), ESTIMATED)
@pytest.mark.usefixtures("estimate")
def test_estimated_pieces(text: str, pieces: list[str]) -> None:
    assert tokens.pieces(text) == pieces
    assert tokens.count(text) == len(pieces)


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOCKLLM_TOKENS", raising=False)
    monkeypatch.setitem(sys.modules, "bpe_openai", None)
    monkeypatch.setattr(tokens, "_loaded", tokens._load.__wrapped__)


@pytest.mark.usefixtures("without_the_extra")
def test_tokens_are_estimated_where_the_extra_is_missing() -> None:
    assert tokens.pieces("internationalization") == ["internationa", "lization"]
    assert tokens.count("天気です") == 4


# -- real ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pieces", "count"),
    [
        ("", [], 0),
        ("Hello, world!", ["Hello", ",", " world", "!"], 4),
        ("internationalization", ["international", "ization"], 2),
        ("天気です", ["天", "気", "です"], 3),
        # Tokens that end inside a code point are joined.
        ("👨‍👩 ok", ["👨", "\u200d", "👩", " ok"], 6),
        ("\x95", ["\x95"], 2),
        # What can be no UTF-8 is kept, too.
        ("a\ud83db", ["a", "\ud83d", "b"], 3),
    ],
)
@pytest.mark.usefixtures("real")
def test_real_pieces(text: str, pieces: list[str], count: int) -> None:
    assert (tokens.pieces(text), tokens.count(text)) == (pieces, count)


@pytest.mark.usefixtures("real")
def test_the_text_of_a_special_token_is_plain_text() -> None:
    assert tokens.count("<|endoftext|>") == len(tokens.pieces("<|endoftext|>")) > 1


@pytest.mark.parametrize(
    ("environment", "loads"), [("", True), ("import os; os.environ['MOCKLLM_TOKENS'] = 'estimate'", False)]
)
@pytest.mark.usefixtures("real")
def test_the_vocabulary_waits_until_it_is_needed(environment: str, loads: bool) -> None:
    source = f"""
import sys
from dsl import tokens
{environment}
assert "bpe_openai" not in sys.modules
assert tokens.count("Hello") == 1
assert ("bpe_openai" in sys.modules) is {loads}
"""
    subprocess.run([sys.executable, "-W", "error", "-c", source], check=True)


# -- both ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["𠀀" * 100_000, "a b " * 300_000], ids=["four-bytes-each", "above-a-million"])
@pytest.mark.usefixtures("either")
def test_long_texts_are_cut(text: str) -> None:
    found = tokens.pieces(text)
    assert "".join(found) == text
    assert len(found) <= tokens.count(text)


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
