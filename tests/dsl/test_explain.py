from __future__ import annotations

from typing import Any

import pytest

from dsl.explain import explain_miss, nearest
from tests.dsl.performing import Talk, request


def explained(script: str, user: str | None = "hi", **fields: Any) -> str:
    talk = Talk(script)
    asked = request(user, **fields)
    assert talk.match(asked) is None
    return explain_miss(talk.script.table, asked, talk.session)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ('user is "hello"', '`user is "hello"` does not hold: `user` is "hi"'),
        ('model is "x"', '`model is "x"` does not hold: the request has no `model`'),
        ("user and n > 1", "`n > 1` does not hold: `n` is 1"),
        ("user and not user", "`not user` does not hold"),
        ("user and (n > 1 or model)", "neither side of `n > 1 or model` holds"),
        ("user\n  and (n is 1\n and\n stream)", "`stream` does not hold: `stream` is false"),
        ("user and nth > 3", "`nth > 3` does not hold: `nth` is 1"),
        ("body.x contains 'a'", "`body.x contains 'a'` does not hold: `body.x` is {\"y\":1}"),
        ('tools has "f"', '`tools has "f"` does not hold: `tools` is ["g"]'),
    ],
)
def test_reason(condition: str, reason: str) -> None:
    said = explained(f'rule r when {condition} reply "x"', n=1, body={"x": {"y": 1}}, tools=("g",))
    assert said == f"No rule matched. The nearest is `r` (script:1): {reason}."


def test_no_rules() -> None:
    assert explained("") == "No rule matched: the script has no rules."


def test_a_long_value_is_shortened() -> None:
    assert explained('when user is "x" reply "y"', "a" * 500).endswith(f'`user` is "{"a" * 79}….')


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ('rule a when model is "x" and n > 1 reply "-"\nrule b when user and n > 1 reply "-"', "b"),  # more holds
        ('rule a when user is "bye" reply "-"\nrule b when user is "weather" reply "-"', "b"),  # more alike
        ('rule a when user is "bye" reply "-"\nrule b when user in ["x", "weather"] reply "-"', "b"),
        ('rule a when user mentions "forecast" reply "-"\nrule b when user contains "wether" reply "-"', "b"),
        ('rule a when user and n > 1 reply "-"\nrule b when model reply "-"', "a"),  # less holds
        ('rule a when nth > 2 reply "-"', "a"),
        ('rule a when n > 1 reply "-"\nrule b when n > 2 reply "-"', "a"),  # the first of equals
    ],
)
def test_nearest(script: str, name: str) -> None:
    talk = Talk(script)
    near = nearest(talk.script.table, request("the weather?"), talk.session)
    assert near is not None and near.rule.name == name


def test_a_rule_without_a_name() -> None:
    assert "The nearest is the one at script:2:" in explained('# x\nwhen user is "x" reply "y"')


def test_what_holds_is_no_miss() -> None:
    talk = Talk('when user reply "x"')
    assert nearest(talk.script.table, request("hi"), talk.session) is None


def test_nth_of_a_miss() -> None:
    talk = Talk('when user and nth is 1 reply "x"')
    talk.say()
    assert talk.match(request("hi")) is None
    near = nearest(talk.script.table, request("hi"), talk.session)
    assert near is not None and near.value == 2
