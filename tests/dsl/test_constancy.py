"""A body that does the same every time is performed once; one that looks at anything else, each time."""

from __future__ import annotations

from functools import partial

import pytest

from dsl.constancy import Constants
from dsl.timeline import MOST_KEPT, End, Text, Timeline
from tests.dsl.performing import Talk

SAME = [
    'otherwise reply "Hello." in 2 chunks',
    'otherwise { ttft 1s; pace 10 tok/s; think "Hm."; reply {"a": [1, 2]} }',
    'let greeting = "Hi"\notherwise reply "{{ greeting }}!"',
    'define say(what) { reply "{{ what }}" }\notherwise use say("x")',
    'otherwise repeat 2 { reply "{{ loop.index }}" }',
    'otherwise call get_weather {"city": "Paris"}',
    'otherwise { after 2 chunks cut; reply "a b c d" }',
    'otherwise fail 429 "Slow down." retry after 2s',
    'defaults { header "x-mine" "1" }\notherwise reply "a"',
]
VARYING = [
    'otherwise reply "{{ user }}"',
    'otherwise reply "{{ uuid() }}"',
    'otherwise reply "{{ now() }}"',
    'otherwise reply "{{ nth }}"',
    'otherwise sequence { reply "a" reply "b" }',
    'otherwise pick { reply "a" reply "b" }',
    'otherwise { chance 50% fail 500; reply "a" }',
    'otherwise { wait 1s..2s; reply "a" }',
    'otherwise { pace 10 tok/s ±10%; reply "a b c" }',
    'otherwise { limit 10 requests per 1m; reply "a" }',
    'otherwise { remember x = 1; reply "a" }',
    'otherwise { logprobs 1; reply "a" }',
    'when user matches /my (?<thing>\\w+)/ reply "Your {{ thing }}."',
    'define say(what) { reply "{{ what }}" }\notherwise use say("{{ user }}")',
]


def answers(script: str) -> list[Timeline]:
    talk = Talk(script)
    return [talk.ask("my cat") for _ in range(3)]


@pytest.mark.parametrize("script", SAME)
def test_what_does_the_same_is_performed_once(script: str) -> None:
    first, second, third = answers(script)
    assert first is second is third and first.kept == {}


@pytest.mark.parametrize("script", VARYING)
def test_what_looks_at_anything_else_is_performed_each_time(script: str) -> None:
    first, second, third = answers(script)
    assert first is not second is not third and first.kept is None


def test_what_is_kept_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsl.constancy.MOST_EVENTS", 10)
    constants = Constants()
    makers = [object() for _ in range(5)]
    for maker in makers:
        constants.keep(Timeline((Text(0.0, "a"), Text(0.0, "b")), End(0.0)), maker)
    assert [constants.get(maker) is not None for maker in makers] == [False, False, False, True, True]


def test_what_is_kept_is_told_apart_by_how_it_was_made() -> None:
    constants, maker = Constants(), object()
    for how in (True, False):
        assert constants.get(maker, how) is None
        constants.keep(Timeline((), End(float(how))), maker, how)
    assert [timeline.duration for how in (True, False) if (timeline := constants.get(maker, how))] == [1.0, 0.0]
    assert constants.get(object(), True) is None


def test_what_is_made_of_a_timeline_is_made_once_if_it_is_kept() -> None:
    made: list[str] = []

    def make(what: str) -> int:
        made.append(what)
        return len(made)

    timeline = Timeline((), End(0.0))
    assert [timeline.once("a", lambda: make("a")) for _ in range(2)] == [1, 2]
    timeline.remember()
    assert [timeline.once(key, lambda: make("b")) for key in "aab"] == [3, 3, 4]


def test_of_what_is_made_of_a_timeline_not_all_is_kept_for_ever() -> None:
    timeline = Timeline((), End(0.0))
    timeline.remember()
    for number in range(3 * MOST_KEPT):
        assert timeline.once(number, partial(int, number)) == number
    assert timeline.kept is not None and len(timeline.kept) <= MOST_KEPT
