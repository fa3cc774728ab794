"""What an API encodes: a request, the timeline that answers it, and where chance and time come from."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from dsl.request import Request
from dsl.timeline import Close, Cut, End, Fail, Timeline
from mockllm.chance import Draws
from mockllm.transports.frames import Ending

# Of one request; clients ask for an answer in one form, and rules answer them in turns.
_MOST_KEPT = 8

# In bytes, of what is encoded, and of how many events at most: longer answers take longer to send than to encode.
LARGEST_ENCODED = 16_384
_MOST_EVENTS = 150

_UNMADE = object()
_Made = TypeVar("_Made")


class BadAnswer(Exception):
    """A script answers with what has no form on this endpoint. Its text says what, and ends without a stop."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`random` gives identifiers and obfuscation, in a fixed order; `created` is in Unix seconds."""

    request: Request
    timeline: Timeline
    random: Draws
    created: int

    def kept(self, key: Hashable, make: Callable[[], _Made | None]) -> _Made | None:
        """What `make` makes, of a request that is asked again and again and an answer that is the same every time.

        None for others, also when they meet for the first time, which may be the only one; and if `make` says so.
        """
        kept, timeline = self.request.kept, self.timeline
        if kept is None or timeline.kept is None or len(timeline.events) > _MOST_EVENTS:
            return None
        # As long as the timeline is here nothing else has its identity.
        found = kept.get((key, id(timeline)))
        if found is None:
            if len(kept) >= _MOST_KEPT:
                kept.clear()
            kept[key, id(timeline)] = timeline, _UNMADE
            return None
        if found[1] is _UNMADE:
            found = kept[key, id(timeline)] = timeline, make()
        made: _Made | None = found[1]
        return made

    @property
    def body(self) -> dict[str, Any]:
        """The request's body, empty where there is none."""
        return self.request.body if isinstance(self.request.body, dict) else {}

    @property
    def ending(self) -> Ending:
        """What is left of the timeline's ending for the transport once the API has said its part of it."""
        ending = self.timeline.ending
        if isinstance(ending, Close | Fail) or (isinstance(ending, Cut) and ending.clean):
            return End(ending.at)
        return ending
