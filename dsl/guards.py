"""What a rule's condition comes to: when it holds, and which names it binds then."""

from __future__ import annotations

from dsl.conditions import Condition, Test
from dsl.records import Record


class Captures(Record, frozen=True):
    """The names that a condition binds: always, or only if a certain branch of an `or` holds.

    `unknown` is set where the condition is broken: its names could be anything.
    """

    always: frozenset[str] = frozenset()
    sometimes: frozenset[str] = frozenset()
    unknown: bool = False

    @property
    def all(self) -> frozenset[str]:
        return self.always | self.sometimes

    def both(self, other: Captures) -> Captures:
        """What two conditions that hold together bind."""
        always = self.always | other.always
        return Captures(always, (self.all | other.all) - always)

    def either(self, other: Captures) -> Captures:
        """What two conditions of which one holds bind."""
        always = self.always & other.always
        return Captures(always, (self.all | other.all) - always)


class Guard(Record, frozen=True):
    """A rule's condition, compiled. `nth` are the tests of `nth`, which come after all else has held."""

    condition: Condition | None
    nth: tuple[Test, ...]
    captures: Captures
