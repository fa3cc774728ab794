"""Times and rates of a body: those that are written in it, and those that it is given."""

from __future__ import annotations

import re
from random import Random
from typing import Any

from dsl.conditions import is_number
from dsl.performance import Jitter, Pace, Performance
from dsl.records import Record
from dsl.values import Maker, PerformError

LONGEST_DELAY = 1e9  # seconds
_UNITS = {"ms": 1e-3, "us": 1e-6, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"(\d{1,20}(?:\.\d{1,20})?)"
_DURATION = re.compile(rf"{_NUMBER}(ms|us|s|m|h)")
_RATE = re.compile(rf"{_NUMBER}[ \t]*(tok|chunk|char|byte)s?/s")


def seconds_of(value: Any) -> float | None:
    """The seconds that a value stands for: a number of them, or a text like `50ms`; None if it is no duration."""
    if isinstance(value, str) and (written := _DURATION.fullmatch(value.strip())):
        value = float(written[1]) * _UNITS[written[2]]
    return float(value) if is_number(value) and 0 <= value <= LONGEST_DELAY else None


def rate_of(value: Any) -> tuple[float, str] | None:
    """How many of what a second a text like `40 tok/s` stands for; None if it is no rate."""
    written = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    return None if written is None or float(written[1]) <= 0 else (float(written[1]), written[2])


class Delay(Record, frozen=True):
    """A time to wait, in seconds: between `low` and `high`, then jittered."""

    low: float
    high: float
    jitter: Jitter = Jitter()

    def seconds(self, on: Performance) -> float:
        return self.draw(on.random)

    def draw(self, random: Random) -> float:
        middle = self.low if self.low == self.high else random.uniform(self.low, self.high)
        return self.jitter.around(middle, random)


class GivenDelay(Record, frozen=True):
    """A time that a block is given as a parameter, or that stands in data."""

    maker: Maker

    def seconds(self, on: Performance) -> float:
        value = self.maker.make(on.scope)
        seconds = seconds_of(value)
        if seconds is None:
            raise PerformError(f"{value!r} is not a duration", self.maker.node.span)
        return seconds


class GivenPace(Record, frozen=True):
    """A pace that a block is given as a parameter, or that stands in data, as a text."""

    maker: Maker
    jitter: Jitter

    def pace(self, on: Performance) -> Pace:
        value = self.maker.make(on.scope)
        rate = rate_of(value)
        if rate is None:
            raise PerformError(f"{value!r} is not a rate", self.maker.node.span)
        return Pace(*rate, self.jitter)
