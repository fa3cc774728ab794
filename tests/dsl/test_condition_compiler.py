from __future__ import annotations

import pytest

from dsl import ScriptError, compile_text
from tests.dsl.performing import Talk, request


def captured(condition: str, user: str) -> dict[str, str] | None:
    match = Talk(f'when {condition} reply "x"').match(request(user, model="m"))
    return dict(match.captures) if match else None


def codes(text: str) -> list[str]:
    with pytest.raises(ScriptError) as caught:
        compile_text(text)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("condition", "user", "captures"),
    [
        ("user matches /(?<a>x)(?<b>y)?/", "x", {"a": "x"}),
        ("user matches /(?<a>x)/ and user matches /(?<b>y)/", "xy", {"a": "x", "b": "y"}),
        ("user matches /(?<a>x)/ or user matches /(?<b>y)/", "xy", {"a": "x"}),
        ("user matches /(?<a>x)/ or user matches /(?<b>y)/", "y", {"b": "y"}),
        ("(user matches /(?<a>x)/ and n > 1) or user matches /(?<b>y)/", "xy", {"b": "y"}),
        ("not user matches /(?<a>x)/", "y", {}),
        ("not not user matches /(?<a>x)/", "x", {}),
        ("user matches /(?<a>.)/ and user matches /(?<a>y)/", "xy", {"a": "y"}),
        ("messages matches /(?<a>x)/", "ax", {"a": "x"}),
        ("user matches /(?<a>x)/ and n > 1", "x", None),
    ],
)
def test_captures(condition: str, user: str, captures: dict[str, str] | None) -> None:
    assert captured(condition, user) == captures


def test_a_rule_that_fails_leaves_no_captures_behind() -> None:
    talk = Talk(
        'when user matches /(?<a>x)/ and n > 1 reply "1"\n'
        'when user matches /(?<b>x)/ and nth > 1 reply "2"\n'
        'when user matches /(?<c>x)/ reply "3"'
    )
    match = talk.match(request("x"))
    assert match and match.captures == {"c": "x"}


def test_captures_of_a_given() -> None:
    talk = Talk('given user matches /(?<a>x)/ { when user matches /(?<b>y)/ reply "{{ a }}{{ b }}" }')
    assert talk.say("xy") == "xy"


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("nth > 1 or user", "E219"),
        ("not nth > 1", "E219"),
        ("user and not (nth > 1 and n > 1)", "E219"),
        ("(nth > 1 or user) and n is 1", "E219"),
    ],
)
def test_nth_must_be_joined_by_and(condition: str, code: str) -> None:
    assert codes(f'when {condition} reply "x"') == [code]


@pytest.mark.parametrize(
    "condition", ["user and nth is 2", "(user and nth is 2)", "second", "user and (nth in 2..2)"]
)
def test_nth_counts_how_often_the_rest_held(condition: str) -> None:
    talk = Talk(f'let second when user and nth is 2\nwhen {condition} reply "second"\notherwise reply "other"')
    assert [talk.say("a"), talk.say(None), talk.say("a"), talk.say("a")] == ["other", "other", "second", "other"]


def test_nth_is_that_of_the_session() -> None:
    talk = Talk('when nth > 1 reply "again"\notherwise reply "first {{ nth }}"')
    assert [talk.say(), talk.say()] == ["first 1", "again"]
    assert Talk(talk.script).say() == "first 1"


def test_named_conditions() -> None:
    talk = Talk(
        'let vip when header.x-tier is "vip"\nlet shouting when user matches /^(?<loud>[A-Z]+)$/\n'
        'when vip and not shouting reply "quiet"\nwhen vip and shouting reply "{{ loud }}!"\notherwise reply "-"'
    )
    tier = {"header": {"x-tier": "vip"}}
    assert (talk.say("a", **tier), talk.say("A", **tier), talk.say("A")) == ("quiet", "A!", "-")


def test_an_unused_named_condition_is_checked() -> None:
    assert codes('let x when usr\notherwise reply "x"') == ["E201"]


def test_recursion_of_named_conditions_is_one_mistake() -> None:
    assert codes('let a when b\nlet b when not c\nlet c when a and n\nwhen a reply "x"\nwhen b reply "y"') == [
        "E208"
    ]


def test_a_condition_used_twice_has_its_mistake_once() -> None:
    assert codes('let x when usr and modle\nwhen x reply "a"\nwhen x and n reply "b"') == ["E201", "E201"]


def test_a_broken_regex_casts_no_doubt_on_the_body_or_on_other_rules() -> None:
    text = 'when user matches /(?<a>x/ reply "{{ a }}"\nwhen user is "x" reply "y"'
    assert codes(text) == ["E303"]


def test_constants_as_operands() -> None:
    talk = Talk(
        'let small = ["a", tiny]\nlet tiny = "b"\nlet pattern = /^(?<first>.)/\nlet most = 3\n'
        'when model in small and user matches pattern and n < most reply "{{ first }}"\notherwise reply "-"'
    )
    assert talk.say("xy", model="b", n=1) == "x"
    assert talk.say("xy", model="tiny", n=1) == "-"
