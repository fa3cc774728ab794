"""What a rule's body performs: plain events on one line of time.

A body is performed once, when the request arrives: templates are rendered, chances taken, texts cut into
pieces. What comes out is a `Timeline`, a tuple of events, each with the planned time at which it is due, and
exactly one ending. It knows no wire and no clock: an API encodes the events into its own objects, a transport
plays them when they are due.

Times are seconds (float) since the answer began. They never decrease from one event to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from math import isinf
from typing import Any, TypeVar

from dsl.records import Record, changed

# How many things are kept of one timeline that is the same every time; clients differ in more than one way.
MOST_KEPT = 24

_Made = TypeVar("_Made")


class Event(Record, frozen=True):
    at: float


# -- what is said: each of these is one chunk, unless it says otherwise ------------------------------------


class TokenLogprob(Record, frozen=True):
    """A token with its log probability and the alternatives that were weighed, most probable first."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Said(Event, frozen=True, kw_only=True):
    """A piece of an answer. `choice` is the index of the choice that it belongs to (`n` in a request)."""

    choice: int = 0


class Text(Said, frozen=True):
    text: str
    logprobs: tuple[TokenLogprob, ...] | None = None


class Think(Said, frozen=True):
    text: str


class Refuse(Said, frozen=True):
    text: str


class Call(Said, frozen=True):
    """Opens a tool call; its arguments follow in `Arguments` events. Not itself a chunk.

    `index` counts the calls of one choice from 0. `id` is None where the script leaves it to the API.
    """

    index: int
    name: str
    id: str | None = None


class Arguments(Said, frozen=True):
    """A fragment of the arguments of call number `index`."""

    index: int
    text: str


class Finish(Said, frozen=True):
    """The script's own finish reason for a choice. Not a chunk."""

    reason: str


class Raw(Event, frozen=True):
    """Bytes for the wire, verbatim. Not a chunk. `binary`: on a socket, as a binary message."""

    data: bytes
    binary: bool = False


class Comment(Event, frozen=True):
    """An SSE comment line, without its leading colon. Not a chunk."""

    text: str


class Push(Event, frozen=True):
    """A frame of the script's own on a socket: a JSON value. Not a chunk."""

    value: Any


# -- how the bytes leave: for the transport, which alone can count bytes -----------------------------------


class ByteRate(Event, frozen=True):
    """From here on bytes leave at this many a second; None ends it.

    Bytes that drip take time which no event has allowed for, and what follows them comes later by that much. Only
    `interrupted` does not: it is the answer's ending, and happens at its own time though bytes still drip.
    """

    rate: float | None
    interrupted: Cut | Reset | Hang | None = None


class ByteLimit(Event, frozen=True):
    """After `count` more bytes of the body `ending` happens, at once."""

    count: int
    ending: Cut | Reset | Hang


class Split(Record, frozen=True):
    """How the encoded bytes of an answer are cut into writes, inside characters and events too.

    `every` so many bytes; or once, `at` so many bytes; with neither, lines end in CRLF and each write ends
    between the two. On a socket each message leaves in frames that are cut so.
    """

    every: int | None = None
    at: int | None = None


class Budget(Record, frozen=True):
    """What is left of a rate limit behind an answer. `kind` is "requests" or "tokens"; `reset` is the time in
    seconds until it is whole again."""

    kind: str
    limit: int
    remaining: int
    reset: float


# -- how it ends: exactly one of these closes a timeline ---------------------------------------------------


class End(Event, frozen=True):
    """The body ran to its end: the endpoint's own terminal events follow."""


class Fail(Event, frozen=True):
    """An error as the API reports it; what is None is the API's own default for the status.

    `status` is None where the script gave none: 500 before output, the API's in-stream error after it.
    `retry_after` is in seconds.
    """

    status: int | None = None
    message: str | None = None
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None


class Cut(Event, frozen=True):
    """The connection closes: amid the body, or, if `clean`, after a body that only lacks its terminal."""

    clean: bool = False


class Reset(Event, frozen=True):
    """The connection is reset (TCP RST)."""


class Hang(Event, frozen=True):
    """The connection stays open and silent: for `seconds`, then it is cut; for ever if None."""

    seconds: float | None = None


class Close(Event, frozen=True):
    """A WebSocket close frame. With code 1000 the answer is completed first; any other breaks it off."""

    code: int = 1000
    reason: str = ""


Ending = End | Fail | Cut | Reset | Hang | Close


@dataclass(frozen=True, slots=True)
class Timeline:
    """One performed answer.

    Attributes:
        events: all but the ending, in order of time.
        ending: what closes it; `ending.at` is the planned duration of the whole answer in seconds.
        status: the HTTP status that the script set, or None.
        headers: the response headers that the script set, names as written, in order.
        usage: token counts that the script set, by the script's names (`input`, `output`, `cached`,
            `reasoning`); what is absent is counted by the API.
        meta: top-level keys of the API's object that the script sets (`id`, `model`, ...).
        dialect: how the deltas of tool calls are shaped: "standard", or one of the shapes that gateways send.
        split: how the bytes are cut into writes, or None: each event is one.
        budgets: what is left of the script's rate limits, at most one of each kind: the tightest.
        kept: what others have made of a timeline that is the same every time, by what they are and what they need
            to know of the request; None for one that answers once.
    """

    events: tuple[Event, ...]
    ending: Ending
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    dialect: str = "standard"
    split: Split | None = None
    budgets: tuple[Budget, ...] = ()
    kept: dict[Any, Any] | None = field(default=None, init=False, compare=False, repr=False)

    def remember(self) -> None:
        """From now on keep what is made of it."""
        object.__setattr__(self, "kept", {})

    def once(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """What `make` makes of it: made once if it is the same every time. `key` has all else that matters."""
        kept = self.kept
        if kept is None:
            return make()
        if key not in kept:
            if len(kept) >= MOST_KEPT:
                del kept[next(iter(kept))]
            kept[key] = make()
        made: _Made = kept[key]
        return made

    @property
    def duration(self) -> float:
        """The planned length of the answer in seconds."""
        return self.ending.at

    @property
    def speaks(self) -> bool:
        """Whether anything reaches the client before the ending."""
        return any(isinstance(event, Said | Raw | Comment | Push) for event in self.events)

    @property
    def completes(self) -> bool:
        """Whether the endpoint's own terminal events follow what is said."""
        ending = self.ending
        return isinstance(ending, End) or (isinstance(ending, Close) and ending.code == 1000)

    @property
    def is_bare(self) -> bool:
        """Whether it is no answer of an API, but only frames of the script's own, or a close."""
        if any(isinstance(event, Said) for event in self.events):
            return False
        return isinstance(self.ending, Close) or any(isinstance(event, Push) for event in self.events)

    @property
    def only_raw(self) -> bool:
        """Whether the script writes the whole body itself: raw bytes and nothing that an API would encode."""
        kinds = {type(event) for event in self.events if isinstance(event, Said | Raw)}
        return kinds == {Raw}

    def faster(self, speed: float) -> Timeline:
        """The same answer `speed` times as fast: all at once if that is infinite.

        What hangs for ever does so at any speed, and what clients are told to wait for (`retry after`, budgets) is
        told as the script has it.
        """
        return self if speed == 1 else self.once(("faster", speed), lambda: self._faster(speed))

    def _faster(self, speed: float) -> Timeline:
        events = tuple(_faster(event, speed) for event in self.events)
        faster = replace(self, events=events, ending=_faster(self.ending, speed))
        if self.kept is not None:
            faster.remember()
        return faster


_Timed = TypeVar("_Timed", bound=Event)


def _faster(event: _Timed, speed: float) -> _Timed:
    new: dict[str, Any] = {"at": event.at / speed}
    match event:
        case ByteRate(rate=float() | int() as rate, interrupted=interrupted):
            new["rate"] = None if isinf(rate * speed) else rate * speed
            new["interrupted"] = interrupted and _faster(interrupted, speed)
        case ByteLimit(ending=ending):
            new["ending"] = _faster(ending, speed)
        case Hang(seconds=float() | int() as seconds):
            new["seconds"] = seconds / speed
    return changed(event, **new)
