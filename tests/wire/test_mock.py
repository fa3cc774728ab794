"""What requests can ask of the mock itself by headers, the speed of its clock, and what its journal then tells."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from dsl import compile_text
from dsl.request import Headers
from dsl.timeline import ByteLimit, ByteRate, Cut, End, Fail, Hang, Reset, Text, Timeline
from mockllm.apis.endpoints import Chat
from mockllm.apis.serialise import compact
from mockllm.journal import Entry, Journal
from mockllm.mock import Mock
from mockllm.plan import Plan, in_header
from mockllm.responses_api import Responses
from mockllm.settings import SettingError, Settings, clock_speed
from mockllm.transports.frames import Body, Frame, Part, Reply, Stream

SCRIPT = """
when user is "slow" { ttft 1s; chunk "Hel"; wait 250ms; chunk "lo"; wait 1750ms }
when user is "dice" { reply "{{ random(1, 1000000) }} {{ uuid() }}" }
when user is "many" { repeat 250 { wait 1ms; chunk "a" } }
when user is "hang" { chunk "a"; hang }
when user is "drip" { pace 10 byte/s; chunk "a"; hang 5s }
when user is "limited" { limit 3 requests per 60s; reply "ok" }
"""


class Asked:
    """A mock, asked without a server."""

    def __init__(self, script: str = SCRIPT, **settings: Any) -> None:
        self.journal = Journal(10)
        self.mock = Mock("", compile_text(script), Settings(**{"seed": 7, **settings}), self.journal)

    def chat(
        self, user: str, *, stream: bool = False, method: str = "POST", number: int = 1, **headers: str
    ) -> Reply:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": user}], "stream": stream}
        fields = Headers((name.replace("_", "-"), value) for name, value in headers.items())
        reply, self.entry = self.mock.answer(
            Chat(), method, "/v1/chat/completions", {}, fields, compact(body).encode(), number=number
        )
        return reply

    def responses(self, user: str, **headers: str) -> Reply:
        fields = Headers((name.replace("_", "-"), value) for name, value in headers.items())
        body = compact({"model": "gpt-4o", "input": user}).encode()
        api = Responses(self.mock.archive.shelf("k"), 0.0)
        reply, self.entry = self.mock.answer(api, "POST", "/v1/responses", {}, fields, body)
        return reply

    entry: Entry

    @property
    def journaled(self) -> dict[str, Any]:
        return self.journal.entries()[-1]


def whole(reply: Reply) -> tuple[Any, ...]:
    """All that a reply is."""
    if isinstance(reply, Stream):
        return reply.status, reply.headers, tuple(reply.parts)
    return reply.status, reply.headers, reply.data


def parts(reply: Reply) -> list[Part]:
    assert isinstance(reply, Stream)
    return list(reply.parts)


# -- the seed ---------------------------------------------------------------------------------------------------


def test_the_journal_tells_the_seed() -> None:
    asked = Asked()
    asked.chat("dice", x_mockllm_session="mine")
    asked.chat("dice", x_mockllm_session="mine")
    assert [entry["seed"] for entry in asked.journal.entries()] == ["7/mine/1", "7/mine/2"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_seed_of_the_journal_gives_the_same_answer(stream: bool) -> None:
    asked = Asked()
    first = whole(asked.chat("dice", stream=stream, x_mockllm_session="mine"))
    other = whole(asked.chat("dice", stream=stream, x_mockllm_session="mine"))
    again = whole(asked.chat("dice", stream=stream, x_mockllm_session="yours", x_mockllm_seed="7/mine/1"))
    assert again == first != other
    assert asked.journaled["seed"] == "7/mine/1"


def test_a_seed_of_the_clients_own() -> None:
    asked = Asked()
    first = whole(asked.chat("dice", x_mockllm_seed="any text"))
    assert whole(Asked(seed=8).chat("dice", x_mockllm_seed="any text")) == first
    assert whole(asked.chat("dice", x_mockllm_seed="another")) != first
    assert asked.journaled["seed"] == "another"


def test_the_seed_decides_refusals_too() -> None:
    asked = Asked()
    first = whole(asked.chat("nobody answers this", x_mockllm_seed="s"))
    assert first[0] == 404
    assert whole(asked.chat("nobody answers this", x_mockllm_seed="s")) == first


def test_the_answers_on_a_socket_have_seeds_of_their_own() -> None:
    asked = Asked()
    for number in (1, 2):
        asked.chat("dice", method="WS", number=number, x_mockllm_seed="s")
    assert [entry["seed"] for entry in asked.journal.entries()] == ["s", "s/2"]


def test_an_empty_header_is_none() -> None:
    asked = Asked(faults=True)
    reply = asked.chat("slow", x_mockllm_seed="", x_mockllm_fault="", x_mockllm_plan="")
    assert reply.status == 200
    assert asked.journaled["seed"] == "7/default/1"
    assert "x-mockllm-plan" not in dict(reply.headers)


# -- the plan ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_the_plan_of_an_answer(stream: bool) -> None:
    asked = Asked()
    assert (
        dict(asked.chat("slow", stream=stream, x_mockllm_plan="1").headers)["x-mockllm-plan"] == "1000,1250,3000"
    )
    assert (asked.journaled["plan"], asked.journaled["planned"]) == ([1.0, 1.25], 3.0)


def test_nobody_is_told_a_plan_that_did_not_ask() -> None:
    asked = Asked()
    assert "x-mockllm-plan" not in dict(asked.chat("slow").headers)
    assert asked.journaled["plan"] == [1.0, 1.25]
    assert "x-mockllm-plan" not in dict(asked.chat("slow", method="WS", x_mockllm_plan="1").headers)


def test_a_long_plan_is_cut_short() -> None:
    asked = Asked()
    told = dict(asked.chat("many", x_mockllm_plan="1").headers)["x-mockllm-plan"].split(",")
    assert told == [*(str(number) for number in range(1, 100)), "...", "250"]
    assert asked.journaled["plan"] == [number / 1000 for number in range(1, 251)]


@pytest.mark.parametrize(("count", "length"), [(0, 1), (99, 100), (100, 101), (101, 101)])
def test_the_length_of_a_plan(count: int, length: int) -> None:
    told = in_header(Timeline((Text(0.0, "a"),) * count, End(1.0))).split(",")
    assert (len(told), told[-1], told.count("...")) == (length, "1000", int(count > 99))


def test_the_journal_keeps_no_endless_plan() -> None:
    assert len(Plan(Timeline((Text(0.0, "a"),) * 5_000, End(1.0))).seconds()) == 1_000


def test_what_has_no_plan() -> None:
    asked = Asked()
    assert "x-mockllm-plan" not in dict(asked.chat("nobody answers this", x_mockllm_plan="1").headers)
    assert asked.journaled["plan"] is None


# -- trouble ----------------------------------------------------------------------------------------------------


def test_trouble_in_front_of_an_answer() -> None:
    asked = Asked(faults=True)
    assert asked.chat("slow", x_mockllm_fault="429").status == 429
    assert asked.chat("slow", x_mockllm_fault='fail 503 "Not now." retry after 2s').status == 503
    assert asked.responses("slow", x_mockllm_fault="500").status == 500
    assert (asked.journaled["note"], asked.journaled["error"]) == (None, None)
    *_, ending = parts(asked.chat("slow", stream=True, x_mockllm_fault="after 1 chunks reset"))
    assert ending == Reset(1.0)
    delayed = asked.chat("slow", x_mockllm_fault="wait 2s")
    assert isinstance(delayed, Body)
    assert delayed.ending == End(5.0)


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("explode", "Invalid 'x-mockllm-fault': "),
        ("cut 3", "Invalid 'x-mockllm-fault': "),
        ("fail 9000", "Invalid 'x-mockllm-fault': "),
        ('reply "Hi"', "Invalid 'x-mockllm-fault': `reply` stands in a fault (a fault is trouble or time, "),
    ],
)
def test_trouble_that_makes_no_sense(api: str, fault: str, told: str) -> None:
    asked = Asked(faults=True)
    reply = getattr(asked, api)("slow", x_mockllm_fault=fault)
    assert reply.status == 400
    assert b'"param": "x-mockllm-fault"' in reply.data
    assert b'"code": "invalid_value"' in reply.data
    assert asked.journaled["error"].startswith(told)
    assert asked.journaled["error"].encode()[:40] in reply.data


def test_trouble_that_is_not_switched_on_is_ignored_but_not_silently() -> None:
    asked = Asked()
    reply = asked.chat("slow", x_mockllm_fault="429")
    assert (reply.status, dict(reply.headers)["x-mockllm-fault"]) == (200, "ignored")
    assert asked.journaled["error"] is None
    assert asked.journaled["note"] == (
        "The header x-mockllm-fault was ignored: faults by header are not switched on."
    )


def test_trouble_takes_no_turn_from_other_answers() -> None:
    script = 'when user is "turns" sequence { reply "one"; reply "two" }'
    asked = Asked(script, faults=True)
    asked.chat("turns", x_mockllm_fault="500")
    reply = asked.chat("turns")
    assert isinstance(reply, Body)
    assert b'"content": "one"' in reply.data


# -- the clock --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "times"), [(1.0, [1.0, 1.25, 3.0]), (10.0, [0.1, 0.125, 0.3]), (0.5, [2, 2.5, 6]), (inf, [0, 0, 0])]
)
def test_the_speed_of_the_clock(speed: float, times: list[float]) -> None:
    asked = Asked(speed=speed)
    found = [part.at for part in parts(asked.chat("slow", stream=True)) if isinstance(part, Frame)]
    assert sorted(set(found)) == sorted(set(times))
    assert (asked.journaled["planned"], asked.journaled["plan"]) == (3.0, [1.0, 1.25])
    assert dict(asked.chat("slow", x_mockllm_plan="1").headers)["x-mockllm-plan"] == "1000,1250,3000"


@pytest.mark.parametrize(("speed", "rate", "seconds"), [(2.0, 20.0, 2.5), (inf, None, 0.0)])
def test_what_else_is_faster(speed: float, rate: float | None, seconds: float) -> None:
    dripping, *_, ending = parts(Asked(speed=speed).chat("drip", stream=True))
    assert dripping == ByteRate(0.0, rate)
    assert isinstance(ending, Hang)
    assert ending.seconds == seconds


def test_what_stays_as_it_is_at_any_speed() -> None:
    asked = Asked(speed=inf)
    assert parts(asked.chat("hang", stream=True))[-1] == Hang(0.0, None)
    limit = Timeline((ByteLimit(4.0, 7, Cut(4.0)),), Fail(6.0, 429, retry_after=8.0))
    assert limit.faster(2.0) == Timeline((ByteLimit(2.0, 7, Cut(2.0)),), Fail(3.0, 429, retry_after=8.0))
    assert limit.faster(1.0) is limit


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 2.0), (4.0, 8.0), (inf, 2.0)])
def test_the_seconds_of_the_script(speed: float, seconds: float) -> None:
    mock = Asked(speed=speed).mock
    assert mock.script_seconds(2.0) == seconds
    assert mock.real_seconds(seconds) == 2.0


def test_rate_limits_go_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three a minute are one in 20 seconds, which at ten times the speed are two."""
    now = 1000.0
    monkeypatch.setattr("dsl.session.Session.clock", lambda session: now)
    asked = Asked(speed=10.0)
    told = [dict(asked.chat("limited").headers)["x-ratelimit-remaining-requests"] for _ in range(3)]
    assert told == ["2", "1", "0"]
    refused = asked.chat("limited")
    assert refused.status == 429
    headers = dict(refused.headers)
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("3", "0")
    assert headers["x-ratelimit-reset-requests"] == "1m0s"
    assert headers["retry-after"] == "20"
    now += 2.0
    assert [asked.chat("limited").status for _ in range(2)] == [200, 429]


# -- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "speed"),
    [
        ({}, 1.0),
        ({"MOCKLLM_SPEED": "2.5"}, 2.5),
        ({"MOCKLLM_CLOCK": "real", "MOCKLLM_SPEED": "3"}, 3.0),
        ({"MOCKLLM_CLOCK": "instant"}, inf),
    ],
)
def test_the_clock_of_the_environment(environ: dict[str, str], speed: float) -> None:
    assert Settings.from_environ(environ).speed == speed


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"MOCKLLM_SPEED": "fast"}, "MOCKLLM_SPEED is a number, not 'fast'"),
        ({"MOCKLLM_SPEED": "0"}, "the speed of the clock is above 0 and at most 1,000,000, not 0"),
        ({"MOCKLLM_SPEED": "1e7"}, "the speed of the clock is above 0 and at most 1,000,000, not 1e+07"),
        ({"MOCKLLM_SPEED": "nan"}, "the speed of the clock is above 0 and at most 1,000,000, not nan"),
        ({"MOCKLLM_CLOCK": "virtual"}, "a clock is `real` or `instant`, not 'virtual'"),
        ({"MOCKLLM_CLOCK": "instant", "MOCKLLM_SPEED": "2"}, "a clock that is `instant` has no speed"),
    ],
)
def test_clocks_that_make_no_sense(environ: dict[str, str], told: str) -> None:
    with pytest.raises(SettingError) as error:
        Settings.from_environ(environ)
    assert str(error.value).startswith(told)


@pytest.mark.parametrize(("value", "faults"), [("1", True), ("0", False), ("", False)])
def test_the_faults_of_the_environment(value: str, faults: bool) -> None:
    assert Settings.from_environ({"MOCKLLM_FAULTS": value}).faults is faults
    assert Settings.from_environ({}).faults is False


def test_a_clock_and_a_speed() -> None:
    assert (clock_speed("real", None), clock_speed("instant", None), clock_speed(None, 4.0)) == (1.0, inf, 4.0)
