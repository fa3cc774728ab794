"""The time of one answer.

An answer's times are seconds since it began, and it began when its request had arrived: what the server spends
on matching and rendering is part of the first wait, not added to it. Every wait is computed from that one
instant and not from the end of the wait before, so that lateness never accumulates: a write that comes late
does not make the next one late.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

BEGAN = "mockllm.began"

# Seconds on a clock that is never set back; its zero means nothing.
monotonic = time.monotonic


def request_began(environ: Mapping[str, Any]) -> float:
    """When the request of a WSGI environ arrived, on the monotonic clock: now, if its server did not say."""
    began: float | None = environ.get(BEGAN)
    return monotonic() if began is None else began


class Clock:
    """Tells the time of an answer in seconds since `began`, which is a time of the monotonic clock."""

    __slots__ = ("_began",)

    def __init__(self, began: float) -> None:
        self._began = began

    def now(self) -> float:
        return monotonic() - self._began

    def deadline(self, at: float) -> float:
        """`at` on the monotonic clock."""
        return self._began + at

    def until(self, at: float) -> float:
        """The seconds left until `at`; negative if it has passed."""
        return self._began + at - monotonic()
