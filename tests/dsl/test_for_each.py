"""`for each` is what one would have written by hand, row by row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsl import ScriptError, check, compile_script, compile_text
from dsl.session import Session
from dsl.timeline import ByteRate
from dsl.values import PerformError
from tests.dsl.performing import Talk, request, text

words = st.text('abKİ ß"\\', max_size=4)
RULES = """
    when user {operator} {word} {{
        sequence {{ reply "1 {shown} {{{{ user }}}}"; reply {word} }}
        remember last = {word}
    }}
    when memory.last is {word} and nth > 1 reply "twice"
    when input mentions any [{word}, "c"] {{ limit 2 requests per 1h; reply "said" }}
"""
OPERATORS = ["is", "contains", "mentions", "starts with", "ends with", "is not"]


@settings(max_examples=100)
@given(
    st.lists(words, min_size=1, max_size=4, unique=True),
    st.sampled_from(OPERATORS),
    st.sampled_from(["", "ignoring case"]),
    st.lists(words | st.just("c"), max_size=6),
)
def test_a_list_is_the_rules_written_by_hand(
    listed: list[str], operator: str, case: str, asked: list[str]
) -> None:
    case = "" if operator == "mentions" else case
    quoted = [json.dumps(word, ensure_ascii=False) for word in listed]
    loop = RULES.format(operator=operator, word="word", shown="{{ word }}").replace(
        "word {\n", f"word {case} {{\n", 1
    )
    by_hand = "".join(
        RULES.format(operator=operator, word=word, shown=word[1:-1]).replace(
            f"{word} {{\n", f"{word} {case} {{\n", 1
        )
        for word in quoted
    )
    looped, written = Talk(f"for each word in [{', '.join(quoted)}] {{ {loop} }}"), Talk(by_hand)
    for user in asked:
        first, second = looped.match(request(user)), written.match(request(user))
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            assert first.nth == second.nth
            answers = [looped.ask(user), written.ask(user)]
            assert answers[0].events == answers[1].events and type(answers[0].ending) is type(answers[1].ending)
    assert looped.session.memory == written.session.memory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "faq.csv").write_text("ask,say\ncat,Meow.\ndog,Wuff {{ user }}.\n", "utf-8")
    (tmp_path / "lib" / "faq.llmock").write_text(
        'for each row in "faq.csv" { when user contains row.ask reply row.say }', "utf-8"
    )
    (tmp_path / "main.llmock").write_text('include "lib/faq.llmock"', "utf-8")
    return tmp_path


def test_data_lies_beside_the_file_that_names_it(folder: Path) -> None:
    script = compile_script(folder / "main.llmock")
    assert [path.name for path in script.files] == ["main.llmock", "faq.llmock", "faq.csv"]
    assert [rule.place for rule in script.table.rules] == [
        f"{folder / 'lib/faq.llmock'}:1 row 1",
        f"{folder / 'lib/faq.llmock'}:1 row 2",
    ]
    assert Talk(script).say("a dog") == "Wuff {{ user }}."


def test_a_script_in_no_file_has_no_data() -> None:
    with pytest.raises(ScriptError) as error:
        compile_text('for each row in "x.csv" { when user is row.a reply "x" }')
    assert [found.code for found in error.value.diagnostics] == ["E216"]


def test_a_row_that_answers_nothing_new_is_no_warning(folder: Path) -> None:
    (folder / "lib" / "faq.csv").write_text("ask,say\n" + "cat,Meow.\n" * 500, "utf-8")
    assert check(folder / "main.llmock") == []


def test_rules_that_never_answer_are_one_warning(folder: Path) -> None:
    (folder / "main.llmock").write_text('otherwise reply "x"\ninclude "lib/faq.llmock"', "utf-8")
    assert [found.code for found in check(folder / "main.llmock")] == ["W401"]


def test_one_mistake_is_one_error_for_all_rows(folder: Path) -> None:
    (folder / "lib" / "faq.csv").write_text("ask,say\n" + "cat,Meow.\n" * 500, "utf-8")
    (folder / "lib" / "faq.llmock").write_text(
        'for each row in "faq.csv" { when user contains row.aks reply row.say }', "utf-8"
    )
    (found,) = check(folder / "main.llmock")
    assert (found.code, found.help, found.primary.span.text) == ("E225", "did you mean `ask`?", "aks")


def test_a_turn_within_a_turn() -> None:
    talk = Talk(
        """
        for each a in ["x", "y"] {
            for each b in [a, "{{ a }}{{ user }}"] { when system is a and user mentions "z" reply b }
            given user is a { for each b in [a] { when system is b reply "both" } }
        }
        """
    )
    assert [talk.say("z", system="x"), talk.say("y", system="y")] == ["x", "both"]
    assert talk.rule("x", system="y") is None
    assert len({rule.key for rule in talk.script.table.rules}) == len(talk.script.table.rules) == 6


def test_a_time_may_stand_in_data() -> None:
    talk = Talk('for each time in [50ms, "1.5s", 2, "{{ user }}"] { when user and nth <= 1 wait time }')
    assert [talk.ask("go").duration for _ in range(3)] == [0.05, 1.5, 2]
    with pytest.raises(PerformError, match="'go' is not a duration"):
        talk.ask("go")


def test_a_pace_may_stand_in_data() -> None:
    talk = Talk(
        'for each speed in ["10 char/s", "2chunks/s", "4 byte/s"] '
        '{ when user and nth <= 1 { pace speed; reply "abcdef" in 3 chunks } }'
    )
    assert [talk.ask("go").duration for _ in range(2)] == [0.4, 1]
    assert any(isinstance(event, ByteRate) and event.rate == 4 for event in talk.ask("go").events)


def test_what_a_condition_does_not_look_at_may_be_a_template() -> None:
    talk = Talk('for each row in [{ name: "a", n: {{ 1 + 1 }} }] { when user is row.name reply "{{ row.n }}" }')
    assert text(talk.ask("a")) == "2"


def test_each_item_keeps_its_own_counters() -> None:
    talk = Talk('for each pet in ["cat", "dog"] { rule pet when user mentions pet reply "{{ pet }} {{ nth }}" }')
    assert [talk.say(user) for user in ("cat", "dog", "cat")] == ["cat 1", "dog 1", "cat 2"]
    match = talk.script.table.first(request("dog"), Session())
    assert match is not None and (match.rule.name, match.rule.place) == ("pet", "script:1")


def test_a_variable_stands_before_what_the_condition_captured() -> None:
    talk = Talk('for each pet in ["cat"] { when user matches /(?<pet>.+)/ and user is pet reply "{{ pet }}!" }')
    assert talk.say("cat") == "cat!"


def test_all_rows_share_one_body(folder: Path) -> None:
    (folder / "lib" / "faq.csv").write_text("ask,say\n" + "".join(f"q{n},a{n}\n" for n in range(3_000)), "utf-8")
    script = compile_script(folder / "main.llmock")
    assert len({id(rule.body) for rule in script.table.rules}) == 1
    assert len({rule.key for rule in script.table.rules}) == 3_000
    assert Talk(script).say("q2999") == "a2"  # `contains`: the first row whose question is part of it
