"""Scenarios: whose states they are, when they move, and what explanations say of them."""

from __future__ import annotations

import pytest

import dsl.session
from dsl import compile_text
from dsl.explain import explain_miss
from dsl.session import Session
from dsl.trace import as_json, trace
from dsl.trace_text import as_text
from dsl.values import PerformError
from tests.dsl.performing import Talk, request, text

DOOR = """
scenario door {
    state shut {
        rule open when user is "open" { reply "It opens."; go open }
        rule fall when user is "fall" { go open; reply "{{ temperature }}" }
    }
    state open { rule shut when user is "shut" { reply "It shuts."; go shut } }
}
"""
ORDERS = """
defaults { limit 3 requests per 1m }
scenario order by header["x-order"] {
    state cart { otherwise { limit 1 requests per 1m; remember item = "{{ user }}"; reply "{{ nth }}"; go paid } }
    state paid { when memory.item is "tea" reply "Tea, {{ nth }}." }
}
when memory.item reply "shared"
"""


def order(talk: Talk, name: str, user: str) -> str:
    answer = talk.ask(user, header={"x-order": name})
    return text(answer) or str(getattr(answer.ending, "code", None))


def test_only_the_rules_of_the_current_state_are_asked() -> None:
    talk = Talk(DOOR)
    assert [talk.rule("shut"), talk.say("open"), talk.rule("open")] == [None, "It opens.", None]
    assert talk.say("shut") == "It shuts."
    assert talk.session.state("door") == "shut"


def test_a_scenario_is_asked_where_it_stands() -> None:
    talk = Talk('when user is "a" reply "above"' + DOOR.replace('"open" {', '"a" {') + 'otherwise reply "below"')
    assert [talk.say("a"), talk.say("shut")] == ["above", "below"]


def test_to_match_moves_nothing() -> None:
    talk = Talk(DOOR)
    assert [talk.rule("open"), talk.rule("open")] == ["open", "open"]
    assert talk.session.state("door") is None


def test_what_was_performed_before_a_mistake_counts() -> None:
    talk = Talk(DOOR)
    with pytest.raises(PerformError):
        talk.ask("fall")
    assert talk.rule("shut") == "shut"


def test_a_state_can_be_set_from_outside() -> None:
    talk = Talk(DOOR)
    talk.session.go("door", "open")
    assert talk.say("shut") == "It shuts."


def test_each_value_of_the_field_has_a_session_of_its_own() -> None:
    talk = Talk(ORDERS)
    assert [order(talk, "1", "tea"), order(talk, "2", "milk"), order(talk, "1", "x")] == ["1", "1", "Tea, 1."]
    assert talk.session.memory == {}
    assert talk.match(request(header={"x-order": "2"})) is None
    part = talk.session.part("order", "2")
    assert (part.memory, part.state("order")) == ({"item": "milk"}, "paid")


def test_a_limit_of_a_rule_is_the_values_and_one_of_the_defaults_the_sessions() -> None:
    talk = Talk(ORDERS)
    assert [order(talk, "1", "milk"), order(talk, "2", "milk"), order(talk, "3", "milk")] == ["1", "1", "1"]
    assert order(talk, "4", "milk") == "rate_limit_exceeded"
    assert {name.split(":")[0] for name in talk.session.buckets} == {"defaults"}
    assert len(talk.session.part("order", "1").buckets) == 1


def test_who_has_no_value_shares_one() -> None:
    talk = Talk(ORDERS)
    assert [talk.say("tea"), talk.say("x")] == ["1", "Tea, 1."]


def test_a_session_forgets_what_was_used_least_recently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsl.session, "MOST_PARTS", 2)
    session = Session()
    first, second = session.part("s", "1"), session.part("s", "2")
    assert session.part("s", "1") is first
    session.part("s", "3")
    assert session.part("s", "1") is first and session.part("s", "2") is not second


def test_a_twin_moves_alone() -> None:
    session = Session("s")
    session.part("order", "1").go("order", "paid")
    session.part("order", "1").memory["item"] = "tea"
    twin = session.twin()
    twin.part("order", "1").go("order", "cart")
    twin.part("order", "1").memory["item"] = "milk"
    twin.part("order", "2").advance("rule")
    assert session.part("order", "1").state("order") == "paid"
    assert session.part("order", "1").memory == {"item": "tea"}
    assert session.part("order", "2").counters == {}


def test_an_explanation_says_which_state_it_is_in() -> None:
    talk = Talk(DOOR)
    found = trace([talk.script.table], request("shut"), talk.session)
    assert found.nearest is not None and found.nearest.rule.name == "shut"
    assert explain_miss(talk.script.table, request("shut"), talk.session) == (
        'No rule matched. The nearest is `shut` (script:7): `state open` does not hold: `state` is "shut".'
    )
    failed = as_json(found)["rules"][2]["failed"]
    assert failed["condition"] == "state open" and failed["values"] == [{"field": "state", "value": "shut"}]
    assert 'no   state open       state is "shut"' in as_text(found)


def test_an_explanation_looks_at_the_session_of_the_value() -> None:
    talk = Talk(ORDERS)
    order(talk, "1", "tea")
    asked = request("x", header={"x-order": "1"})
    for _ in range(2):
        answer = trace([talk.script.table], asked, talk.session).answer
        assert answer is not None and (answer.rule.node.span.line, answer.nth) == (5, 1)
    assert order(talk, "1", "x") == "Tea, 1."


def test_states_may_be_separated_by_semicolons() -> None:
    script = compile_text("scenario s { state a { otherwise go b }; state b { otherwise go a } ; }")
    assert script.scenarios[0].states == ("a", "b")
