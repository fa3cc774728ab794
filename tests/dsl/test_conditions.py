"""What each test says of each kind of value."""

from __future__ import annotations

from typing import Any

import pytest

from dsl.conditions import equal, fold, is_word, text_of, words
from dsl.request import Message, Result
from tests.dsl.performing import Talk, request


def holds(condition: str, **fields: Any) -> bool:
    results = fields.pop("results", None)
    header = fields.pop("header", None)
    user = fields.pop("user", None)
    talk = Talk(f'when {condition} reply "yes"')
    return talk.match(request(user, results=results, header=header, **fields)) is not None


BODY = {
    "text": "Hello there",
    "empty": "",
    "number": 5,
    "zero": 0,
    "yes": True,
    "no": False,
    "null": None,
    "list": ["Hello", "there", 7],
    "nothing": [],
    "object": {"key": "value", "n": 1},
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # present
        ("body.text", True), ("body.empty", False), ("body.number", True), ("body.zero", True),
        ("body.yes", True), ("body.no", False), ("body.null", False), ("body.absent", False),
        ("body.list", True), ("body.nothing", False), ("body.object", True), ("body.object.key", True),
        ("body.list[0]", True), ("body.list[9]", False), ("body.list[-1]", True), ("body.number.x", False),
        # is, is not
        ('body.text is "Hello there"', True), ('body.text is "hello there"', False),
        ('body.text is "hello THERE" ignoring case', True), ('body.text is not "x"', True),
        ('body.text is not "hello there" ignoring case', False),
        ("body.number is 5", True), ("body.number is 5.0", True), ("body.number is 5 ignoring case", True),
        ('body.number is "5"', False), ('body.number is "5" ignoring case', False),
        ("body.yes is true", True), ("body.yes is 1", False), ("body.no is 0", False),
        ("body.zero is false", False),
        ("body.zero is 0", True), ("body.null is null", True), ("body.absent is null", True),
        ("body.absent is not null", False), ("body.text is not null", True), ('body.absent is not "x"', True),
        ('body.list is ["Hello", "there", 7]', True), ('body.list is ["Hello"]', False),
        ("body.nothing is []", True), ('body.object is { key: "value", n: 1 }', True),
        ('body.object is { key: "value", n: true }', False), ('body.object is { key: "value" }', False),
        ("body.number is 5s", True), ("body.number is 500%", True),
        # in
        ('body.text in ["x", "Hello there"]', True), ('body.text in ["x"]', False), ("body.absent in [1]", False),
        ("body.absent not in [1]", True), ('body.text in ["HELLO THERE"] ignoring case', True),
        ("body.number in [1, 5]", True), ("body.yes in [1]", False), ("body.null in [null]", True),
        ("body.number in 1..5", True), ("body.number in 5.1..9", False), ("body.number not in 1..5", False),
        ("body.yes in 0..2", False), ("body.text in 0..2", False), ("body.absent in 0..2", False),
        ("body.absent not in 0..2", True),
        # order
        ("body.number < 5", False), ("body.number <= 5", True), ("body.number > 4.5", True),
        ("body.number >= 6", False), ("body.yes > 0", False), ("body.text > 0", False), ("body.absent < 1", False),
        # contains, starts, ends
        ('body.text contains "lo th"', True), ('body.text contains "LO"', False),
        ('body.text contains "LO" ignoring case', True), ('body.absent contains "x"', False),
        ('body.number contains "5"', True), ('body.list contains "ell"', True), ('body.list contains "7"', True),
        ("body.object contains '\"key\":\"value\"'", True), ('body.null contains "null"', False),
        ('body.text contains any ["x", "Hell"]', True), ('body.text contains any ["x"]', False),
        ('body.text contains all ["Hell", "there"]', True), ('body.text contains all ["Hell", "x"]', False),
        ('body.list contains all ["Hell", "there"]', True),
        ('body.text starts with "Hello"', True), ('body.text starts with "there"', False),
        ('body.text starts with "hello" ignoring case', True), ('body.list starts with "the"', True),
        ('body.text ends with "there"', True), ('body.text ends with "Hello"', False),
        ('body.text ends with "THERE" ignoring case', True),
        # matches, mentions
        ("body.text matches /^hel/i", True), ("body.text matches /^hel/", False),
        ("body.absent matches /x*/", False),
        ("body.list matches /^there$/", True), ("body.number matches /^5$/", True),
        ("body.yes matches /true/", True),
        ('body.text mentions "hello"', True), ('body.text mentions "hell"', False),
        ('body.text mentions any ["x", "there"]', True), ('body.absent mentions "x"', False),
        # has
        ('body.list has "Hello"', True), ('body.list has "hello"', False), ("body.list has 7", True),
        ("body.list has true", False), ('body.object has "key"', True), ('body.object has "value"', False),
        ('body.text has "H"', False), ('body.absent has "x"', False),
        # parts of our own objects
        ("body.object.__class__", False), ("body.text.upper", False),
    ],
)  # fmt: skip
def test_body(condition: str, expected: bool) -> None:
    assert holds(condition, body=BODY) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('header["X-Tenant"] is "acme"', True), ("header.x-tenant", True), ('header has "X-TENANT"', True),
        ('header has "x-other"', False), ("header[0]", False), ("header", True), ('header["other"]', False),
        ('tools has "f"', True), ('tools is ["f", "g"]', True), ('tools is ["g", "f"]', False), ("tools", True),
        ('tools contains "f"', True), ('tool_result["f"] is "21"', True), ('tool_result["f"] is 21', True),
        ('tool_result["g"] is true', True), ('tool_result["g"] is 1', False), ('tool_result["g"] is "true"', True),
        ('tool_result["j"] has "sky"', True), ('tool_result["j"].sky is "grey"', True),
        ('tool_result["j"].sky mentions "GREY"', True), ('tool_result["f"].x', False), ("tool_result", True),
        ('tool_result contains "21"', True), ('tool_result["j"] is { sky: "grey" }', True),
        ('tool_result["f"] is "21" ignoring case', True), ('tool_result has "f"', True),
        ("messages[0].role is \"user\"", True), ('messages[-1].text contains "grey"', True),
        ("messages.tokens > 10", True),
        ('messages contains "hi"', True), ("messages[0].content", False), ("messages[0].nothing", False),
        ("last is tool", True), ("last is user", False), ("turn is 1", True), ("endpoint is chat", True),
        ("transport in [json, sse]", True), ("endpoint is responses", False), ("not stream", True),
        ("stream is false", True), ("n", False), ("memory.x", False), ("seed is not 3", True), ("query.a", False),
    ],
)  # fmt: skip
def test_fields(condition: str, expected: bool) -> None:
    results = {"f": "21", "g": "true", "j": '{"sky":"grey"}'}
    assert holds(condition, user="hi", tools=("f", "g"), header={"x-tenant": "acme"}, results=results) is expected


def test_a_result_equals_its_text() -> None:
    assert holds('tool_result is "21"', results={"f": "21"})


@pytest.mark.parametrize(
    ("phrase", "user", "expected"),
    [
        ("cat", "The CAT sat.", True), ("cat", "concatenate", False), ("cat", "cats", False), ("cat", "cat", True),
        ("cat", "bobcat cat", True), ("cat", "cat_1", False), ("good morning", "Good\n  morning!", True),
        ("c++", "I like C++!", True), ("c++", "c++11", True), ("§1", "see §1.", True),
        ("wikipedia", "WİKİPEDIA", True),
        ("ısı", "ISI", True), ("straße", "STRASSE", True), ("天気", "今日の天気は", True),
        ("cat", "天cat気", True),
        ("café", "café", True), ("cafe", "cafe\u0301", False), ("नम", "नमस्ते", False), ("", "anything", True),
        ("hi", "", False),
    ],
)  # fmt: skip
def test_mentions(phrase: str, user: str, expected: bool) -> None:
    assert holds(f'user mentions "{phrase}"', user=user) is expected


def test_fold() -> None:
    assert fold("WİKIPEDIA ı ẞ") == "wikipedia i ss"
    assert words(" A\t\nb ") == "a b"


def test_is_word() -> None:
    assert [is_word(c) for c in ("a", "é", "_", "7", "\u0301", "-", " ", "天", "")] == [True] * 5 + [False] * 4


def test_equal_and_text_of() -> None:
    assert not equal([True], [1]) and equal((1, "a"), [1, "a"]) and not equal({"a": 1}, {"b": 1})
    assert text_of(Message("user", "x")) == "x"
    assert text_of(Result("{}")) == "{}"
    assert text_of({"ü": 1.5}) == '{"ü":1.5}'


def test_what_is_too_deep_has_no_text() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert not holds('body.x contains "a"', body={"x": {"deep": deep}})
    assert holds("not body.x matches /a/", body={"x": {"deep": deep}})


def test_half_a_surrogate_pair_is_no_error() -> None:
    assert holds("user matches /x/", user="\ud800x")
    assert not holds('user mentions "y"', user="\ud800x")
