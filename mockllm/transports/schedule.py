"""When things are due: one timer for all that wait in a thread.

A timer of the event loop for each wait costs several times what the wait itself does, and a thousand streams wait
fifty times a second each. Here waits are put into slots of a millisecond, and the loop has one timer, which is set
for the next slot. What is due wakes in the order in which it was put there, never before its time, and at most a
slot after it: how long a stream has waited never shows in when its next chunk leaves, because each deadline is
absolute.

This is the simplest form of a timing wheel: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987).
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import ceil
from typing import Any
from weakref import WeakKeyDictionary

from gevent.hub import Hub, get_hub
from greenlet import getcurrent

from mockllm.transports.clock import monotonic

_SLOTS = 1000  # a second

# How many numbers of slots that are gone may be among the others.
_GONE = 1000

# For how many seconds in each turn of the event loop those that pause may go on.
_TURNS = 0.001


class Alarm:
    """Something that is due at a time. `ring` is None once it has rung, or was called off."""

    __slots__ = ("number", "ring")

    def __init__(self, number: int, ring: Callable[[], object]) -> None:
        self.number = number
        self.ring: Callable[[], object] | None = ring


class Schedule:
    """The alarms of one event loop. For its own thread."""

    def __init__(self, hub: Hub) -> None:
        self._hub: Any = hub
        self._slots: dict[int, list[Alarm]] = {}
        self._order: list[int] = []  # a heap of the numbers of slots, gone ones among them
        self._timer: Any = None
        self._set_for = 0  # the slot that the timer is set for; 0 for none
        self._ringing = False
        self._pausing: deque[Alarm] = deque()
        self._turn: Any = None

    def at(self, deadline: float, ring: Callable[[], object]) -> Alarm:
        """Let the event loop call `ring` at a time of the monotonic clock. It must not wait."""
        number = ceil(deadline * _SLOTS)
        alarm = Alarm(number, ring)
        slot = self._slots.get(number)
        if slot is not None:
            slot.append(alarm)
            return alarm
        self._slots[number] = [alarm]
        heappush(self._order, number)
        if not self._ringing and (not self._set_for or number < self._set_for):
            self._set()
        return alarm

    def call_off(self, alarm: Alarm) -> None:
        """Let an alarm not ring, if it has not yet."""
        if alarm.ring is None:
            return
        alarm.ring = None
        slot = self._slots.get(alarm.number)
        if slot is None:
            return  # it is ringing, and this one's turn would have come
        slot.remove(alarm)
        if not slot:
            del self._slots[alarm.number]
            if len(self._order) > 2 * len(self._slots) + _GONE:
                self._order = list(self._slots)
                heapify(self._order)
            if alarm.number == self._set_for:
                self._set()

    def _set(self) -> None:
        """Sets the timer for the first slot there is."""
        while self._order and self._order[0] not in self._slots:
            heappop(self._order)
        if self._timer is not None:
            self._timer.close()
            self._timer = None
        self._set_for = self._order[0] if self._order else 0
        if self._set_for:
            self._timer = self._hub.loop.timer(max(0.0, self._set_for / _SLOTS - monotonic()))
            self._timer.start(self._ring)

    def _ring(self) -> None:
        """Calls what is due. What is put there meanwhile has its turn after that of the network."""
        self._set_for = 0
        self._ringing = True
        now = int(monotonic() * _SLOTS)
        due: list[Alarm] = []
        while self._order and self._order[0] <= now:
            due += self._slots.pop(heappop(self._order), ())
        for alarm in due:
            self._call(alarm)
        self._ringing = False
        self._set()

    def pause(self, ring: Callable[[], object]) -> Alarm:
        """Let the event loop call `ring` when the network and what is due have had their turns.

        Those who pause have little time in each turn of the loop, and take turns in it: any number that have much
        to do keep what is due waiting no longer than one.
        """
        alarm = Alarm(0, ring)
        self._pausing.append(alarm)
        if self._turn is None:
            self._begin_turn()
        return alarm

    def _begin_turn(self) -> None:
        # A timer and no callback: those run before the network has its turn.
        self._turn = self._hub.loop.timer(0)
        self._turn.start(self._take_turns)

    def _take_turns(self) -> None:
        self._turn.close()
        self._turn = None
        end = monotonic() + _TURNS
        for _ in range(len(self._pausing)):
            self._call(self._pausing.popleft())
            if monotonic() > end:
                break
        if self._pausing and self._turn is None:
            self._begin_turn()

    def _call(self, alarm: Alarm) -> None:
        ring, alarm.ring = alarm.ring, None
        if ring is not None:
            try:
                ring()
            except BaseException:  # a mistake of one must not keep the others waiting for ever
                self._hub.handle_error(alarm, *sys.exc_info())


_schedules: WeakKeyDictionary[Hub, Schedule] = WeakKeyDictionary()


def schedule() -> Schedule:
    """The schedule of this thread's event loop."""
    hub = get_hub()
    found = _schedules.get(hub)
    if found is None:
        found = _schedules[hub] = Schedule(hub)
    return found


class Sleeper:
    """Lets one greenlet at a time sleep until a time has come, or until somebody wakes it."""

    __slots__ = ("_greenlet", "_schedule")

    def __init__(self) -> None:
        self._schedule = schedule()
        self._greenlet: Any = None

    def sleep(self, deadline: float | None) -> None:
        """Sleeps until `deadline` on the monotonic clock, or for ever if None; and not beyond a `wake`."""
        self._greenlet = greenlet = getcurrent()
        alarm = None if deadline is None else self._schedule.at(deadline, greenlet.switch)
        try:
            get_hub().switch()
        finally:
            self._greenlet = None
            if alarm is not None and alarm.ring is not None:
                self._schedule.call_off(alarm)

    def pause(self) -> None:
        """Sleeps until all others, and the network, have had their turn."""
        self._greenlet = greenlet = getcurrent()
        alarm = self._schedule.pause(greenlet.switch)
        try:
            get_hub().switch()
        finally:
            self._greenlet = None
            alarm.ring = None

    def wake(self) -> None:
        """Ends the sleep, if one goes on. For the event loop alone, which calls what must not wait."""
        if self._greenlet is not None:
            self._greenlet.switch()

    def wake_soon(self) -> None:
        """Ends the sleep, if one still goes on when the event loop has its turn. For other greenlets."""
        get_hub().loop.run_callback(self.wake)
