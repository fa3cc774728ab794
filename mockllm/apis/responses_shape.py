"""The shape of an output: its items, their parts, and which event of the timeline belongs to which.

The items stand one after another. An item is opened by the first event that no open one can take: texts and
refusals make one message (a part for each run of either), thoughts make a reasoning item, each call is one of its
own. Only the first choice is seen, for this API has no others.

* **Thoughts.** If the client asks for a summary of the reasoning, they are that summary, and a piece that begins a
  line in bold (`**Plan**`) begins the next part of it, as the real API's summaries do. If it does not, they are
  `reasoning_text`, which open-weight models show: OpenAI's own models would show nothing, but what a script
  thinks must not vanish. A reasoning item whose thoughts are empty texts shows nothing.
* **Phases.** Beside reasoning, messages have a `phase`: `final_answer` for the last item, `commentary` for those
  before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from dsl import tokens
from dsl.timeline import Arguments, Call, Event, Finish, Refuse, Said, Text, Think, TokenLogprob
from mockllm.apis import identifiers
from mockllm.chance import Draws

_HEADING = re.compile(r"\*\*[^\s*][^*\n]*\*\*(?:\n|\Z)")
_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}

ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"


@dataclass(slots=True)
class Part:
    """A part of an item. `kind` is its type on the wire, or `arguments`; `last` the number of its last event."""

    kind: str
    index: int
    last: int = 0
    pieces: list[str] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def value(self, *, empty: bool = False) -> dict[str, Any]:
        """The part as it stands in an item: whole, or as it is added, `empty`."""
        said = "" if empty else self.text
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": said}
        if self.kind == "output_text":
            logprobs: list[Any] = [] if empty else self.logprobs
            return {"type": "output_text", "annotations": [], "logprobs": logprobs, "text": said}
        return {"type": self.kind, "text": said}


@dataclass(slots=True)
class Item:
    """An item of the output, the `index`th; `last` is the number of its last event.

    In a shape it has no identifiers yet but a call's that the script gives; one that is to be encrypted says so by
    an empty text. `at` is when it begins, in seconds.
    """

    kind: str
    index: int
    at: float
    id: str = ""
    call_id: str | None = None
    name: str | None = None
    encrypted: str | None = None
    phase: str | None = None
    last: int = 0
    parts: list[Part] = field(default_factory=list)

    def part(self, kind: str) -> Part:
        part = Part(kind, len(self.parts))
        self.parts.append(part)
        return part

    def named(self, stem: str, created: int, random: Draws) -> Item:
        """The item with its identifiers."""
        name = identifiers.stored(_PREFIXES[self.kind], stem, created + int(self.at), random)
        encrypted, call_id = self.encrypted, self.call_id
        if encrypted is not None:
            encrypted = "gAAAAAB" + identifiers.alphanumerics(random, 93)
        if call_id is None and self.name is not None:
            call_id = identifiers.tool_call(random)
        return Item(
            self.kind,
            self.index,
            self.at,
            name,
            call_id,
            self.name,
            encrypted,
            self.phase,
            self.last,
            self.parts,
        )

    def value(self, status: str = "completed", *, empty: bool = False) -> dict[str, Any]:
        """The item as JSON: whole, or as it is added, `empty`. Keys in the order of the wire."""
        parts = [] if empty else self.parts
        if self.kind == "reasoning":
            return {
                "id": self.id,
                "type": "reasoning",
                "content": [part.value() for part in parts if part.kind == "reasoning_text"],
                **({} if self.encrypted is None else {"encrypted_content": self.encrypted}),
                "summary": [part.value() for part in parts if part.kind == "summary_text"],
            }
        value: dict[str, Any] = {"id": self.id, "type": self.kind, "status": status}
        if self.kind == "message":
            value["content"] = [part.value() for part in parts]
            if self.phase is not None:
                value["phase"] = self.phase
            return value | {"role": "assistant"}
        said = "".join(part.text for part in parts)
        if self.kind == "custom_tool_call":
            return value | {"call_id": self.call_id, "input": said, "name": self.name}
        return value | {"arguments": said, "call_id": self.call_id, "name": self.name}


Place = tuple[Item, Part | None]


class Traits(NamedTuple):
    """What the shape of an output depends on, beside the timeline: what the client asks for."""

    summary: bool
    encrypted: bool
    logprobs: bool
    custom: frozenset[str]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Traits:
        reasoning = body.get("reasoning") or {}
        included = body.get("include") or ()
        return cls(
            bool(reasoning.get("summary") or reasoning.get("generate_summary")),
            ENCRYPTED in included,
            LOGPROBS in included,
            frozenset(tool["name"] for tool in body.get("tools") or () if tool["type"] == "custom"),
        )


class Shape:
    """The output of a timeline, without identifiers.

    Attributes:
        items: the output items, in order.
        finish: the script's own finish reason, if it has one.
        places: for each event of the timeline the numbers of the item and of the part that it adds to, or None.
        counts: the tokens that are said in all, and of these in thoughts.
    """

    def __init__(self, events: Sequence[Event], traits: Traits) -> None:
        self.items: list[Item] = []
        self.finish: str | None = None
        self._finder = _Finder(self, events, traits)
        self.places = [self._hear(number, event) for number, event in enumerate(events)]
        if any(item.kind == "reasoning" for item in self.items):
            for item in self.items:
                if item.kind == "message":
                    item.phase = "final_answer" if item is self.items[-1] else "commentary"
        del self._finder

    @cached_property
    def counts(self) -> tuple[int, int]:
        counted = [(_count(item), item.kind == "reasoning") for item in self.items]
        return sum(count for count, _ in counted), sum(count for count, thoughts in counted if thoughts)

    def _hear(self, number: int, event: Event) -> tuple[int, int | None] | None:
        if not isinstance(event, Said) or event.choice != 0:
            return None
        if isinstance(event, Finish):
            self.finish = event.reason
            return None
        place = self._finder.place(number, event)
        if place is None:
            return None
        item, part = place
        item.last = number
        if part is None:
            return item.index, None
        part.last = number
        return item.index, part.index


class _Finder:
    """Finds the place of each event, and makes it where there is none yet."""

    def __init__(self, shape: Shape, events: Sequence[Event], traits: Traits) -> None:
        self.items = shape.items
        self.summary, self.encrypted, self.logprobs, self.custom = traits
        self.calls: dict[int, Item] = {}
        self.current: Item | None = None
        self.headings = _headings(events) if self.summary else frozenset()

    def place(self, number: int, event: Said) -> Place | None:
        match event:
            case Text(text=text):
                item, part = self.speak("output_text", event)
                if self.logprobs and event.logprobs:
                    part.logprobs += token_logprobs(event.logprobs)
            case Refuse(text=text):
                item, part = self.speak("refusal", event)
            case Think(text=text):
                item = self.item("reasoning", event)
                if not text:
                    return item, None
                part = self.thought(item, number)
            case Call():
                item = self.call(event)
                return item, item.parts[0]
            case Arguments(text=text):
                called = self.calls.get(event.index)
                if called is None:
                    return None
                item, part = called, called.parts[0]
            case _:
                raise TypeError(event)
        part.pieces.append(text)
        return item, part

    def speak(self, kind: str, event: Said) -> tuple[Item, Part]:
        item = self.item("message", event)
        return item, item.parts[-1] if item.parts and item.parts[-1].kind == kind else item.part(kind)

    def thought(self, item: Item, number: int) -> Part:
        if not self.summary:
            return item.parts[-1] if item.parts else item.part("reasoning_text")
        return item.part("summary_text") if not item.parts or number in self.headings else item.parts[-1]

    def call(self, event: Call) -> Item:
        item = self.add("custom_tool_call" if event.name in self.custom else "function_call", event)
        item.call_id, item.name = event.id, event.name
        item.part("arguments")
        self.calls[event.index] = item
        return item

    def item(self, kind: str, event: Said) -> Item:
        """The item that is being said, if it is of this kind, else a new one."""
        current = self.current
        return current if current is not None and current.kind == kind else self.add(kind, event)

    def add(self, kind: str, event: Said) -> Item:
        item = self.current = Item(kind, len(self.items), event.at)
        if kind == "reasoning" and self.encrypted:
            item.encrypted = ""
        self.items.append(item)
        return item


def token_logprobs(weighed: Iterable[TokenLogprob]) -> list[dict[str, Any]]:
    return [
        _token(each.token, each.logprob) | {"top_logprobs": [_token(*other) for other in each.top]}
        for each in weighed
    ]


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}


def _headings(events: Iterable[Event]) -> frozenset[int]:
    """The numbers of the thoughts at whose start a line in bold begins; it may go on in the thoughts behind."""
    thoughts = [
        (number, event.text)
        for number, event in enumerate(events)
        if isinstance(event, Think) and not event.choice
    ]
    whole = "".join(text for _, text in thoughts)
    found, at = set(), 0
    for number, text in thoughts:
        if _HEADING.match(whole, at):
            found.add(number)
        at += len(text)
    return frozenset(found)


def _count(item: Item) -> int:
    return tokens.count(item.name or "") + sum(tokens.count(part.text) for part in item.parts)
