"""What came of a step of a test: an answer as its client would see it, with what else happened meanwhile.

It is told from the timeline as the wires would tell it: what the script leaves to the API (finish reason, token
counts, the type of an error) is filled in with the API's own. `outcome_fields` lists what a test can ask.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dsl.addressing import UNSPOKEN
from dsl.error_defaults import error_of
from dsl.limits import spoken
from dsl.records import changed
from dsl.request import Headers, Request
from dsl.scenarios import Scenario
from dsl.session import Session
from dsl.speech import Speech, speeches
from dsl.table import Rule
from dsl.testing.outcome_values import Calls, Count, Counts, parsed
from dsl.timeline import (
    Arguments,
    Budget,
    Close,
    Comment,
    Cut,
    End,
    Ending,
    Event,
    Fail,
    Finish,
    Hang,
    Push,
    Raw,
    Refuse,
    Reset,
    Said,
    Text,
    Think,
    Timeline,
)

ENDINGS: Mapping[type[Ending], str] = {
    End: "end", Fail: "fail", Cut: "cut", Reset: "reset", Hang: "hang", Close: "close"
}  # fmt: skip
# How a socket that was dropped looks to its client, RFC 6455, section 7.1.5.
ABNORMAL = 1006


@dataclass
class Outcome:
    """What came of a step.

    Attributes:
        request: what was asked, if the step asked for something.
        timeline: what was said to that, or None if nobody was asked.
        session: the session that it was in.
        answered: the rule that answered, or None.
        refused: status and error object, where the server itself answered: no rule matched, a rule failed, ….
        pushed: the frames that the script pushed in this step.
        comments: the comments that were sent in this step; on a socket, the pings.
        closed: the code with which a socket was closed, or None if it is open.
        scenarios: those of the script.
    """

    request: Request
    timeline: Timeline | None
    session: Session
    answered: Rule | None = None
    refused: tuple[int, dict[str, str | None]] | None = None
    pushed: list[Any] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    closed: int | None = None
    scenarios: tuple[Scenario, ...] = ()

    @property
    def home(self) -> Session:
        """Where the rule that answered counts and remembers."""
        return self.session if self.answered is None else self.answered.home(self.request, self.session)

    @property
    def memory(self) -> dict[str, Any]:
        return self.home.memory

    @property
    def state(self) -> dict[str, str]:
        """The state of each scenario, by name."""
        return {each.name: each.state(self.request, self.session) for each in self.scenarios}

    @property
    def rule(self) -> str | None:
        return self.answered.name if self.answered else None

    # -- how it ended --------------------------------------------------------------------------------------

    @cached_property
    def _streams(self) -> bool:
        return self.request.transport != "json" and self.request.stream

    @cached_property
    def _fail(self) -> Fail | None:
        ending = self.timeline.ending if self.timeline else None
        return ending if isinstance(ending, Fail) else None

    @cached_property
    def _refuses(self) -> bool:
        """Whether the whole answer is an error: what was said before it does not reach the client."""
        return self._fail is not None and not (
            self._streams and self.timeline is not None and self.timeline.speaks
        )

    @cached_property
    def status(self) -> int | None:
        if self.refused is not None:
            return self.refused[0]
        if self.timeline is None:
            return None
        if self._fail is not None and self._refuses:
            return 500 if self._fail.status is None else self._fail.status
        return self.timeline.status or 200

    @cached_property
    def error(self) -> dict[str, str | None] | None:
        if self.refused is not None:
            return self.refused[1]
        prompt = "input" if self.request.endpoint == "responses" else "messages"
        return None if self._fail is None else error_of(self._fail, prompt).as_dict()

    @cached_property
    def ending(self) -> str | None:
        if self.timeline is None:
            return None
        ending = self.timeline.ending
        return "cut clean" if isinstance(ending, Cut) and ending.clean else ENDINGS[type(ending)]

    @cached_property
    def finish(self) -> str | None:
        return self._finish(self._speeches[0]) if self._is_answer else None

    def _finish(self, speech: Speech) -> str | None:
        if speech.finish is not None or self.timeline is None or not self.timeline.completes:
            return speech.finish
        forced = self.request.tool_choice not in (None, "none", "auto", "required")
        if not speech.calls or (forced and self.request.endpoint == "chat"):
            return "stop"
        body = self.request.body if isinstance(self.request.body, dict) else {}
        return "function_call" if body.get("functions") and not body.get("tools") else "tool_calls"

    # -- what was said -------------------------------------------------------------------------------------

    @cached_property
    def _heard(self) -> tuple[Event, ...]:
        return () if self.timeline is None or self._refuses else self.timeline.events

    @cached_property
    def _only_raw(self) -> bool:
        """Whether the script writes the whole body itself, so that an API says nothing."""
        if self.timeline is None:
            return False
        wrote = any(isinstance(event, Raw) for event in self._heard)
        return self.timeline.only_raw or (wrote and self.request.transport == "json")

    @cached_property
    def _is_answer(self) -> bool:
        """Whether it is an answer of an API, and neither an error nor only what the script sends past that."""
        if self.timeline is None or self._refuses or self._only_raw or self.request.endpoint in UNSPOKEN:
            return False
        return not (self.request.transport == "websocket" and self.timeline.is_bare)

    @cached_property
    def _said(self) -> list[Said]:
        return [] if self._only_raw else [event for event in self._heard if isinstance(event, Said)]

    @cached_property
    def _speeches(self) -> list[Speech]:
        """What is said, by choice. A script that speaks for the first alone speaks for all."""
        said = speeches(self._said)
        copies = (self.request.n or 1) if list(said) == [0] and self.request.endpoint == "chat" else 1
        return list(said.values()) * copies

    @cached_property
    def text(self) -> str | None:
        speech = self._speeches[0]
        said = speech.texts or (self._is_answer and not speech.calls and not speech.refusals)
        return "".join(speech.texts) if said else None

    @cached_property
    def json(self) -> Any:
        return None if self.text is None else parsed(self.text, None)

    @cached_property
    def thinking(self) -> str | None:
        return _joined(self._speeches[0].thoughts)

    @cached_property
    def refusal(self) -> str | None:
        return _joined(self._speeches[0].refusals)

    @cached_property
    def calls(self) -> Calls:
        return Calls(self.called)

    @property
    def called(self) -> list[tuple[str, str]]:
        """The name and the arguments, as text, of each tool call."""
        return _called(self._speeches[0])

    @cached_property
    def call_ids(self) -> list[str | None]:
        return [each.call.id for each in self._speeches[0].calls.values()]

    @cached_property
    def choices(self) -> list[dict[str, Any]]:
        if not self._said:
            return []
        return [
            {
                "text": _joined(speech.texts),
                "thinking": _joined(speech.thoughts),
                "refusal": _joined(speech.refusals),
                "calls": Calls(_called(speech)),
                "finish": self._finish(speech),
            }
            for speech in self._speeches
        ]

    @cached_property
    def chunks(self) -> Count:
        return Count(len(self._chunks))

    @cached_property
    def pieces(self) -> list[str]:
        return [event.text for event in self._said if isinstance(event, Text)]

    @cached_property
    def times(self) -> list[float]:
        return [round(event.at, 9) for event in self._chunks]

    @cached_property
    def _chunks(self) -> list[Said]:
        return [event for event in self._said if isinstance(event, Text | Think | Refuse | Arguments)]

    @cached_property
    def raw(self) -> str | None:
        written = [event.data for event in self._heard if isinstance(event, Raw)]
        return b"".join(written).decode("utf-8", "backslashreplace") if written else None

    # -- when ----------------------------------------------------------------------------------------------

    @cached_property
    def duration(self) -> float | None:
        return None if self.timeline is None else round(self.timeline.duration, 9)

    @cached_property
    def ttft(self) -> float | None:
        return next((round(event.at, 9) for event in self._said if not isinstance(event, Finish)), None)

    # -- around it -----------------------------------------------------------------------------------------

    @cached_property
    def usage(self) -> dict[str, int] | None:
        if self.timeline is None or not self.timeline.completes or not self._is_answer:
            return None
        given = self.timeline.usage
        asked = given.get("input", self.request.messages.tokens)
        said = given["output"] if "output" in given else sum(speech.output for speech in self._speeches)
        thought = sum(speech.reasoning for speech in self._speeches)
        return {
            "input": asked,
            "output": said,
            "total": asked + said,
            "cached": given.get("cached", 0),
            "reasoning": given.get("reasoning", thought),
        }

    @cached_property
    def header(self) -> Headers:
        if self.timeline is None:
            return Headers()
        fields = [
            (f"x-ratelimit-{what}-{budget.kind}", str(value))
            for budget in self.timeline.budgets
            for what, value in _told(budget)
        ]
        if self._fail is not None and self._refuses and self._fail.retry_after is not None:
            after = self._fail.retry_after
            fields += [
                ("retry-after", str(math.ceil(after))),
                ("retry-after-ms", str(math.ceil(round(after * 1000, 3)))),
            ]
        return Headers([*fields, *self.timeline.headers])

    @property
    def meta(self) -> Mapping[str, Any]:
        return self.timeline.meta if self.timeline else {}

    # -- on sockets ----------------------------------------------------------------------------------------

    @property
    def frames(self) -> list[Any]:
        return self.pushed

    @cached_property
    def event(self) -> str | None:
        return next((kind for frame in reversed(self.pushed) if (kind := type_of(frame)) is not None), None)

    @cached_property
    def events(self) -> Counts:
        counts = Counts()
        for frame in self.pushed:
            kind = type_of(frame)
            if kind is not None:
                counts[kind] = Count(counts[kind] + 1)
        return counts

    def hear(self, event: Event) -> None:
        """What the script itself sends past the API."""
        if isinstance(event, Push):
            self.pushed.append(event.value)
        elif isinstance(event, Comment):
            self.comments.append(event.text)


def joined(timelines: Iterable[Timeline], ending: Ending) -> Timeline:
    """Several things that happen, as one; their events stand in the order of time, the last of them ends it."""
    events = sorted((event for timeline in timelines for event in timeline.events), key=lambda event: event.at)
    return Timeline(tuple(events), ending)


def later(timeline: Timeline, seconds: float) -> Timeline:
    """The timeline, begun later."""
    events = tuple(changed(event, at=event.at + seconds) for event in timeline.events)
    return replace(timeline, events=events, ending=changed(timeline.ending, at=timeline.ending.at + seconds))


def type_of(frame: Any) -> str | None:
    kind = frame.get("type") if isinstance(frame, dict) else None
    return kind if isinstance(kind, str) else None


def _called(speech: Speech) -> list[tuple[str, str]]:
    return [(each.call.name, each.arguments) for each in speech.calls.values()]


def _told(budget: Budget) -> Iterator[tuple[str, int | str]]:
    yield "limit", budget.limit
    yield "remaining", budget.remaining
    yield "reset", spoken(budget.reset)


def _joined(texts: list[str]) -> str | None:
    return "".join(texts) if texts else None
