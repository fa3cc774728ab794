"""The headers that tell of rate limits, and what else of a timeline goes past the encoders to the transport."""

from __future__ import annotations

from typing import Any

import pytest

from dsl.timeline import Budget, Cut, End, Fail, Raw, Split, Text, Timeline
from mockllm.apis.headers import rate_limits
from mockllm.apis.replies import bare_parts
from mockllm.transports.frames import Binary, Body, Frame, Stream
from tests.wire import responding
from tests.wire.answering import asked, parts, texts, timeline

LIMIT = Budget("requests", 3, 1, 59.7)
APIS = {"chat": asked, "responses": responding.asked}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0s"),
        (0.0004, "0s"),
        (0.006, "6ms"),
        (0.12, "120ms"),
        (0.9996, "1s"),
        (1.0, "1s"),
        (8.64, "8.64s"),
        (59.7, "59.7s"),
        (60.0, "1m0s"),
        (90.0, "1m30s"),
        (86.4001, "1m26.4s"),
        (360.0, "6m0s"),
        (3600.0, "1h0m0s"),
        (86_399.999, "23h59m59.999s"),
    ],
)
def test_a_duration_is_printed_as_go_does(seconds: float, expected: str) -> None:
    assert dict(rate_limits([Budget("requests", 3, 1, seconds)]))["x-ratelimit-reset-requests"] == expected


def limits(answered: Body | Stream) -> dict[str, str]:
    return {
        name.removeprefix("x-ratelimit-"): value
        for name, value in answered.headers
        if name.startswith("x-ratelimit-")
    }


UNLIMITED = {
    "limit-requests": "10000",
    "limit-tokens": "200000",
    "remaining-requests": "9999",
    "remaining-tokens": "199000",
    "reset-requests": "6ms",
    "reset-tokens": "300ms",
}
LIMITED = {"limit-requests": "3", "remaining-requests": "1", "reset-requests": "59.7s"}


def test_the_headers_come_in_the_order_of_the_real_api() -> None:
    assert [name.removeprefix("x-ratelimit-") for name, _ in rate_limits()] == list(UNLIMITED)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("budgets", "expected"), [((), UNLIMITED), ((LIMIT,), LIMITED)])
def test_an_answer_tells_its_limits(
    api: str, stream: bool, budgets: tuple[Budget, ...], expected: dict[str, str]
) -> None:
    assert limits(APIS[api](timeline(*texts("a"), budgets=budgets), stream=stream)) == expected


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("status", "budgets", "expected"),
    [(429, (), UNLIMITED), (429, (LIMIT,), LIMITED), (500, (LIMIT,), LIMITED), (500, (), {})],
)
def test_an_error_tells_the_limits_that_may_be_why(
    api: str, status: int, budgets: tuple[Budget, ...], expected: dict[str, str]
) -> None:
    assert limits(APIS[api](timeline(ending=Fail(0.0, status), budgets=budgets))) == expected


def test_both_kinds_are_told() -> None:
    told = limits(asked(timeline(*texts("a"), budgets=(Budget("tokens", 100, 0, 0.25), LIMIT))))
    assert told == LIMITED | {"limit-tokens": "100", "remaining-tokens": "0", "reset-tokens": "250ms"}


def test_the_headers_of_a_script_replace_those() -> None:
    own = (("X-RateLimit-Reset-Requests", "never"), ("set-cookie", "a=1"), ("set-cookie", "b=2"))
    headers = asked(timeline(*texts("a"), headers=own, budgets=(LIMIT,))).headers
    assert [field for field in headers if field[0].lower() in ("x-ratelimit-reset-requests", "set-cookie")] == [
        *own
    ]


SPLIT = Split(every=3)
HELLO = Text(0.0, "Hello")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("performed", "parameters"),
    [
        (timeline(HELLO, split=SPLIT), {}),
        (timeline(HELLO, split=SPLIT), {"stream": True}),
        (timeline(ending=Fail(0.0, 500), split=SPLIT), {}),
        (timeline(ending=Fail(0.0, 500), split=SPLIT), {"stream": True}),
        (timeline(Raw(0.0, b"raw"), split=SPLIT), {}),
    ],
)
def test_a_split_passes_to_the_transport(api: str, performed: Timeline, parameters: dict[str, Any]) -> None:
    assert APIS[api](performed, **parameters).split == SPLIT


def test_a_split_passes_to_the_transport_of_what_is_in_the_background() -> None:
    assert responding.asked(timeline(HELLO, split=SPLIT), background=True).split == SPLIT


def test_binary_bytes_are_a_binary_message() -> None:
    performed = timeline(Raw(0.0, b"\xff", binary=True), Raw(1.0, b"text"), ending=End(2.0))
    expected = [Binary(0.0, b"\xff"), Frame(1.0, b"text"), End(2.0)]
    assert list(bare_parts(performed)) == expected
    assert parts(performed) == expected
    assert responding.parts(performed) == expected


@pytest.mark.parametrize("api", APIS)
def test_a_cut_before_a_word_leaves_the_head_alone(api: str) -> None:
    answered = APIS[api](timeline(ending=Cut(1.0)), stream=True)
    assert isinstance(answered, Stream)
    assert [part for part in answered.parts if isinstance(part, Frame | Cut)] == [Frame(1.0, b""), Cut(1.0)]
