"""The quick parser finds what Lark finds, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark.exceptions import UnexpectedInput

from dsl import nodes
from dsl.builder import BadToken
from dsl.diagnostics import Diagnostics
from dsl.parser import _builder, _lark, parse
from dsl.quick_parse import SHORTEST, quick_parse
from dsl.source import Source
from tests.server.harness import CHECKOUT

SCRIPTS = sorted([*(CHECKOUT / "tests").rglob("*.llmock"), *(CHECKOUT / "examples").rglob("*.llmock")])
# A mistake anywhere: something is left out, doubled, or put in.
PIECES = ["", " ", "{", "}", "(", '"', "when", "reply", "otherwise", "\n", "#", "/", "1", "5s", "ä", "\0"]


def both(text: str) -> nodes.Script | None:
    """What both parsers make of a text."""
    source = _builder.source = Source("script", text)
    try:
        expected = _lark().parse(text, start="start")
    except (UnexpectedInput, BadToken):
        expected = None
    try:
        found = quick_parse(_lark(), text)
    except BadToken:
        found = None
    assert (found is None) is (expected is None)
    if expected is None:
        return None
    assert isinstance(found, nodes.Script) and isinstance(expected, nodes.Script)
    assert [(type(node), node.span) for node in nodes.walk(found)] == [
        (type(node), node.span) for node in nodes.walk(expected)
    ]
    assert found == expected
    assert found.span.source is source
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_all_scripts_that_there_are(path: object) -> None:
    both(path.read_text("utf-8"))  # type: ignore[attr-defined]


@given(st.sampled_from(SCRIPTS), st.integers(0), st.integers(0, 12), st.sampled_from(PIECES))
def test_scripts_with_mistakes(path: object, at: int, cut: int, put: str) -> None:
    text = path.read_text("utf-8")  # type: ignore[attr-defined]
    at %= len(text) + 1
    both(text[:at] + put + text[at + cut :])


def test_a_large_script_is_read_by_it_and_its_mistakes_told() -> None:
    rule = 'when user is "hello" reply "Hello."\n'
    text = rule * (SHORTEST // len(rule) + 1)
    for mistake, codes in (("", []), ("when usr\n", ["E101"]), (r'otherwise reply "\q"', ["E103"])):
        diagnostics = Diagnostics()
        script = parse(Source("script", text + mistake), diagnostics)
        assert (script is None) is bool(codes)
        assert len(diagnostics.sorted()) == len(codes)
        if script is not None:
            assert len(script.items) == text.count("\n")
