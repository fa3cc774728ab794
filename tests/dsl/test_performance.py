"""Bodies as timelines: what is said, when, and how it ends."""

from __future__ import annotations

import pytest

from dsl import timeline
from dsl.performance import Performance
from dsl.values import PerformError, Scope
from tests.dsl.performing import Talk, calls, chunks, request, text, thought, times


def body(statements: str, **fields: object) -> timeline.Timeline:
    return Talk(f"otherwise {{ {statements} }}").ask(**fields)  # type: ignore[arg-type]


def said(statements: str) -> list[tuple[float, str]]:
    answer = body(statements)
    return list(zip(times(answer), chunks(answer), strict=True))


# -- time


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ('reply "a b c"', [(0, "a"), (0, " b"), (0, " c")]),
        ('ttft 300ms; reply "a b"', [(0.3, "a"), (0.3, " b")]),
        ('wait 1s; ttft 300ms; reply "a"', [(1.3, "a")]),
        ('reply "a"; ttft 300ms; reply "b"', [(0, "a"), (0, "b")]),  # the first token is out already
        ('pace 10 tok/s; reply "a b c"', [(0, "a"), (0.1, " b"), (0.2, " c")]),
        ('pace 10 chunk/s; reply "a b c d" in 2 chunks', [(0, "a b"), (0.1, " c d")]),
        ('pace 10 char/s; reply "abcd ef"', [(0, "abcd"), (0.3, " ef")]),
        ('pace 2 tok/s; reply "a b"; pace 10 tok/s; reply " c"', [(0, "a"), (0.5, " b"), (0.6, " c")]),
        ('pace 10 tok/s; reply "a"; wait 1s; reply "b"', [(0, "a"), (1.1, "b")]),
        ('pace 10 tok/s; reply "a"; chunk "b c"; reply "d"', [(0, "a"), (0, "b c"), (0.1, "d")]),
        ('ttft 1s; chunk "a"; chunk "b"', [(1, "a"), (1, "b")]),
        ('ttft 1s; think "a"; reply "b"', [(1, "b")]),
        ('reply ""; wait 1s; reply "a"', [(1, "a")]),
        ('wait 100ms; wait 200ms; chunk "a"', [(0.3, "a")]),
        ('wait 2m; chunk "a"', [(120, "a")]),
    ],
)
def test_times(statements: str, expected: list[tuple[float, str]]) -> None:
    assert said(statements) == expected


def test_the_body_lasts_until_its_last_wait() -> None:
    assert body('chunk "a"; wait 1s').duration == 1
    assert body("wait 3s").ending == timeline.End(3)


def test_a_pace_of_bytes_is_the_transports() -> None:
    answer = body('pace 10 byte/s; reply "a"; pace 5 tok/s; reply " b c"')
    assert [event for event in answer.events if isinstance(event, timeline.ByteRate)] == [
        timeline.ByteRate(0, 10),
        timeline.ByteRate(0, None),
    ]
    assert times(answer) == [0, 0.2, 0.4]


@pytest.mark.parametrize(
    ("statement", "low", "high"),
    [
        ("wait 1s..3s", 1, 3),
        ("wait 300ms ± 50ms", 0.25, 0.35),
        ("wait 1s ± 20%", 0.8, 1.2),
        ("wait 10ms ± 1s", 0, 1.01),
        ("wait usual", 0.6, 1.0),
    ],
)
def test_jitter(statement: str, low: float, high: float) -> None:
    talk = Talk(f"let usual = 800ms ± 200ms\notherwise {{ {statement} }}")
    drawn = [talk.ask().duration for _ in range(300)]
    assert low <= min(drawn) < max(drawn) <= high
    assert max(drawn) - min(drawn) > (high - low) * 0.8


def test_jitter_of_a_pace() -> None:
    answer = body('pace 10 tok/s ± 50%; reply "a b c d e f g h"')
    gaps = [b - a for a, b in zip(times(answer), times(answer)[1:], strict=False)]
    assert all(0.05 <= gap <= 0.15 for gap in gaps) and len(set(gaps)) > 3


# -- what is said


def test_calls_and_reasoning() -> None:
    answer = body('think "Hm." in 2 chunks; call f {} id "x"; call g \'{"raw\' in 2 chunks; call h ["{", "}"]')
    assert thought(answer) == "Hm."
    assert calls(answer) == [("f", "{}"), ("g", '{"raw'), ("h", "{}")]
    assert [event.text for event in answer.events if isinstance(event, timeline.Arguments)][-2:] == ["{", "}"]
    assert [event.id for event in answer.events if isinstance(event, timeline.Call)] == ["x", None, None]


def test_a_call_is_paced() -> None:
    answer = body("ttft 1s; pace 10 chunk/s; call f {a: 1} in 2 chunks; call g '' ")
    opened = [event.at for event in answer.events if isinstance(event, timeline.Call)]
    fragments = [event.at for event in answer.events if isinstance(event, timeline.Arguments)]
    assert (opened, fragments) == ([1, 1.3], [1.1, 1.2])


def test_the_rest_of_what_is_said() -> None:
    answer = body('refuse "no"; raw "é\\n"; comment "ping"; reply { a: [1, null, true, 5s, 50%] }')
    assert answer.events[:3] == (
        timeline.Refuse(0, "no"),
        timeline.Raw(0, "é\n".encode()),
        timeline.Comment(0, "ping"),
    )
    assert text(answer) == '{"a":[1,null,true,5.0,0.5]}'
    assert answer.speaks and not answer.only_raw
    assert not body("wait 1s").speaks


def test_raw_never_fails() -> None:
    assert Talk('otherwise raw "{{ user }}"').ask("\ud800").events == (timeline.Raw(0, b"?"),)


def test_frame() -> None:
    answer = body(
        'status 201; header "a" "1"; header "A" "2"; usage { input: 1 }; usage { output: 2 }; meta { id: "x" }'
    )
    assert (answer.status, answer.headers, answer.usage, answer.meta) == (
        201,
        (("a", "1"), ("A", "2")),
        {"input": 1, "output": 2},
        {"id": "x"},
    )


# -- interruptions


@pytest.mark.parametrize(
    ("statements", "expected", "ending"),
    [
        ('after 2 chunks cut; reply "a b c"', ["a", " b"], timeline.Cut(0)),
        ('after 2 chunks cut clean; reply "a b c"', ["a", " b"], timeline.Cut(0, True)),
        ('after 0 chunks reset; reply "a"', [], timeline.Reset(0)),
        ('after 9 chunks cut; reply "a b"', ["a", " b"], timeline.End(0)),
        ('after 1 chunk chunk "!"; reply "a b"', ["a", "!", " b"], timeline.End(0)),
        ('after 1 chunk { after 1 chunk hang; chunk "!" }; reply "a b"', ["a", "!"], timeline.Hang(0)),
        ('after 1 chunk chunk "!"; after 2 chunks cut; reply "a b c"', ["a", "!"], timeline.Cut(0)),
        ('after 1 chunk chunk "!"; after 1 chunk chunk "?"; reply "a"', ["a", "!", "?"], timeline.End(0)),
        ('after 2 chunks fail 500; think "a"; call f "{}" in 1 chunk', [], timeline.Fail(0, 500)),
        ('after 1s reset; reply "a"', ["a"], timeline.Reset(1)),
        ('after 1s reset; chunk "a"; wait 2s; chunk "b"', ["a"], timeline.Reset(1)),
        ('after 1s chunk "!"; chunk "a"; wait 2s; chunk "b"', ["a", "!", "b"], timeline.End(2)),
        ('after 1s { wait 1s; chunk "!" }; wait 2s; chunk "b"', ["!", "b"], timeline.End(3)),
        ('after 1s { after 1s hang }; chunk "a"; wait 5s; chunk "b"', ["a"], timeline.Hang(2)),
        ('after 2s chunk "2"; after 1s chunk "1"; wait 3s; chunk "3"', ["1", "2", "3"], timeline.End(3)),
        ('after 0s chunk "!"; chunk "a"', ["!", "a"], timeline.End(0)),
        ('wait 1s; after 1s chunk "!"', ["!"], timeline.End(2)),
        ('hang 5s; chunk "a"', [], timeline.Hang(0, 5)),
        ('chunk "a"; fail "b" as "c" param "d"', ["a"], timeline.Fail(0, None, "b", "c", "d")),
    ],
)
def test_after(statements: str, expected: list[str], ending: timeline.Ending) -> None:
    answer = body(statements)
    assert (chunks(answer), answer.ending) == (expected, ending)
    assert all(event.at <= answer.duration for event in answer.events)


@pytest.mark.parametrize(
    ("ending", "event"),
    [
        ("cut", timeline.Cut(0)),
        ("{ reset }", timeline.Reset(0)),
        ("hang 5s", timeline.Hang(0, 5)),
    ],
)
def test_after_bytes(ending: str, event: timeline.Cut | timeline.Reset | timeline.Hang) -> None:
    assert body(f'wait 1s; after 40 bytes {ending}; reply "a"').events[0] == timeline.ByteLimit(1, 40, event)


def test_what_is_nested_too_deeply_is_the_scripts_mistake() -> None:
    class Deep:
        def perform(self, on: Performance) -> None:
            raise RecursionError

    talk = Talk("otherwise hang")
    scope = Scope({}, {}, request(), talk.session, 1, {})
    span = talk.script.table.rules[0].node.span
    with pytest.raises(PerformError, match="a value is nested too deeply"):
        Performance(scope, talk.random).run((), Deep(), span=span)


# -- choices


def test_choices_run_side_by_side() -> None:
    answer = body(
        'chunk "0"; choice { chunk "a"; wait 2s; chunk "b" }'
        'choice { wait 1s; reply "c"; finish length }; chunk "z"'
    )
    order = [(e.at, e.choice, e.text) for e in answer.events if isinstance(e, timeline.Text)]
    assert order == [(0, 0, "0"), (0, 0, "a"), (1, 1, "c"), (2, 0, "b"), (2, 0, "z")]
    assert timeline.Finish(1, "length", choice=1) in answer.events


def test_each_choice_waits_for_its_own_first_token_and_counts_its_own_calls() -> None:
    answer = body("ttft 1s; choice { call f {} } choice { call g {} call h {} }")
    opened = [(e.at, e.choice, e.index) for e in answer.events if isinstance(e, timeline.Call)]
    assert opened == [(1, 0, 0), (1, 1, 0), (1, 1, 1)]


def test_the_first_trouble_ends_all_choices() -> None:
    answer = body(
        'choice { chunk "a"; wait 2s; reset } choice { chunk "b"; wait 1s; cut } choice { wait 3s; chunk "c" }'
    )
    assert answer.ending == timeline.Cut(1)
    assert [event.at for event in answer.events] == [0, 0]


def test_a_choice_that_ends_in_a_block_leaves_its_names_behind() -> None:
    talk = Talk(
        'let who = "outer"\ndefine f(who) { chunk "{{ who }}"; wait 1s; cut }\n'
        'otherwise { choice { use f("inner") } choice { chunk "{{ who }}" } }'
    )
    answer = talk.ask()
    assert (text(answer, 0), text(answer, 1)) == ("inner", "outer")


def test_a_choice_on_its_own() -> None:
    assert text(Talk('otherwise chance 100% choice { reply "a" }').ask()) == "a"


# -- which of it happens


def test_repeat() -> None:
    statements = (
        'repeat 2 { chunk "{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}" }'
    )
    assert chunks(body(statements)) == ["10TrueFalse2", "21FalseTrue2"]
    assert chunks(body('repeat 2 { repeat 2 { chunk "{{ loop.index }}" } chunk "{{ loop.index }}" }')) == list(
        "121122"
    )
    assert chunks(body('repeat 0 { chunk "a" }')) == []


def test_a_sequence_of_each_session() -> None:
    talk = Talk('otherwise { sequence { chunk "a"; chunk "b" } cycle { chunk "1"; chunk "2"; chunk "3" } }')
    assert [talk.say() for _ in range(5)] == ["a1", "b2", "b3", "b1", "b2"]
    assert Talk(talk.script).say() == "a1"


def test_sequences_of_a_block_are_those_of_the_rule_that_uses_it() -> None:
    talk = Talk('define s() { sequence { chunk "a"; chunk "b" } }\nwhen user is "x" use s\notherwise use s')
    assert [talk.say("x"), talk.say("y"), talk.say("x")] == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("steps", "shares"),
    [
        ('chunk "a"; chunk "b"', {"a": 0.5, "b": 0.5}),
        ('75% chunk "a"; 25% chunk "b"', {"a": 0.75, "b": 0.25}),
        ('50% chunk "a"; chunk "b"; chunk "c"', {"a": 0.5, "b": 0.25, "c": 0.25}),
        ('20% chunk "a"', {"a": 0.2, "": 0.8}),
        ('100% chunk "a"; chunk "b"', {"a": 1.0}),
    ],
)
def test_pick(steps: str, shares: dict[str, float]) -> None:
    talk = Talk(f"otherwise pick {{ {steps} }}")
    answers = [talk.say() for _ in range(2000)]
    assert {answer: answers.count(answer) / 2000 for answer in set(answers)} == pytest.approx(shares, abs=0.05)


def test_chance() -> None:
    talk = Talk('otherwise { chance 30% chunk "a"; chance 0% chunk "b"; chance 100% chunk "c" }')
    answers = [talk.say() for _ in range(2000)]
    assert set(answers) == {"ac", "c"}
    assert answers.count("ac") / 2000 == pytest.approx(0.3, abs=0.05)


# -- defaults


def test_defaults() -> None:
    talk = Talk(
        'defaults { ttft 1s; pace 10 tok/s; wait 500ms; usage { input: 7 }; meta { id: "d", a: 1 }\n'
        'header "X-A" "default"; header "x-b" "default {{ user }}" }\n'
        'when user is "own" {\n'
        '  ttft 0ms; pace 2 tok/s; usage { output: 1 }; meta { id: "o" }; header "x-a" "own"; reply "a b"\n}\n'
        'otherwise reply "a b"'
    )
    usual, own = talk.ask("hi"), talk.ask("own")
    assert (times(usual), times(own)) == ([1.5, 1.6], [0.5, 1.0])
    assert usual.headers == (("X-A", "default"), ("x-b", "default hi"))
    assert own.headers == (("x-b", "default own"), ("x-a", "own"))
    assert (usual.usage, own.usage) == ({"input": 7}, {"input": 7, "output": 1})
    assert (usual.meta, own.meta) == ({"id": "d", "a": 1}, {"id": "o", "a": 1})


def test_defaults_can_end_the_answer() -> None:
    answer = Talk('defaults { header "a" "b"; chance 100% fail 503 }\notherwise reply "x"').ask()
    assert (answer.ending, answer.events, answer.headers) == (timeline.Fail(0, 503), (), (("a", "b"),))


@pytest.mark.parametrize(
    ("script", "texts"),
    [
        (
            'define d(x) { after 2 chunks chunk "{{ x }}" } otherwise { use d("V"); reply "a b c" }',
            ["a", " b", "V", " c"],
        ),
        ('otherwise { after 2 chunks finish length; reply "a b c d" }', ["a", " b"]),
        ('otherwise { repeat 3 { sequence { chunk "A"; chunk "B" } } }', ["A", "A", "A"]),
    ],
)
def test_what_a_review_found(script: str, texts: list[str]) -> None:
    assert [event.text for event in Talk(script).ask("x").events if isinstance(event, timeline.Text)] == texts


def test_choices_do_not_touch_each_other() -> None:
    script = """otherwise {
        choice { pace 20 tok/s; after 100ms chunk "late"; reply "a b" }
        choice { wait 200ms; reply "x y" }
    }"""
    events = [event for event in Talk(script).ask("x").events if isinstance(event, timeline.Text)]
    assert {(event.choice, event.text) for event in events if event.text == "late"} == {(0, "late")}
    assert [event.at for event in events if event.choice == 1] == [0.2, 0.2], "the pace is that of the other"


def test_what_is_armed_before_choices_counts_the_chunks_in_the_order_of_time() -> None:
    script = """otherwise {
        after 3 chunks cut clean
        choice { chunk "a"; wait 300ms; chunk "b" }
        choice { wait 100ms; chunk "x"; wait 50ms; chunk "y"; wait 50ms; chunk "z" }
    }"""
    answer = Talk(script).ask("x")
    assert [event.text for event in answer.events if isinstance(event, timeline.Text)] == ["a", "x", "y"]
    assert answer.ending.at == 0.15
