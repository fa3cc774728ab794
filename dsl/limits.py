"""`limit`: a rate limit that really limits. Behind it is a bucket in the session that time refills.

What it says and what it leaves in the timeline is OpenAI's: the messages are those of its rate limit errors, the
budgets become its `x-ratelimit-*` headers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from dsl import timeline, tokens
from dsl.performance import Performance
from dsl.records import Record

_PERIODS = {1: "sec", 60: "min", 3600: "hour", 86400: "day"}
_CODE = "rate_limit_exceeded"
_SLACK = 1e-6


class Limit(Record, frozen=True):
    """At most `amount` of a kind, `requests` or `tokens`, per `period` of seconds.

    `requests` takes one for each answer. `tokens` takes the request's own tokens, and those of the answer once it
    is performed: that leaves a debt if the bucket holds less.
    """

    kind: str
    amount: int
    period: float
    bucket: str

    def perform(self, on: Performance) -> None:
        on.limits[on.scope.counter(self.bucket)] = self, on.scope
        request = on.scope.request
        needed = 1 if self.kind == "requests" else request.messages.tokens
        subject = f"{request.model or 'this model'} in organization org-mock on {self.name}: Limit {self.amount}"
        if needed > self.amount:
            message = (
                f"Request too large for {subject}, Requested {needed}. "
                "The input or output tokens must be reduced in order to run successfully."
            )
            on.end(timeline.Fail(on.now, 429, message, _CODE))
        taken, level = self._take(on, needed)
        if not taken:
            wait = max(1, math.ceil(((needed - level) * self.period / self.amount - _SLACK) * 1000)) / 1000
            message = (
                f"Rate limit reached for {subject}, Used {self.amount - _whole(level)}, Requested {needed}. "
                f"Please try again in {spoken(wait)}."
            )
            on.end(timeline.Fail(on.now, 429, message, _CODE, retry_after=wait))

    def settle(self, on: Performance) -> timeline.Budget:
        """Charge what the answer says. Returns what is left."""
        output = 0 if self.kind == "requests" else on.usage.get("output", _output_tokens(on.events))
        _, level = self._take(on, output, overdraw=True)
        reset = round((self.amount - level) * self.period / self.amount, 3)
        return timeline.Budget(self.kind, self.amount, _whole(level), reset)

    @property
    def name(self) -> str:
        """As OpenAI calls it: `requests per min (RPM)`."""
        unit = _PERIODS.get(int(self.period)) if self.period == int(self.period) else None
        if unit is None:
            return f"{self.kind} per {spoken(self.period)}"
        return f"{self.kind} per {unit} ({self.kind[0].upper()}P{unit[0].upper()})"

    def _take(self, on: Performance, amount: float, *, overdraw: bool = False) -> tuple[bool, float]:
        bucket = on.scope.counter(self.bucket)
        return on.session.take(
            bucket, amount, capacity=self.amount, period=self.period, now=on.instant, overdraw=overdraw
        )


def _whole(level: float) -> int:
    return max(0, math.floor(level + _SLACK))


def spoken(seconds: float) -> str:
    """A duration as OpenAI writes it, which is how Go prints one: `0s`, `120ms`, `8.64s`, `6m0s`."""
    thousandths = round(seconds * 1000)
    if 0 < thousandths < 1000:
        return f"{thousandths}ms"
    minutes, thousandths = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    lead = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{lead}{thousandths / 1000:g}s"


def _output_tokens(events: Iterable[timeline.Event]) -> int:
    """About how many tokens have been said, as the APIs count them: each text as a whole."""
    texts: dict[tuple[object, ...], list[str]] = {}
    for event in events:
        if isinstance(event, timeline.Call):
            texts[timeline.Call, event.choice, event.index] = [event.name]
        elif isinstance(event, timeline.Text | timeline.Think | timeline.Refuse):
            texts.setdefault((type(event), event.choice), []).append(event.text)
        elif isinstance(event, timeline.Arguments):
            texts.setdefault((timeline.Arguments, event.choice, event.index), []).append(event.text)
    return sum(tokens.count("".join(pieces)) for pieces in texts.values())
