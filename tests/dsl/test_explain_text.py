from __future__ import annotations

from dsl import compile_text
from dsl.session import Session
from dsl.trace import trace
from dsl.trace_text import LONGEST_VALUE, as_text, shown
from tests.dsl.performing import request


def told(script: str, user: str = "hello", *, most: int | None = 40, **fields: object) -> str:
    return as_text(trace([compile_text(script, "faq").table], request(user, **fields), Session()), most=most)  # type: ignore[arg-type]


def test_a_hit() -> None:
    script = """\
rule translate when user matches /translate/i reply "-"
when user matches /(?<word>h\\w+)/ and header["x-tier"] is not "vip" reply "-"
rule wide when user reply "-"
rule other when user is "bye" reply "-"
otherwise reply "-"
"""
    assert (
        told(script)
        == """\
faq:1   rule translate   no    user matches /translate/i   user is "hello"
faq:2   (no name)        yes   word = "hello"
faq:3   rule wide        -     would match, but stands lower
(1 rule below, which would not match)

The rule at faq:2 answers."""
    )


def test_a_miss() -> None:
    assert (
        told('rule a when user is "bye" reply "-"\nwhen model is "x" and not user reply "-"')
        == """\
faq:1   rule a      no   user is "bye"   user is "hello"
faq:2   (no name)   no   model is "x"    model is absent

No rule matched. The nearest is `a` (faq:1): `user is "bye"` does not hold: `user` is "hello".

This rule would answer:

when user is "hello" {
    reply "…"
}"""
    )


def test_several_values_of_one_condition() -> None:
    assert 'user is "hello"   n is 1' in told('when not user or n > 2 reply "-"', n=1)


def test_a_catch_all_that_answers() -> None:
    assert (
        told('rule a when model reply "-"\notherwise reply "-"')
        == """\
faq:1   rule a      no    model   model is absent
faq:2   otherwise   yes

The rule at faq:2 answers."""
    )


def test_how_often_it_has_answered() -> None:
    script, session = compile_text('rule a when user reply "-"', "faq"), Session()
    for _ in range(2):
        script.table.first(request("hello"), session)
    assert as_text(trace([script.table], request("hello"), session)).endswith(
        "`a` (faq:1) answers, for the 3rd time in its session."
    )


def test_a_long_script_shows_the_first_rules_and_the_nearest() -> None:
    rules = [f'rule r{number} when user is "{number}" reply "-"' for number in range(100)]
    rules[40] = 'rule near when user is "helo" reply "-"'
    lines = told("\n".join(rules), most=3).splitlines()
    assert [line.split()[2] for line in lines[:3]] == ["r0", "r1", "near"]
    assert lines[3] == "(97 more rules not shown)"
    assert sum(" no " in line for line in told("\n".join(rules), most=None).splitlines()) == 100


def test_no_rules() -> None:
    assert told("").startswith(
        "No rule matched: the script has no rules.\n\nThis rule would answer:\n\nwhen user is"
    )


def test_nothing_is_printed_that_a_terminal_obeys() -> None:
    text = told('rule a when user is "bye" reply "-"', "\x1b[31mred\x07\nnext")
    assert "\x1b" not in text and "\x07" not in text
    assert r"user is " '"' r"\u001b[31mred\u0007\nnext" '"' in text


def test_values_are_shortened() -> None:
    assert shown("a" * 200) == f'"{"a" * LONGEST_VALUE}"…'
    assert shown({"a": [1, None]}) == '{"a":[1,null]}'
    assert shown(None) == "absent" and shown(False) == "false"
    assert shown(list(range(100))).endswith("…")


def test_a_long_condition_is_shortened() -> None:
    row = told(f'when user is "{"a" * 100}" reply "-"').splitlines()[0]
    assert row == f'faq:1   (no name)   no   user is "{"a" * 40}…   user is "hello"'
