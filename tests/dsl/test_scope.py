"""What the names in a body stand for, where one name has several meanings."""

from __future__ import annotations

import pytest

from dsl.values import PerformError
from tests.dsl.performing import Talk, text


@pytest.mark.parametrize(
    ("script", "said"),
    [
        # a constant says the same wherever it is used
        (
            'let who = "Ada"\nlet hi = "Hi {{ who }}"\ndefine f(who) { reply hi }\notherwise use f("Bob")',
            "Hi Ada",
        ),
        (
            'let who = "Ada"\nlet hi = "Hi {{ who }}"\ndefine f(who) { reply "{{ hi }}" }\notherwise use f("Bob")',
            "Hi Ada",
        ),
        (
            'let who = "Ada"\nlet both = ["x", who]\ndefine f(who) { reply both }\notherwise use f("Bob")',
            '["x","Ada"]',
        ),
        (
            'let who = "Ada"\nlet hi = "Hi {{ who }}"\nwhen user matches /(?<who>.+)/ reply "{{ hi }}, {{ who }}"',
            "Hi Ada, go",
        ),
        (
            'let who = "Ada"\nlet hi = "Hi {{ who }}"\nfor each who in ["Bob"] { when user { reply hi } }',
            "Hi Ada",
        ),
        ('let hi = "Hi {{ who }}"\nwhen user matches /(?<who>.+)/ reply hi', "Hi go"),
        # elsewhere the nearest counts
        ('let who = "Ada"\ndefine f(who) { reply "{{ who }}" }\notherwise use f("Bob")', "Bob"),
        # null is a value
        ('define f(x) { reply "{{ x is none }} {{ x is defined }}" }\notherwise use f(null)', "True True"),
        ("define f(x) { reply { x: x } }\notherwise use f(null)", '{"x":null}'),
        ("let x = null\notherwise reply { x: x, y: {{ x }} }", '{"x":null,"y":null}'),
        # what the request lacks is none
        ("otherwise reply \"{{ temperature | default('?') }}\"", "?"),
        ("when user matches /g(o)(?<rest>x)?/ reply \"{{ rest | default('?') }}\"", "?"),
    ],
)
def test_names(script: str, said: str) -> None:
    assert text(Talk(script).ask("go")) == said


def test_a_group_that_has_not_taken_part_cannot_be_printed() -> None:
    with pytest.raises(PerformError, match="the request has no `rest`"):
        Talk('when user matches /go(?<rest>x)?/ reply "{{ rest }}"').ask("go")


def test_an_example_of_an_absent_schema() -> None:
    script = "otherwise reply {{ example_of(body.response_format.schema) }}"
    with pytest.raises(PerformError, match="there is no `schema` in the object"):
        Talk(script).ask("go", body={"response_format": {"json_schema": {}}})
