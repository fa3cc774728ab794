"""Made-up log probabilities."""

from __future__ import annotations

import math

import pytest

from dsl import timeline
from tests.dsl.performing import Talk

SENTENCE = "Each of these tokens comes with alternatives, lorem ipsum."


def said(statements: str) -> list[timeline.Text]:
    return [
        event for event in Talk(f"otherwise {{ {statements} }}").ask().events if isinstance(event, timeline.Text)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 5, 20])
@pytest.mark.parametrize("chunks", ["", "in 3 chunks"])
def test_every_token_is_weighed(count: int, chunks: str) -> None:
    events = said(f'logprobs {count}; reply "{SENTENCE}" {chunks}')
    assert events
    for event in events:
        assert event.logprobs is not None
        assert "".join(each.token for each in event.logprobs) == event.text
        for each in event.logprobs:
            assert math.log(0.5) <= each.logprob <= 0
            assert len(each.top) == count == len({token for token, _ in each.top})
            assert each.top[:1] == ((each.token, each.logprob),)[:count]
            values = [logprob for _, logprob in each.top]
            assert values == sorted(values, reverse=True)
            assert sum(map(math.exp, values)) <= 1 + 1e-6


def test_from_here_on() -> None:
    before, own, after, nothing = said('chunk "a"; logprobs 2; chunk "b" logprob -3; chunk "c"; chunk ""')
    assert before.logprobs is None
    assert own.logprobs == (timeline.TokenLogprob("b", -3),)
    assert after.logprobs is not None and len(after.logprobs[0].top) == 2
    assert nothing.logprobs == ()


def test_each_choice_has_its_own() -> None:
    first, second = said('choice { logprobs 1; chunk "a" } choice { chunk "b" }')
    assert first.logprobs is not None and second.logprobs is None


def test_only_texts_are_weighed_and_the_seed_decides() -> None:
    talk = 'logprobs 3; think "a"; refuse "b"; call f {}; reply "c d"'
    assert said(talk) == said(talk)
