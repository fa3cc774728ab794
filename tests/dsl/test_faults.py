"""Faults in front of an answer, given from outside of the script."""

from __future__ import annotations

from random import Random

import pytest

from dsl import ScriptError, compile_fault, compile_text, timeline
from dsl.session import Session
from dsl.timeline import Timeline
from tests.dsl.performing import NOON, chunks, request, text, times

SCRIPT = compile_text(
    'defaults { header "X" "default"; wait 1s }\notherwise { header "y" "rule"; reply "a b c d" }'
)


def answer(fault: str) -> Timeline:
    asked = request("hi", model="gpt-4o")
    match = SCRIPT.table.first(asked, Session())
    assert match is not None
    return SCRIPT.perform(match, asked, Session(), lambda: Random(1), lambda: NOON, fault=compile_fault(fault))


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        ("429", timeline.Fail(1, 429)),
        (" 503 ", timeline.Fail(1, 503)),
        ("reset", timeline.Reset(1)),
        ("fail 429 retry after 2s", timeline.Fail(1, 429, retry_after=2)),
        ('fail 500 "{{ model }}"', timeline.Fail(1, 500, "gpt-4o")),
        ("wait 2s; hang", timeline.Hang(3)),
        ("wait 2s hang 5s", timeline.Hang(3, 5)),
        ("chance 100% { cut clean }", timeline.Cut(1, clean=True)),
    ],
)
def test_it_ends_the_answer(fault: str, ending: timeline.Ending) -> None:
    given = answer(fault)
    assert (given.ending, given.events, given.headers) == (ending, (), (("X", "default"),))


def test_it_closes_a_socket_and_nothing_else() -> None:
    assert compile_fault("close 1011", socket=True)
    with pytest.raises(ScriptError) as error:
        compile_fault("close 1011")
    assert [found.code for found in error.value.diagnostics] == ["E221"]


def test_it_goes_on_with_the_body() -> None:
    cut = answer("after 3 chunks cut")
    assert chunks(cut) == ["a", " b", " c"] and cut.ending == timeline.Cut(1)
    slow = answer("ttft 2s; pace 10 tok/s; split every 1 byte; status 206; comment 'late'; raw \"\\xff\"")
    assert times(slow) == [3, 3.1, 3.2, 3.3]
    assert (slow.split, slow.status) == (timeline.Split(every=1), 206)
    assert slow.events[:2] == (timeline.Comment(1, "late"), timeline.Raw(1, b"\xff"))
    assert text(answer("chance 0% fail")) == "a b c d"


def test_its_headers_replace_the_defaults_and_the_rules_replace_its() -> None:
    assert answer('header "x" "fault"; header "Y" "fault"').headers == (("x", "fault"), ("y", "rule"))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("", "E105"),
        ("  # nothing", "E105"),
        ("restart", "E105"),
        ("wait", "E105"),
        ("reset }", "E104"),
        ('} when user reply "x"', "E104"),
        ("\x00", "E101"),
        ('raw "\\q"', "E108"),
        ("chance 5% " * 120 + "hang", "E110"),
        ("wait later", "E203"),
        ("fail 200", "E211"),
        ("200", "E211"),
        ("split every 0 bytes", "E211"),
        ('fail "{{ weather }}"', "E301"),
        ('reply "x"', "E222"),
        ('after 2 chunks { wait 1s; reply "x" }', "E222"),
        ("chance 5% limit 1 request per 1m", "E222"),
        ("remember a = 1", "E222"),
    ],
)
def test_what_is_no_fault(fault: str, code: str) -> None:
    with pytest.raises(ScriptError) as caught:
        compile_fault(fault)
    assert code in [diagnostic.code for diagnostic in caught.value.diagnostics]
    assert all(diagnostic.primary.span.source.name == "fault" for diagnostic in caught.value.diagnostics)


def test_the_same_fault_is_compiled_once() -> None:
    assert compile_fault("after 7 chunks cut") is compile_fault("after 7 chunks cut")
