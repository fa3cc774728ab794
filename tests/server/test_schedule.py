"""The schedule: what is due wakes in its order, never early, and one timer is enough."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import gevent
import pytest
from gevent.hub import get_hub

from mockllm.transports.clock import monotonic
from mockllm.transports.schedule import Alarm, Schedule, Sleeper, schedule


@pytest.fixture
def alarms() -> Schedule:
    return Schedule(get_hub())


def ringing(alarms: Schedule, delays: list[float]) -> tuple[list[tuple[int, float]], list[Alarm]]:
    """Alarms after so many seconds, and which of them ring how late."""
    rung: list[tuple[int, float]] = []
    began = monotonic()

    def ring(number: int, due: float) -> None:
        rung.append((number, monotonic() - due))

    return rung, [
        alarms.at(began + delay, partial(ring, number, began + delay)) for number, delay in enumerate(delays)
    ]


def test_what_is_due_rings_in_the_order_of_its_time_and_never_early(alarms: Schedule) -> None:
    rung, _ = ringing(alarms, [0.030, 0.010, 0.020, 0.010, 0.0, -1.0])
    gevent.sleep(0.060)
    assert [number for number, _ in rung] == [5, 4, 1, 3, 2, 0]
    assert all(late >= 0 for _, late in rung)


def test_what_is_called_off_does_not_ring(alarms: Schedule) -> None:
    before = get_hub().loop.activecnt
    rung, made = ringing(alarms, [0.005, 0.005, 3600.0])
    for alarm in (made[0], made[2]):
        alarms.call_off(alarm)
        alarms.call_off(alarm)
    gevent.sleep(0.020)
    assert [number for number, _ in rung] == [1]
    assert get_hub().loop.activecnt == before  # nor does a timer wait for it


def test_an_alarm_may_set_and_call_off_others(alarms: Schedule) -> None:
    rung: list[str] = []
    now = monotonic()
    second = alarms.at(now, partial(rung.append, "second"))

    def first() -> None:
        rung.append("first")
        alarms.call_off(second)
        alarms.at(now, partial(rung.append, "third"))

    second.ring, ring = first, second.ring
    assert ring is not None
    alarms.at(now, ring)
    gevent.sleep(0.020)
    assert rung == ["first", "second", "third"]


def test_one_that_fails_keeps_no_other_from_ringing(alarms: Schedule, capfd: pytest.CaptureFixture[str]) -> None:
    now = monotonic()
    alarms.at(now, lambda: 1 / 0)
    rung: list[int] = []
    alarms.at(now, partial(rung.append, 1))
    gevent.sleep(0.020)
    assert rung == [1]
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_thread_has_one_schedule() -> None:
    assert schedule() is schedule()
    assert gevent.spawn(schedule).get() is schedule()


def awake(sleep: Callable[[Sleeper], object], wake: Callable[[Sleeper], object]) -> bool:
    """Whether a greenlet that sleeps so is woken so."""
    sleeper = Sleeper()
    sleeping = gevent.spawn(sleep, sleeper)
    gevent.sleep(0)
    wake(sleeper)
    sleeping.join(5)
    return bool(sleeping.successful())


def test_a_sleep_ends_at_its_time() -> None:
    assert awake(lambda sleeper: sleeper.sleep(monotonic() + 0.005), lambda sleeper: None)


def test_a_sleep_without_an_end_ends_when_somebody_wakes_it() -> None:
    assert awake(lambda sleeper: sleeper.sleep(None), lambda sleeper: sleeper.wake_soon())
    assert awake(lambda sleeper: sleeper.sleep(None), lambda sleeper: get_hub().loop.run_callback(sleeper.wake))


def test_who_is_killed_is_not_woken_any_more() -> None:
    sleeper = Sleeper()
    sleeping = gevent.spawn(sleeper.sleep, monotonic() + 0.005)
    gevent.sleep(0)
    sleeping.kill()
    sleeper.wake()
    sleeper.wake_soon()
    gevent.sleep(0.020)
    assert sleeping.dead


def test_a_pause_lets_the_others_have_their_turn() -> None:
    turns: list[str] = []

    def paused() -> None:
        turns.append("before")
        Sleeper().pause()
        turns.append("after")

    sleeping = gevent.spawn(paused)
    gevent.spawn(turns.append, "other")
    sleeping.join()
    assert turns == ["before", "other", "after"]


def test_any_number_that_pause_keep_what_is_due_waiting_for_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockllm.transports.schedule._TURNS", -1.0)  # time for one in each turn of the loop
    turns: list[str] = []

    def busy(name: str) -> None:
        sleeper = Sleeper()
        for _ in range(3):
            sleeper.pause()
            turns.append(name)
            if turns == ["a"]:
                schedule().at(monotonic(), partial(turns.append, "due"))
                while monotonic() * 1000 < int(began * 1000) + 3:
                    pass  # so that it is due when the turn is over

    began = monotonic()
    gevent.joinall([gevent.spawn(busy, name) for name in "abc"])
    assert [turn for turn in turns if turn != "due"] == list("abcabcabc")
    assert turns.index("due") <= 2


def test_who_is_killed_while_pausing_has_no_turn() -> None:
    sleeping = gevent.spawn(Sleeper().pause)
    gevent.sleep(0)
    sleeping.kill()
    other = gevent.spawn(Sleeper().pause)
    other.join(5)
    assert sleeping.dead and other.successful()
