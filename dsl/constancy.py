"""Whether an answer is the same every time: found out by watching what its first performance looks at.

A body that has looked at nothing that differs from one answer to the next (the request, the session, chance, the
time) does the same whenever it is performed, and need not be performed again. That is told by the performance
itself and not by a look at its statements: a statement that nobody has thought of here cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from dsl.timeline import Timeline

# How many events the timelines that are kept may have in all. With what encoders keep of it, one takes about half
# a kilobyte.
MOST_EVENTS = 200_000


if TYPE_CHECKING:
    _Random = Random
else:
    # To others it is a generator, but it is not made as one: that would take as long as what it saves.
    _Random = object


class Watch:
    """Whether a performance has looked at what differs from one answer to the next."""

    __slots__ = ("varies",)

    def __init__(self) -> None:
        self.varies = False


class Chance(_Random):
    """A `random.Random` that is made when something is drawn for the first time, which is then known."""

    def __init__(self, make: Callable[[], Random], watch: Watch) -> None:
        self._make = make
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        # Called once for each name: what is found is kept.
        if "_random" not in self.__dict__:
            self._watch.varies = True
            self._random = self._make()
        method = getattr(self._random, name)
        setattr(self, name, method)
        return method


class Constants:
    """The timelines that are known to be the same every time, by what makes them and how.

    What makes them is told apart by its identity, for to compare it would take longer than to perform it.
    """

    def __init__(self) -> None:
        self._timelines: dict[tuple[int, object], tuple[object, Timeline]] = {}
        self._events = 0

    def get(self, maker: object, how: object = None) -> Timeline | None:
        found = self._timelines.get((id(maker), how))
        return None if found is None else found[1]

    def keep(self, timeline: Timeline, maker: object, how: object = None) -> None:
        self._events += len(timeline.events) + 1
        if self._events > MOST_EVENTS:
            self._timelines.clear()
            self._events = len(timeline.events) + 1
        timeline.remember()
        # As long as the maker is here nothing else has its identity.
        self._timelines[id(maker), how] = maker, timeline
