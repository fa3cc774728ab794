from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dsl import compile_text
from dsl.request import Message, Messages, Request
from dsl.session import Session
from dsl.table import RuleTable
from dsl.trace import LONGEST_VALUE, Trace, as_json, trace
from dsl.trace_text import as_text
from tests.corpus.test_scripts import SCRIPTS
from tests.dsl.performing import Talk, request
from tests.dsl.test_properties import requests, served

FAQ = """\
rule translate when user matches /translate (?<phrase>.+) into (?<language>\\w+)/i reply "-"
let vip when header["x-tier"] is "vip"
when vip and user mentions "hello" reply "-"
rule later when user mentions "hello" and nth > 1 reply "-"
when not user or (model is "x" and n > 3) reply "-"
rule wide when user reply "-"
otherwise reply "-"
"""


def traced(script: str, user: str | None = "hello", session: Session | None = None, **fields: Any) -> Trace:
    return trace([compile_text(script, "faq").table], request(user, **fields), session or Session("s"))


def test_each_rule_has_a_verdict_in_the_order_of_the_table() -> None:
    found = traced(FAQ)
    assert [(verdict.rule.place, verdict.answers, verdict.matches) for verdict in found.verdicts] == [
        ("faq:1", False, False),
        ("faq:3", False, False),
        ("faq:4", False, False),
        ("faq:5", False, False),
        ("faq:6", True, True),
        ("faq:7", False, True),
    ]
    assert found.answer is found.verdicts[4]
    assert (found.nearest, found.reason, found.skeleton, found.session) == (None, None, None, "s")


def test_a_failure_is_the_first_condition_that_does_not_hold_with_what_was_there() -> None:
    failures = [verdict.failure for verdict in traced(FAQ).verdicts]
    told = [(failure.written, failure.values, str(failure.span)) for failure in failures if failure]
    assert told == [
        (r"user matches /translate (?<phrase>.+) into (?<language>\w+)/i", (("user", "hello"),), "faq:1:21"),
        ('header["x-tier"] is "vip"', (('header["x-tier"]', None),), "faq:2:14"),
        ("nth > 1", (("nth", 1),), "faq:4:43"),
        (
            'not user or (model is "x" and n > 3)',
            (("user", "hello"), ("model", None), ("n", None)),
            "faq:5:6",
        ),
    ]


def test_captures_and_nth_of_the_rule_that_answers() -> None:
    session = Session()
    script = compile_text(FAQ)
    script.table.first(request("translate this into Latin"), session)
    found = trace([script.table], request("translate that into Greek"), session)
    assert found.answer is not None
    assert (found.answer.captures, found.answer.nth) == ({"phrase": "that", "language": "Greek"}, 2)


def test_a_rule_below_the_answer_is_seen_as_if_it_were_asked_first() -> None:
    later = traced('rule a when user reply "-"\nrule b when user and nth is 1 reply "-"').verdicts[1]
    assert (later.matches, later.answers, later.nth) == (True, False, 1)


def test_a_miss_names_the_nearest_rule_and_one_that_would_match() -> None:
    found = traced('rule a when user mentions "helo" reply "-"\nrule b when model is "x" reply "-"')
    assert found.answer is None and found.nearest is not None
    assert found.nearest.rule.name == "a"
    assert found.reason == (
        'No rule matched. The nearest is `a` (faq:1): `user mentions "helo"` does not hold: `user` is "hello".'
    )
    assert found.skeleton == 'when user is "hello" {\n    reply "…"\n}\n'


def test_a_miss_counts_as_it_would() -> None:
    found = traced('rule quota when user and nth > 2 reply "-"')
    assert found.reason is not None and found.reason.endswith("`nth > 2` does not hold: `nth` is 1.")


def test_tables_are_asked_one_after_the_other() -> None:
    first, second = compile_text('rule a when event is "x" reply "-"'), compile_text('rule b when user reply "-"')
    found = trace([first.table, second.table], request("hello"), Session())
    assert [verdict.rule.name for verdict in found.verdicts] == ["a", "b"]
    assert found.answer is not None and found.answer.rule.name == "b"


def test_without_rules() -> None:
    found = trace([RuleTable(())], request("hello"), Session())
    assert found.verdicts == () and found.reason == "No rule matched: the script has no rules."


def test_which_fields_are_looked_at() -> None:
    found = traced(FAQ)
    assert found.tests("header") and found.tests("nth") and found.tests("n")
    assert not found.tests("query")
    assert not traced('when user reply "-"\nwhen header["x"] reply "-"').tests("header")  # below the answer


def test_json() -> None:
    found = as_json(traced('rule a when user is "bye"\n  reply "-"', "h" * 1000))
    assert found == {
        "matched": False,
        "answer": None,
        "reason": found["reason"],
        "nearest": {"rule": "a", "place": "faq:1"},
        "skeleton": found["skeleton"],
        "session": "s",
        "rules": [
            {
                "rule": "a",
                "place": "faq:1",
                "answers": False,
                "matches": False,
                "failed": {
                    "condition": 'user is "bye"',
                    "file": "faq",
                    "line": 1,
                    "column": 13,
                    "values": [{"field": "user", "value": "h" * LONGEST_VALUE + "…"}],
                },
                "captures": {},
                "nth": None,
            }
        ],
    }
    assert json.loads(json.dumps(found)) == found


def test_json_of_an_answer() -> None:
    found = as_json(traced('when user matches /(?<word>\\w+)/ and n is 2 reply "-"', n=2))
    assert found["answer"] == found["rules"][0]
    assert found["answer"]["captures"] == {"word": "hello"} and found["answer"]["nth"] == 1
    assert found["skeleton"] is None and found["matched"] is True


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(set(SCRIPTS) - {"lib/common.llmock"})),
    st.lists(requests, min_size=1, max_size=4),
)
def test_a_trace_moves_nothing_and_tells_who_answers(name: str, asked: list[Request]) -> None:
    script, session, untouched = served(name), Session("s"), Session("s")
    for each in asked:
        before = deepcopy(session.counters), dict(session.memory)
        found = trace([script.table], each, session)
        as_text(found)
        json.dumps(as_json(found))
        assert (session.counters, session.memory) == before
        match, alone = script.table.first(each, session), script.table.first(each, untouched)
        assert (match and match.rule) is (alone and alone.rule)
        assert session.counters == untouched.counters
        if match is None:
            assert found.answer is None
        else:
            assert found.answer is not None and found.answer.rule is match.rule
            assert (found.answer.captures, found.answer.nth) == (match.captures, match.nth)


def test_a_trace_moves_no_sequence() -> None:
    talk = Talk('when user sequence { reply "1"; reply "2" }')
    assert talk.say() == "1"
    trace([talk.script.table], Request(messages=Messages([Message("user", "hi")])), talk.session)
    assert talk.say() == "2"
