"""Work that takes its time (to compile, format, test, import), aside: in a thread, for streams do not wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gevent.hub import get_hub

Result = TypeVar("Result")


def aside(work: Callable[[], Result]) -> Result:
    """What the work gives, done by another thread: other requests are answered meanwhile.

    Raises:
        Exception: what the work raises.
    """
    done: list[Result] = []
    failed: list[Exception] = []

    def run() -> None:
        # An exception that leaves the thread would be printed, and most of these are answers.
        try:
            done.append(work())
        except Exception as error:
            failed.append(error)

    get_hub().threadpool.apply(run)
    if failed:
        raise failed[0]
    return done[0]
