"""The formatter: canonical scripts stay as they are; others change their layout and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsl import ScriptError, nodes
from dsl.diagnostics import Diagnostics
from dsl.formatting.formatter import format_text
from dsl.parser import parse, parse_tokens
from dsl.source import Source

ROOT = Path(__file__).parents[2]
CANONICAL = sorted([*(ROOT / "tests/corpus/scripts").rglob("*.llmock"), *(ROOT / "examples").rglob("*.llmock")])
ALL = sorted(
    [*CANONICAL, *(ROOT / "tests/format/cases").glob("*.llmock"), *(ROOT / "tests/clients").glob("*.llmock")]
)


def parsed(text: str) -> nodes.Script:
    script = parse(Source("script", text), Diagnostics())
    assert script is not None
    return script


def pieces(text: str) -> tuple[list[str], list[str]]:
    """The tokens of a script, and what stands before each and behind the last."""
    found = parse_tokens(Source("script", text), Diagnostics())
    assert found is not None
    ends = [0, *(token.end_pos or 0 for token in found[1])]
    starts = [*(token.start_pos or 0 for token in found[1]), len(text)]
    return [str(token) for token in found[1]], [text[a:b] for a, b in zip(ends, starts, strict=True)]


def comments(gaps: list[str]) -> list[str]:
    return [comment.rstrip() for gap in gaps for comment in re.findall(r"#[^\n]*", gap)]


def is_formatted(text: str) -> str:
    """Format, and prove that nothing changed but the layout."""
    formatted = format_text(text)
    assert format_text(formatted) == formatted
    assert parsed(formatted) == parsed(text)
    gaps = pieces(formatted)[1]
    assert comments(gaps) == comments(pieces(text)[1])
    assert not any(re.search(r"\t|[ \t]\n|\n\n\n", gap) for gap in gaps)
    assert formatted == "" or re.search(r"\S\n\Z", formatted)
    return formatted


@pytest.mark.parametrize("path", CANONICAL, ids=lambda path: path.stem)
def test_what_is_canonical_stays_as_it_is(path: Path) -> None:
    text = path.read_bytes().decode()
    assert format_text(text, path.name) == text


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_nothing_but_the_layout_changes(path: Path) -> None:
    is_formatted(path.read_text("utf-8-sig"))


# -- any layout ------------------------------------------------------------------------------------------------

SCRIPTS = [path.read_text("utf-8-sig") for path in ALL]
_MUST_SPLIT = re.compile(r"\w\w|[\w\"'/%.-][\w\"'/%.-]|\{\{|\}\}|\+-")


def with_gluing(text: str) -> tuple[list[str], list[bool]]:
    """The tokens of a script, and whether each must be kept off the one before it to be read as it is."""
    tokens = pieces(text)[0]
    pairs = zip(["", *tokens], tokens, strict=False)
    return tokens, [bool(left) and bool(_MUST_SPLIT.search(left[-1] + right[0])) for left, right in pairs]


TOKENS = [with_gluing(text) for text in SCRIPTS]

layouts = st.sampled_from(
    ["", "", "", " ", " ", "  ", "\t", "\n", "\n", "\n\n", "\n\n\n", " # c\n", "\n# d\n", "\n\n#e \n\n", "# f\n"]
)


@st.composite
def relaid(draw: st.DrawFn) -> str:
    """A script with other white space, line breaks and comments between its tokens."""
    tokens, must = draw(st.sampled_from(TOKENS))
    start = draw(st.integers(0, max(0, len(tokens) - 1)))
    stop = draw(st.integers(start, min(len(tokens), start + 60)))
    out: list[str] = []
    for at, (token, split) in enumerate(zip(tokens, must, strict=True)):
        gap = draw(layouts) if start <= at < stop else " "
        out += [gap or (" " if split else ""), token]
    return "".join([*out, draw(layouts)])


@settings(max_examples=300)
@given(relaid())
def test_any_layout(text: str) -> None:
    is_formatted(text)


@settings(max_examples=100)
@given(st.sampled_from(SCRIPTS), st.data())
def test_line_breaks_where_spaces_were(text: str, data: st.DataObject) -> None:
    """Where a line break may stand for a space, whatever is read comes out as one layout."""
    script = parsed(text)
    spaces = [found.start() for found in re.finditer(" ", text)]
    chosen = data.draw(st.sets(st.sampled_from(spaces), max_size=12)) if spaces else set()
    broken = "".join("\n" if at in chosen else character for at, character in enumerate(text))
    if parse(Source("script", broken), Diagnostics()) == script:  # no text or comment was broken
        is_formatted(broken)


# -- texts over lines ------------------------------------------------------------------------------------------

rows = st.lists(st.text(st.sampled_from(" \t\fab#\"'{}\\\u00a0"), max_size=8), max_size=5)


@given(rows, st.sampled_from(['"""', "'''"]), st.sampled_from(["", " ", "\t", "      "]))
def test_long_texts_say_the_same(found: list[str], quotes: str, tail: str) -> None:
    text = (
        f"otherwise {{ wait 1s\n reply {quotes}md \n" + "".join(f"{row}\n" for row in found) + f"{tail}{quotes}}}"
    )
    if parse(Source("script", text), Diagnostics()) is not None:
        is_formatted(text)


def test_line_ends_and_byte_order_marks() -> None:
    text = 'otherwise {\r\n    reply """\r\n        a\r\n    """  # c\r\n}\r\n'
    assert format_text(f"\ufeff{text}") == text.replace("\r\n", "\n")
    assert format_text("otherwise hang\r# c\r") == "otherwise hang\n# c\n"


@pytest.mark.parametrize("text", ["", " \n\n", "\ufeff"])
def test_nothing(text: str) -> None:
    assert format_text(text) == ""


# -- what cannot be formatted ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("otherwise rely", "E105"),
        ('otherwise reply "\\q"', "E108"),
        ("otherwise reply " + "[" * 200 + "]" * 200, "E110"),
        ("otherwise {", "E104"),
    ],
)
def test_mistakes_are_told(text: str, code: str) -> None:
    with pytest.raises(ScriptError) as raised:
        format_text(text, "x.llmock")
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == code
    assert str(diagnostic.primary.span).startswith("x.llmock:1:")
