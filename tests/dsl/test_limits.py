"""Rate limits: what a bucket holds, what a refusal says, what is left behind an answer."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from dsl import Script, compile_fault, compile_text
from dsl.limits import spoken
from dsl.request import Request
from dsl.session import Session
from dsl.timeline import Budget, End, Fail, Timeline
from tests.dsl.performing import NOON, request, text


class Client:
    """Asks a script at times of its own."""

    def __init__(self, script: str, session: Session | None = None) -> None:
        self.script: Script = compile_text(script)
        self.session = session or Session()
        self.time = 1000.0

    def ask(self, user: str = "hi", *, after: float = 0.0, **fields: Any) -> Timeline:
        self.time += after
        asked = request(user, model="gpt-4o-mini", **fields)
        return self.perform(asked)

    def perform(self, asked: Request, fault: str | None = None) -> Timeline:
        match = self.script.table.first(asked, self.session)
        assert match is not None
        return self.script.perform(
            match,
            asked,
            self.session,
            lambda: Random(1),
            lambda: NOON,
            fault=compile_fault(fault) if fault else None,
            clock=lambda: self.time,
        )


def tokens_of(user: str) -> int:
    return request(user).messages.tokens


THREE = 'otherwise { limit 3 requests per 1m; reply "yes" }'


def test_requests() -> None:
    client = Client(THREE)
    for left in (2, 1, 0):
        answer = client.ask()
        assert text(answer) == "yes"
        assert answer.budgets == (Budget("requests", 3, left, 20.0 * (3 - left)),)
    refused = client.ask()
    assert refused.events == ()
    assert refused.ending == Fail(
        0,
        429,
        "Rate limit reached for gpt-4o-mini in organization org-mock on requests per min (RPM): Limit 3, Used 3, "
        "Requested 1. Please try again in 20s.",
        "rate_limit_exceeded",
        retry_after=20.0,
    )
    assert refused.budgets == (Budget("requests", 3, 0, 60.0),)


def test_it_is_refilled_all_the_time() -> None:
    client = Client(THREE)
    for _ in range(3):
        client.ask()
    refused = client.ask(after=19.9)
    assert isinstance(refused.ending, Fail) and refused.ending.retry_after == 0.1
    assert refused.ending.message is not None and refused.ending.message.endswith("Please try again in 100ms.")
    assert text(client.ask(after=0.1)) == "yes"
    assert isinstance(client.ask().ending, Fail)
    assert client.ask(after=3600).budgets == (Budget("requests", 3, 2, 20.0),)  # it holds no more than three


@pytest.mark.parametrize("script", [THREE, 'otherwise { limit 7 requests per 13s; reply "yes" }'])
def test_a_client_that_waits_as_told_is_served(script: str) -> None:
    client = Client(script)
    for _ in range(40):
        answer = client.ask()
        if isinstance(answer.ending, Fail):
            assert answer.ending.retry_after is not None
            answer = client.ask(after=answer.ending.retry_after)
        assert text(answer) == "yes"


def test_a_clock_that_stands_still_or_is_behind_refills_nothing() -> None:
    client = Client(THREE)
    for _ in range(3):
        client.ask()
    assert isinstance(client.ask(after=-500).ending, Fail)


def test_tokens_of_question_and_answer() -> None:
    client = Client(
        'otherwise { limit 100 tokens per 10s; think "a b"; call f { x: 1 }; refuse "c"; reply "d e f" }'
    )
    needed = tokens_of("hi")
    answer = client.ask()
    (budget,) = answer.budgets
    assert budget.kind == "tokens" and budget.limit == 100
    # Two of the thought, one of the name, some of the arguments, one refusal, three of the text.
    assert 100 - needed - 7 > budget.remaining > 100 - needed - 20
    assert budget.reset == pytest.approx((100 - budget.remaining) / 10)


def test_usage_of_the_script_is_charged() -> None:
    client = Client('otherwise { limit 100 tokens per 10s; usage { output: 50 }; reply "a b c" }')
    assert client.ask().budgets[0].remaining == 50 - tokens_of("hi")


def test_an_answer_may_leave_a_debt() -> None:
    client = Client('otherwise { limit 100 tokens per 10s; usage { output: 290 }; reply "a" }')
    needed = tokens_of("hi")
    assert client.ask().budgets == (Budget("tokens", 100, 0, (290 + needed) / 10),)
    refused = client.ask()
    assert isinstance(refused.ending, Fail)
    assert refused.ending.retry_after == pytest.approx((190 + 2 * needed) / 10)
    again = spoken((190 + 2 * needed) / 10)
    expected = f"on tokens per 10s: Limit 100, Used 100, Requested {needed}. Please try again in {again}."
    assert refused.ending.message is not None and refused.ending.message.endswith(expected)
    assert isinstance(client.ask(after=refused.ending.retry_after or 0).ending, End)


def test_a_request_that_never_passes() -> None:
    client = Client('otherwise { limit 10 tokens per 1m; reply "a" }')
    needed = tokens_of("word " * 50)
    answer = client.ask("word " * 50)
    assert answer.ending == Fail(
        0,
        429,
        "Request too large for gpt-4o-mini in organization org-mock on tokens per min (TPM): Limit 10, Requested "
        f"{needed}. The input or output tokens must be reduced in order to run successfully.",
        "rate_limit_exceeded",
    )
    assert answer.budgets == (Budget("tokens", 10, 10, 0.0),)  # nothing was taken


def test_the_tightest_of_each_kind_is_told() -> None:
    client = Client(
        "defaults { limit 100 requests per 1h; limit 1000 tokens per 1m }\n"
        "otherwise { limit 4 requests per 10s; fail 400 }"
    )
    answer = client.ask()
    assert answer.ending == Fail(0, 400)
    assert answer.budgets == (
        Budget("requests", 4, 3, 2.5),
        Budget("tokens", 1000, 1000 - tokens_of("hi"), round(tokens_of("hi") * 0.06, 3)),
    )


def test_there_is_always_something_to_wait_for() -> None:
    client = Client('otherwise { limit 1 request per 1us; reply "a" }')
    client.ask()
    ending = client.ask().ending
    assert isinstance(ending, Fail) and ending.retry_after == 0.001


def test_a_looser_limit_is_not_told() -> None:
    answer = Client('otherwise { limit 4 requests per 10s; limit 9 requests per 1h; reply "a" }').ask()
    assert answer.budgets == (Budget("requests", 4, 3, 2.5),)


def test_each_session_and_each_statement_has_its_own() -> None:
    script = (
        'when user is "a" { limit 1 request per 1m; reply "A" }\notherwise { limit 1 request per 1m; reply "B" }'
    )
    client = Client(script)
    assert [text(client.ask(user)) for user in ("a", "b", "a", "b")] == ["A", "B", "", ""]
    assert text(Client(script, Session("other")).ask("a")) == "A"


def test_in_defaults_and_by_chance() -> None:
    client = Client('defaults { header "x" "y"; chance 100% { limit 1 request per 1m } }\notherwise reply "yes"')
    assert text(client.ask()) == "yes"
    refused = client.ask()
    assert isinstance(refused.ending, Fail) and refused.headers == (("x", "y"),)


def test_what_is_refused_takes_nothing() -> None:
    client = Client('otherwise { limit 60 tokens per 1m; usage { output: 0 }; reply "a" }')
    short, long = tokens_of("hi"), tokens_of("word " * 48)
    assert short + long > 60 > long
    client.ask()
    assert isinstance(client.ask("word " * 48).ending, Fail)
    assert client.ask().budgets[0].remaining == 60 - 2 * short


def test_a_limit_that_is_repeated_takes_each_time() -> None:
    answer = Client('otherwise repeat 3 { limit 2 requests per 1s; chunk "a" }').ask()
    assert text(answer) == "aa" and isinstance(answer.ending, Fail)
    assert answer.budgets == (Budget("requests", 2, 0, 1.0),)


def test_without_a_model() -> None:
    client = Client('otherwise { limit 1 request per 24h; reply "a" }')
    asked = request("hi")
    client.perform(asked)
    ending = client.perform(asked).ending
    assert isinstance(ending, Fail) and ending.message is not None
    assert ending.message.startswith(
        "Rate limit reached for this model in organization org-mock on requests per day "
    )
    assert ending.message.endswith("(RPD): Limit 1, Used 1, Requested 1. Please try again in 24h0m0s.")


@pytest.mark.parametrize(
    ("period", "called"),
    [("1s", "sec (RPS)"), ("60s", "min (RPM)"), ("1h", "hour (RPH)"), ("90s", "1m30s"), ("500ms", "500ms")],
)
def test_periods(period: str, called: str) -> None:
    client = Client(f'otherwise {{ limit 1 request per {period}; reply "a" }}')
    client.ask()
    ending = client.ask().ending
    assert isinstance(ending, Fail) and f"on requests per {called}:" in str(ending.message)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.001, "1ms"), (0.12, "120ms"), (1, "1s"), (8.64, "8.64s"), (59.999, "59.999s"), (360, "6m0s"),
     (3661.5, "1h1m1.5s"), (86400, "24h0m0s")],
)  # fmt: skip
def test_spoken(seconds: float, expected: str) -> None:
    assert spoken(seconds) == expected
