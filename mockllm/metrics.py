"""What happens on a server, in numbers.

Theory. An answer that is over costs one look-up in a table and a few additions. What reads the numbers makes
series of them (`mockllm.control.prometheus`): that happens when they are asked for, and not for each request.
There are as many rows as there are mocks, rules, endpoints, transports, statuses and outcomes together; of more
than `MOST_ROWS` the rest are counted without the rule's name.

Lateness is how much later than planned an answer was over. Answers whose bytes drip (`pace 10 byte/s`) take
time that was not planned, and count with that.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import NamedTuple

from mockllm.journal import Entry

MOST_ROWS = 10_000

# Seconds: a thousandth is what nobody notices, a second what everybody does.
_LATENESS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_DURATION = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


# How an answer ends that its script breaks on purpose.
_BREAKS = frozenset(("cut", "reset", "hang"))


class Row(NamedTuple):
    """What answers are counted by. What there is not is empty."""

    mock: str
    rule: str
    endpoint: str
    transport: str
    status: str
    outcome: str


@dataclass(slots=True)
class Histogram:
    """How many values there were up to each of the bounds, and above the one before; the last have no bound."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Metrics:
    """The numbers of one server.

    Attributes:
        open: the answers that go on.
        misses: requests that no rule answered, by mock.
        faults: how many scripts have played, by mock, rule and kind: how it breaks the connection, or `fail`.
        lateness: how much later than planned whole answers were over, in seconds.
        durations: how long answers took, in seconds.

    Args:
        speed: that of the server's clock: plans are made by the script's.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self.open = 0
        self._answers: dict[tuple[object, ...], int] = {}
        self.misses: dict[str, int] = {}
        self.faults: dict[tuple[str, str, str], int] = {}
        self.lateness = Histogram(_LATENESS)
        self.durations = Histogram(_DURATION)

    @property
    def answers(self) -> dict[Row, int]:
        """How many have ended, by what they were."""
        return {
            Row(*("" if each is None else str(each) for each in row)): count
            for row, count in self._answers.items()
        }

    def began(self) -> None:
        """An answer begins."""
        self.open += 1

    def ended(self, entry: Entry) -> None:
        """The answer of an entry is over."""
        self.open -= 1
        rule = entry.rule or entry.place
        row = entry.mock, rule, entry.endpoint, entry.transport, entry.status, entry.outcome
        if row not in self._answers and len(self._answers) >= MOST_ROWS:
            row = entry.mock, "(others)", *row[2:]
        self._answers[row] = self._answers.get(row, 0) + 1
        fault: str | None = entry.outcome if entry.outcome in _BREAKS else None
        if entry.fails and entry.outcome == "complete":
            fault = "fail"
        if fault is not None:
            key = entry.mock, rule or "", fault
            self.faults[key] = self.faults.get(key, 0) + 1
        if entry.is_miss:
            self.misses[entry.mock] = self.misses.get(entry.mock, 0) + 1
        took = entry.took or 0.0
        self.durations.observe(took)
        if entry.planned is not None and entry.outcome == "complete":
            self.lateness.observe(max(0.0, took - entry.planned / self._speed))
