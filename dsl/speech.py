"""What each choice of an answer says, seen as a whole.

An encoder must know some of the end at the beginning: the first chunk of a choice has another form if one tool
call follows than if several do. A timeline is complete when it is encoded, so one look over it settles that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dsl import tokens
from dsl.timeline import Arguments, Call, Event, Finish, Refuse, Said, Text, Think, TokenLogprob


@dataclass(slots=True)
class Called:
    """One tool call with its whole arguments, in fragments."""

    call: Call
    fragments: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        return "".join(self.fragments)


@dataclass(slots=True)
class Speech:
    """All that one choice says. Where it says no text, `texts` is empty (an empty text is a text)."""

    first: Said | None = None
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    calls: dict[int, Called] = field(default_factory=dict)
    logprobs: list[TokenLogprob] | None = None
    finish: str | None = None

    def hear(self, event: Said) -> None:
        self.first = self.first or event
        match event:
            case Text(text=text, logprobs=logprobs):
                self.texts.append(text)
                if logprobs is not None:
                    self.logprobs = [*(self.logprobs or ()), *logprobs]
            case Think(text=text):
                self.thoughts.append(text)
            case Refuse(text=text):
                self.refusals.append(text)
            case Call(index=index):
                self.calls[index] = Called(event)
            case Arguments(index=index, text=text):
                # Without a call of that number there is nothing to put them on; a stream still shows them.
                if index in self.calls:
                    self.calls[index].fragments.append(text)
            case Finish(reason=reason):
                self.finish = reason

    @property
    def reasoning(self) -> int:
        """About how many tokens its thoughts have."""
        return tokens.count("".join(self.thoughts))

    @property
    def output(self) -> int:
        """About how many tokens it has in all."""
        called = [text for each in self.calls.values() for text in (each.call.name, each.arguments)]
        spoken = ["".join(self.texts), "".join(self.refusals), *called]
        return self.reasoning + sum(map(tokens.count, spoken))


def speeches(events: Iterable[Event]) -> dict[int, Speech]:
    """What is said, by choice; choice 0 is there even if it says nothing while no other does either."""
    found: dict[int, Speech] = {}
    for event in events:
        if isinstance(event, Said):
            found.setdefault(event.choice, Speech()).hear(event)
    return {choice: found[choice] for choice in sorted(found)} or {0: Speech()}
