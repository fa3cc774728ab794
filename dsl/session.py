"""What a script remembers between the answers of one session: counters and `remember`ed values."""

from __future__ import annotations

from typing import Any


class Session:
    """The state of one session, in memory.

    Counters are named by the compiled script: one for each rule that counts, each `sequence`, each `cycle`.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.counters: dict[str, int] = {}
        self.memory: dict[str, Any] = {}

    def count(self, counter: str) -> int:
        """How often `counter` has advanced."""
        return self.counters.get(counter, 0)

    def advance(self, counter: str) -> int:
        """Move `counter` on by one and return its new value."""
        value = self.counters[counter] = self.counters.get(counter, 0) + 1
        return value
