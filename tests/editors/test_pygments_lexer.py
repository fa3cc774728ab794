"""The lexer for Pygments, compared with what the parser makes of the same scripts."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from pygments.token import Comment, Error, Keyword, Name, Number, String, _TokenType

from dsl.diagnostics import Diagnostics
from dsl.parser import keywords, parse_tokens
from dsl.pygments_lexer import LlmockLexer
from dsl.source import Source

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path
    for folder in ("tests/corpus/scripts", "examples", "tests/format/cases", "tests/clients")
    for path in (ROOT / folder).rglob("*.llmock")
)
TEXTS = {"TEXT", "LITERAL", "LONG_TEXT", "LONG_LITERAL", "REGEX", "EXPR"}
NUMBERS = {"NUMBER", "DURATION", "PERCENT", "RATE"}


def is_a(kind: _TokenType, group: _TokenType) -> bool:
    return kind[: len(group)] == group


def coloured(text: str) -> list[tuple[int, _TokenType, str]]:
    return list(LlmockLexer().get_tokens_unprocessed(text))


def kinds(text: str) -> list[tuple[str, _TokenType]]:
    """The words of a script, and as what each is coloured."""
    return [(value, kind) for _, kind, value in coloured(text) if value[0].isalpha()]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_colours_are_those_of_the_parsers_tokens(path: Path) -> None:
    text = path.read_text("utf-8-sig")
    found = coloured(text)
    assert "".join(value for _, _, value in found) == text
    assert [at for at, kind, _ in found if is_a(kind, Error)] == []
    kind_at = {at: kind for at, kind, _ in found}
    parsed = parse_tokens(Source(path.name, text), Diagnostics())
    assert parsed is not None
    for token in parsed[1]:
        kind = kind_at[token.start_pos or 0]
        place = f"{path.name}:{token.line}: {token} is {token.type} and coloured as {kind}"
        if token.type == "NAME":
            assert is_a(kind, Name), place
        elif token.type in TEXTS:
            assert is_a(kind, String), place
        elif token.type in NUMBERS:
            assert is_a(kind, Number), place
        elif token.isalpha():
            assert is_a(kind, Keyword), place


@pytest.mark.parametrize("word", sorted(keywords()))
def test_a_keyword_is_a_name_where_any_name_may_stand(word: str) -> None:
    text = f"when {word} and not ({word}.{word} is x) call {word} {{ {word}: 1 }}\nrule {word} when {word} hang\n"
    frame = {"when", "and", "not", "is", "in", "call", "rule", "hang"}
    named = [kind for value, kind in kinds(text) if value == word and value not in frame]
    assert len(named) == (0 if word in frame else 7)
    assert all(is_a(kind, Name) for kind in named)


@pytest.mark.parametrize("word", sorted(keywords()))
def test_every_keyword_of_the_grammar_is_one_here(word: str) -> None:
    assert kinds(f"{{ {word} 5")[0] == (word, Keyword.Constant if word in ("true", "false", "null") else Keyword)


def test_texts() -> None:
    found = [(value, kind) for _, kind, value in coloured("reply \"a\\n {{ b }}\" '\\n {{ c }}' # d")]
    assert ("\\n", String.Escape) in found
    assert ("{{ b }}", String.Interpol) in found
    assert ("'\\n {{ c }}'", String.Single) in found
    assert ("# d", Comment.Single) in found


@pytest.mark.parametrize("text", ['reply "open', "when {{ a", "/", "°", '"""', "rule", "when ("])
def test_what_is_not_finished_is_kept(text: str) -> None:
    assert "".join(value for _, _, value in coloured(text)) == text


def test_pygments_finds_it_by_name_and_by_file() -> None:
    (entry,) = [entry for entry in entry_points(group="pygments.lexers") if entry.name == "llmock"]
    assert entry.load() is LlmockLexer
    assert (LlmockLexer.name, LlmockLexer.aliases, LlmockLexer.filenames) == ("llmock", ["llmock"], ["*.llmock"])


def test_the_language_does_not_need_pygments() -> None:
    code = "import sys; sys.modules['pygments'] = None; import dsl, mockllm.cli, dsl.formatting.formatter"
    subprocess.run([sys.executable, "-c", code], check=True)
