from __future__ import annotations

import pytest

from dsl import ScriptError, compile_text


def warned(script: str) -> list[str]:
    return [warning.code for warning in compile_text(f"{script}\ndefaults {{ seed 1 }}").warnings]


def rules(*conditions: str) -> str:
    return "\n".join(f'when {condition} reply "x"' for condition in conditions)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ('user is "a"', 'user is "a"'),
        ('user contains "a"', 'user contains "ab"'),
        ('user contains "a"', 'user is "ab"'),
        ('user contains any ["a", "x"]', 'user contains "ab"'),
        ('user contains "a"', 'user contains all ["ab", "c"]'),
        ('user contains "a"', 'user starts with "ba"'),
        ('user contains "a" ignoring case', 'user is "xA"'),
        ('user starts with "a"', 'user starts with "ab"'),
        ('user ends with "b"', 'user ends with "ab"'),
        ('user mentions "a"', 'user is "an a."'),
        ("user matches /a+/", 'user in ["aa", "ba"]'),
        ('model in ["a", "b"]', 'model in ["a"]'),
        ('model is not "a"', 'model is "b"'),
        ("n > 1", "n in [2, 3]"),
        ("n in 1..5", "n is 3"),
        ("user", 'user contains "a"'),
        ("user", 'user is "a"'),
        ('user contains "a"', 'model is "x" and user contains "ab"'),
        ('user contains "a" and model is "x"', 'model is "x" and user contains "ab" and stream'),
        ('user contains "a" or n > 1', 'user contains "ab"'),
        ("not stream", "not stream and n > 1"),
        ("n > 1", "n > 2"),
        ("n > 1", "n >= 1 and n > 1"),
        ("n >= 1", "n in 1..2"),
        ("n in 1..5", "n in 2..5"),
        ("n", "n > 1"),
        ('model in ["a", "b"]', 'model is "a" or model is "b"'),
        ('user contains any ["a", "b"]', 'user contains any ["ax", "bx"]'),
        ('user contains "a" ignoring case', 'user contains "BA"'),
        ('user starts with "a" ignoring case', 'user starts with "AB"'),
        ('user mentions "good"', 'user mentions "very good day"'),
        ('user mentions "good"', 'user contains "very good day"'),
        ('user contains "goo" ignoring case', 'user mentions "Good"'),
        ('user contains all ["a", "b"]', 'user contains "ab"'),
        ("user or n > 1", "user or n > 1"),
        ("(user and n > 1)", "n > 1 and user"),
        ('body.x is "a"', 'body.x is "a" and nth > 2'),
        ('tools has "f"', 'tools has "f" and stream'),
        ("user matches /a/i", "user matches /a/i and n > 1"),
        ("user in []", "user in [] and stream"),
        ("user contains all []", 'user contains "a"'),
        ("user contains any []", "user contains any [] and stream"),
    ],
)
def test_shadowed(earlier: str, later: str) -> None:
    assert warned(rules(earlier, later)) == ["W401"]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ('user is "a"', 'user contains "a"'),
        ('user contains "ab"', 'user contains "a"'),
        ('user contains "a"', 'model contains "ab"'),
        ('user contains "a"', 'user contains "AB"'),
        ('user contains "a"', 'user contains "ab" ignoring case'),
        ('user contains all ["a", "x"]', 'user contains "ab"'),
        ('user contains "a"', 'user contains any ["ab", "c"]'),
        ('user starts with "a"', 'user ends with "a"'),
        ('user starts with "ab"', 'user starts with "a"'),
        ('user ends with "a"', 'user ends with "ab"'),
        ('user mentions "a"', 'user mentions "ab"'),
        ('user contains "a"', 'user mentions "ab"'),
        ('user is "a"', 'user is "A" ignoring case'),
        ('user is not "a"', 'user is not "b"'),
        ("user matches /a/", "user matches /ab/"),
        ('model in ["a"]', 'model in ["a", "b"]'),
        ("n > 2", "n > 1"),
        ("n > 1", "n >= 1"),
        ("n in 1..5", "n in 2..6"),
        ("n in 1..5", "n > 1"),
        ('body.x contains "a"', 'body.x mentions "a"'),
        ('user mentions "good"', 'user contains "good day"'),
        ('user mentions "good"', 'user mentions "goodness"'),
        ('user contains "good day" ignoring case', 'user mentions "good day"'),
        ('model is "a"', 'model is "a" or model is "b"'),
        ('tool_result["f"] starts with "5"', 'tool_result["f"] is "5"'),
        ("n > 1", "n is null"),
        ("body.x is 1", "body.x is true"),
        ("body.x has 1", "body.x has true"),
        ("user", 'user contains ""'),
        ("user", 'not user contains "a"'),
        ('user contains "a" and n > 1', 'user contains "ab"'),
        ("user and nth > 2", "user"),
        ("nth > 2", "user"),
        ("not user", "user"),
        ("user or n > 1", "n > 1 or stream"),
        ('header["X-A"] is "a"', 'header["X-B"] is "a"'),
        ("user", "n > 1"),
    ],
)
def test_not_shadowed(earlier: str, later: str) -> None:
    assert warned(rules(earlier, later)) == []


def test_behind_a_catch_all() -> None:
    assert warned('otherwise reply "x"\nwhen user reply "y"\notherwise reply "z"') == ["W401", "W401"]
    assert warned('given user { otherwise reply "x" }\nwhen n > 1 reply "y"') == []
    assert warned('when nth > 2 reply "x"\nwhen n > 1 reply "y"') == []


def test_a_rule_is_shadowed_once() -> None:
    assert warned(rules('user contains "a"', 'user contains "ab"', 'user contains "abc"')) == ["W401", "W401"]


def test_a_broken_rule_shadows_nothing() -> None:
    with pytest.raises(ScriptError) as caught:
        compile_text('when user matches /(/ reply "x"\nwhen user is "a" reply "y"')
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["E303"]


def test_a_large_table_is_not_compared_rule_by_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsl.shadows.MOST_COMPARISONS", 0)
    assert warned(rules("user", "n > 1", "stream", 'user is "a"')) == []
    assert warned('otherwise reply "x"\n' + rules("user", "n > 1")) == ["W401", "W401"]


@pytest.mark.parametrize(
    "script",
    [
        'when user mentions "a" call f {}',
        'otherwise { think "x"; call f {} }',
        'when user { sequence { reply "x"; call f {} } }',
        'when tools has "f" call f {}',
        "when not (n > 1 or stream) call f {}",
        "when body.response_format call f {}",
        "when user repeat 2 { call f {} }",
        "when user { choice { call f {} } }",
        'when not stream call f {}\nwhen tool_result reply "x"',
    ],
)
def test_tool_loop(script: str) -> None:
    assert warned(script) == ["W404"]


@pytest.mark.parametrize(
    "script",
    [
        'when tool_result reply "x"\nwhen user call f {}',
        'when tool_result["g"] reply "x"\nwhen user call f {}',
        "when user and not tool_result call f {}",
        "when turn is 1 call f {}",
        "when last is user call f {}",
        "when user and nth is 1 call f {}",
        'when input mentions "a" call f {}',
        "when not (tool_result or n > 1) call f {}",
        'when user sequence { call f {}; reply "x" }',
        "when user chance 50% call f {}",
        'when user pick { call f {}; reply "x" }',
        'when user cycle { call f {}; reply "x" }',
        'when user reply "x"',
        'when nth > 5 reply "x"\nwhen user call f {}',
        'when last is tool reply "x"\nwhen user call f {}',
        'when turn > 3 reply "x"\nwhen user call f {}',
        'when memory.called reply "x"\nwhen user { remember called = true; call f {} }',
        'when body.messages reply "x"\nwhen user call f {}',
        "when tool_result call f {}",
    ],
)
def test_no_tool_loop(script: str) -> None:
    assert warned(script) == []


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ('fail 500; reply "x"', ["W403"]),
        ("reset; hang; cut", ["W403"]),
        ('after 3 chunks cut; reply "x"', []),
        ('chance 5% fail 500; reply "x"', []),
        ('reply "x"; finish stop; raw "y"', []),
        ('choice { cut; reply "x" }', ["W403"]),
    ],
)
def test_dead_code(body: str, codes: list[str]) -> None:
    assert warned(f"otherwise {{ {body} }}") == codes


def test_rules_that_name_different_texts_are_not_compared_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    monkeypatch.setattr("dsl.shadows.follows", lambda *both: compared.append(both))
    operators = ("is", "contains", "mentions", "starts with")
    script = rules(*(f'user {operator} "what is {number}?"' for number in range(10, 60) for operator in operators))
    compile_text(script)
    assert len(compared) < 400  # those of one text with one another, and not 200 * 199 / 2


@pytest.mark.parametrize("rows", ['"a", "b"', '"a", "a"'])
def test_a_rule_for_each_row_is_one_rule(rows: str) -> None:
    assert warned(f'for each row in [{rows}] {{ when user is row reply "x" }}') == []


def test_what_the_rows_of_a_rule_have_in_common_is_shadowed() -> None:
    script = 'when stream reply "x"\nfor each row in ["a", "b"] {{ when {} and user is row reply "y" }}'
    assert warned(script.format("stream")) == ["W401"]
    assert warned(script.format("not stream")) == []
