from __future__ import annotations

import pytest

from dsl.request import Headers, Message, Messages, Request, Result, Results
from tests.dsl.performing import request


def test_derived_fields() -> None:
    asked = request("second", system="Be brief.", assistant=["one"], results={"f": "a", "g": '{"x": 1}'})
    assert (asked.user, asked.system, asked.assistant, asked.turn, asked.last) == (
        "second",
        "Be brief.",
        "one",
        2,
        "tool",
    )
    assert asked.input == 'second\na\n{"x": 1}'
    assert str(asked.tool_result) == 'a\n{"x": 1}'
    assert asked.tool_result["g"]["x"] == 1


def test_the_systems_message_is_no_input() -> None:
    assert request("a", system="Be brief.").input == "a"


def test_an_empty_conversation() -> None:
    asked = Request()
    assert (asked.user, asked.system, asked.assistant, asked.turn, asked.last, asked.input) == (
        None, None, None, 1, None, None,
    )  # fmt: skip
    assert len(asked.tool_result) == 0
    assert Messages().tokens == 3


def test_the_input_of_embeddings() -> None:
    assert Request(texts=("a", "b")).input == "a\nb"


def test_results_before_the_last_user_message_are_past() -> None:
    old = (Message("tool", "old", name="f"), Message("user", "new"))
    assert not Request(messages=Messages(old)).tool_result


def test_results_of_one_tool_are_joined() -> None:
    results = Results([("f", "a"), ("g", "b"), ("f", "c")])
    assert {name: str(result) for name, result in results.items()} == {"f": "a\nc", "g": "b"}


def test_a_result_without_a_name_is_called_by_its_call() -> None:
    asked = Request(messages=Messages([Message("tool", "a", tool_call_id="call_1"), Message("tool", "b")]))
    assert list(asked.tool_result) == ["call_1", ""]


def test_result() -> None:
    result = Result('{"a": [1]}')
    assert result["a"][0] == 1 and len(result) == 10 and bool(result)
    assert result == '{"a": [1]}' and result == {"a": [1]} and result == Result('{"a": [1]}')
    assert hash(result) == hash(Result('{"a": [1]}'))
    assert not Result("")
    with pytest.raises(KeyError):
        Result("plain")["a"]
    assert Result("[" * 100_000).value == "[" * 100_000


def test_headers() -> None:
    headers = Headers([("X-A", "1"), ("x-b", "2")])
    assert (headers["x-a"], "X-B" in headers, "x-c" in headers, list(headers), len(headers)) == (
        "1", True, False, ["x-a", "x-b"], 2,
    )  # fmt: skip
