"""What an API encodes: a request, the timeline that answers it, and where chance and time come from."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from dsl.request import Request
from dsl.timeline import Close, Cut, End, Fail, Timeline
from mockllm.transports.frames import Ending


class BadAnswer(Exception):
    """A script answers with what has no form on this endpoint. Its text says what, and ends without a stop."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`random` gives identifiers and obfuscation, in a fixed order; `created` is in Unix seconds."""

    request: Request
    timeline: Timeline
    random: Random
    created: int

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
