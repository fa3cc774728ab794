from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsl import compile_text
from dsl.formatting.formatter import format_text
from dsl.request import Message, Messages, Request
from dsl.session import Session
from dsl.skeleton import LONGEST_TEXT, quoted, skeleton
from tests.dsl.performing import request
from tests.dsl.test_properties import anything, requests


def condition(asked: Request) -> str:
    return skeleton(asked).removesuffix(' {\n    reply "…"\n}\n')


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (request("what is the weather"), 'when user is "what is the weather"'),
        (request('say "hi"\n{{ x }} \\'), r'when user is "say \"hi\"\n{\u007B x }} \\"'),
        (request(""), 'when user is ""'),
        (request("weather", results={"get_weather": "{}"}), 'when tool_result["get_weather"]'),
        (request("weather", results={"a": "1", "b": "2"}), 'when tool_result["b"]'),
        (request("weather", results={"get_weather": ""}), "when tool_result"),
        (Request(event="session.update"), 'when event is "session.update"'),
        (Request(texts=("one", "two")), r'when input is "one\ntwo"'),
        (request(system="Be kind."), "when last is system"),
        (Request(messages=Messages([Message("critic", "?")]), model="gpt-4o"), 'when model is "gpt-4o"'),
        (Request(), "otherwise"),
        (request("\ud800"), "when user"),
        (request("hello \ud800 there"), 'when user starts with "hello"'),
    ],
)
def test_what_tells_the_request(asked: Request, wanted: str) -> None:
    assert condition(asked) == wanted


def test_a_long_text_is_told_by_its_beginning() -> None:
    assert condition(request("word " * 100)) == f'when user starts with "{("word " * 12).rstrip()}"'
    assert condition(request("a" * (LONGEST_TEXT + 1))) == f'when user starts with "{"a" * 60}"'


def matches(asked: Request) -> bool:
    script = compile_text(skeleton(asked))
    assert script.warnings == ()
    return script.table.first(asked, Session()) is not None


@settings(max_examples=150)
@given(requests, st.none() | anything, st.lists(anything, max_size=2).map(tuple))
@example(request("\x00\x1b\u2028\x7f"), None, ())
def test_a_skeleton_compiles_and_matches(asked: Request, event: Any, texts: tuple[str, ...]) -> None:
    asked.event, asked.texts = event, texts
    for name in ("user", "input", "last", "tool_result"):
        asked.__dict__.pop(name, None)
    assert matches(asked)
    assert format_text(skeleton(asked)) == skeleton(asked)


@given(st.text(max_size=40))
def test_a_quoted_text_means_itself_on_one_line(text: str) -> None:
    written = quoted(text)
    assert len(written.splitlines()) == 1 and written.isprintable()
    script = compile_text(f'when user is {written} reply "-"')
    assert script.table.first(request(text), Session()) is not None
