"""What a script remembers between the answers of one session: counters, `remember`ed values, rate limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Sums of refills miss their mark by less than this.
_SLACK = 1e-6


@dataclass(slots=True)
class Bucket:
    """A token bucket: what was in it at a time of the monotonic clock."""

    level: float
    at: float


class Session:
    """The state of one session, in memory.

    Counters and buckets are named by the compiled script: one for each rule that counts, each `sequence`, each
    `cycle`, each `limit`.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.counters: dict[str, int] = {}
        self.memory: dict[str, Any] = {}
        self.buckets: dict[str, Bucket] = {}

    def count(self, counter: str) -> int:
        """How often `counter` has advanced."""
        return self.counters.get(counter, 0)

    def advance(self, counter: str) -> int:
        """Move `counter` on by one and return its new value."""
        value = self.counters[counter] = self.counters.get(counter, 0) + 1
        return value

    def take(
        self, bucket: str, amount: float, *, capacity: int, period: float, now: float, overdraw: bool = False
    ) -> tuple[bool, float]:
        """Take `amount` out of a bucket, or nothing if it holds less. It is one step, whoever else takes.

        A bucket is full at first, holds `capacity`, and is refilled with as much in each `period` of seconds.
        `now` is in seconds of a monotonic clock. To `overdraw` takes in any case, and leaves a debt.

        Returns: whether it was taken, and what is in the bucket then; less than 0 is a debt.
        """
        kept = self.buckets.setdefault(bucket, Bucket(capacity, now))
        kept.level = min(capacity, kept.level + max(0.0, now - kept.at) * capacity / period)
        kept.at = max(kept.at, now)
        taken = overdraw or kept.level + _SLACK >= amount
        if taken:
            kept.level -= amount
        return taken, kept.level
