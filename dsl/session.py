"""What a script remembers between answers: counters, `remember`ed values, states of scenarios, rate limits."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import dataclass
from typing import Any

# Of more parts the one that is used least recently is forgotten: a client can make up any number.
MOST_PARTS = 10_000

# Sums of refills miss their mark by less than this.
_SLACK = 1e-6


@dataclass(slots=True)
class Bucket:
    """A token bucket: what was in it at a time of the monotonic clock."""

    level: float
    at: float


class Session:
    """The state of one session, in memory. `clock` tells the seconds of a clock, for rate limits.

    Counters and buckets are named by the compiled script: one for each rule that counts, each `sequence`, each
    `cycle`, each `limit`. States are those of its scenarios, by name; one that has never moved has none.
    """

    clock = staticmethod(time.monotonic)

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.counters: dict[str, int] = {}
        self.memory: dict[str, Any] = {}
        self.buckets: dict[str, Bucket] = {}
        self.states: dict[str, str] = {}
        self.parts: dict[tuple[str, str], Session] = {}

    def count(self, counter: str) -> int:
        """How often `counter` has advanced."""
        return self.counters.get(counter, 0)

    def advance(self, counter: str) -> int:
        """Move `counter` on by one and return its new value."""
        value = self.counters[counter] = self.counters.get(counter, 0) + 1
        return value

    def state(self, scenario: str) -> str | None:
        """The state of a scenario; None while it is still in its first."""
        return self.states.get(scenario)

    def go(self, scenario: str, state: str) -> None:
        """Move a scenario to a state."""
        self.states[scenario] = state

    def part(self, scenario: str, value: str) -> Session:
        """The session within this one that a scenario keeps `by` a field, for this value of the field."""
        key = scenario, value
        part = self.parts.pop(key, None) or self._new_part(key)
        self.parts[key] = part  # the last one used stands last
        if len(self.parts) > MOST_PARTS:
            del self.parts[next(iter(self.parts))]
        return part

    def _new_part(self, key: tuple[str, str]) -> Session:
        return Session(self.name)

    def twin(self) -> Session:
        """A copy: what moves in it does not move here."""
        twin = copy(self)
        twin.counters, twin.memory, twin.states = {**self.counters}, {**self.memory}, {**self.states}
        twin.buckets = {name: copy(bucket) for name, bucket in self.buckets.items()}
        twin.parts = {key: part.twin() for key, part in self.parts.items()}
        return twin

    def take(
        self, bucket: str, amount: float, *, capacity: int, period: float, now: float, overdraw: bool = False
    ) -> tuple[bool, float]:
        """Take `amount` out of a bucket, or nothing if it holds less. It is one step, whoever else takes.

        A bucket is full at first, holds `capacity`, and is refilled with as much in each `period` of seconds.
        `now` is in seconds of `clock`. To `overdraw` takes in any case, and leaves a debt.

        Returns: whether it was taken, and what is in the bucket then; less than 0 is a debt.
        """
        kept = self.buckets.setdefault(bucket, Bucket(capacity, now))
        kept.level = min(capacity, kept.level + max(0.0, now - kept.at) * capacity / period)
        kept.at = max(kept.at, now)
        taken = overdraw or kept.level + _SLACK >= amount
        if taken:
            kept.level -= amount
        return taken, kept.level
