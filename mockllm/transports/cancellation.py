"""How a stream is ended from outside, amid its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mockllm.transports.clock import monotonic


class Cancellation:
    """Ends the streams that follow it, once: what is due later does not leave, and their bodies end there.

    For greenlets of one thread. `at` is when it was cancelled, on the monotonic clock; None if it was not.
    """

    def __init__(self) -> None:
        self.at: float | None = None
        self._followers: set[Callable[[], None]] = set()

    def cancel(self) -> None:
        self.at = monotonic()
        for wake in self._followers:
            wake()

    @contextmanager
    def followed(self, wake: Callable[[], None]) -> Iterator[None]:
        """While this is entered, `wake` is called if it is cancelled. It must not block."""
        self._followers.add(wake)
        try:
            yield
        finally:
            self._followers.discard(wake)
