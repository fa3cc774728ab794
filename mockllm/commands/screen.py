"""An answer on a terminal: what is said appears when it is said, and faults are lines of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from dsl.timeline import (
    Arguments,
    ByteLimit,
    Call,
    Close,
    Comment,
    Cut,
    Ending,
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
from mockllm.apis import errors
from mockllm.apis.errors import ApiError
from mockllm.apis.serialise import compact
from mockllm.transports.clock import Clock, monotonic
from mockllm.transports.connection import Connection, Disconnect
from mockllm.transports.frames import Reply
from mockllm.transports.players import player_of

_CHUNKS = (Text, Think, Refuse, Arguments)


class Pauses:
    """The waits of one answer, on the real clock; `instant` leaves them out."""

    def __init__(self, instant: bool) -> None:
        self._instant = instant
        self._clock = Clock(monotonic())

    def until(self, at: float) -> None:
        """Wait until `at` seconds after the answer began."""
        self.sleep(self._clock.until(at))

    def sleep(self, seconds: float) -> None:
        if seconds > 0 and not self._instant:
            time.sleep(seconds)


def chunks(timeline: Timeline) -> int:
    """How many chunks are said."""
    return sum(isinstance(event, _CHUNKS) for event in timeline.events)


# -- as a person would see it ---------------------------------------------------------------------------------


def perform(timeline: Timeline, pauses: Pauses, *, stream: bool, prompt: str = "messages") -> None:
    """Show an answer as it is given; one that is not a `stream` comes in one piece at its end.

    `prompt` is the parameter that holds the prompt, for errors that name it.
    """
    screen = _Screen(several=any(isinstance(event, Said) and event.choice for event in timeline.events))
    ending = timeline.ending
    refused = isinstance(ending, Fail) and not (stream and timeline.speaks)
    if not stream:
        pauses.until(timeline.duration)
    if timeline.status is not None and not refused:
        screen.line(f"HTTP {timeline.status}")
    for event in () if refused else timeline.events:
        if stream:
            pauses.until(event.at)
        screen.show(event)
    pauses.until(timeline.duration)
    end = _ending(ending, chunks(timeline), prompt)
    if end:
        screen.line(end, fg="red")
    screen.fresh()
    if isinstance(ending, Hang) and ending.seconds is not None:
        pauses.sleep(ending.seconds)


class _Screen:
    """Pieces of one kind that follow each other stand in one run of text, and every run begins a line."""

    def __init__(self, several: bool) -> None:
        self._several = several
        self._run: tuple[Any, ...] | None = None
        self._begun = False

    def show(self, event: object) -> None:
        match event:
            case Text(text=text):
                self._piece(event, "", text)
            case Think(text=text):
                self._piece(event, "thinks: ", text, dim=True)
            case Refuse(text=text):
                self._piece(event, "refuses: ", text)
            case Call(index=index, name=name):
                self._piece(event, f"→ {visible(name)} ", "", index)
            case Arguments(index=index, text=text):
                self._piece(event, "→ … ", text, index)
            case Finish(reason=reason):
                self.line(f"finish {visible(reason)}", dim=True)
            case Raw(data=data):
                self.line(f"raw: {visible(data.decode('utf-8', 'backslashreplace'))}", dim=True)
            case Comment(text=text):
                self.line(f": {visible(text)}", dim=True)
            case Push(value=value):
                self.line(f"push: {visible(compact(value))}", dim=True)
            case ByteLimit(count=count, ending=ending):
                self.line(f"✂ {_named(ending)} after {count} more bytes (--wire shows where)", fg="red")

    def line(self, text: str, **style: Any) -> None:
        self.fresh()
        click.echo(click.style(text, **style))

    def fresh(self) -> None:
        """Begin a line, unless one has just been begun."""
        if self._begun:
            click.echo()
        self._run, self._begun = None, False

    def _piece(self, event: Said, prefix: str, text: str, index: int | None = None, **style: Any) -> None:
        run = (type(event) if index is None else Call, event.choice, index)
        if run != self._run:
            self.fresh()
            self._run = run
            choice = f"[{event.choice}] " if self._several else ""
            click.echo(click.style(choice + prefix, **style), nl=False)
        click.echo(click.style(visible(text), **style), nl=False)
        self._begun = True


def visible(text: str) -> str:
    """The text with its line feeds and tabs, and without all else that a terminal obeys."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode() for each in text
    )


def _ending(ending: Ending, said: int, prompt: str) -> str | None:
    after = f"after {said} chunk{'' if said == 1 else 's'}"
    match ending:
        case Fail():
            return error_line(errors.from_fail(ending, prompt=prompt))
        case Cut(clean=True):
            return f"✂ ended {after}, without a finish"
        case Hang(seconds=None):
            return f"✂ hangs {after}, until the client leaves"
        case Hang(seconds=seconds):
            return f"✂ hangs {after} for {seconds:g} s, then cut"
        case Close(code=code, reason=reason):
            return f"✂ close {code} {visible(reason)}".rstrip()
        case Cut() | Reset():
            return f"✂ {_named(ending)} {after}"
    return None


def _named(ending: Cut | Reset | Hang) -> str:
    return {Cut: "cut", Reset: "reset", Hang: "hang"}[type(ending)]


def error_line(error: ApiError) -> str:
    """An error on one line: `429 rate_limit_exceeded: Slow down.`"""
    param = f" (param: {error.param})" if error.param else ""
    retry = next((value for name, value in error.headers if name == "retry-after"), None)
    again = f" (retry after {retry} s)" if retry else ""
    return f"{error.status} {error.code or error.type}: {visible(error.message)}{param}{again}"


# -- as it is on the wire -------------------------------------------------------------------------------------


def send(reply: Reply, pauses: Pauses, write: Callable[[bytes], object]) -> str | None:
    """Write a reply as it leaves: its head, its body. Returns what broke it off, or None.

    The head is without what the server adds for the connection (`date`, `transfer-encoding`), and the body without
    the sizes of its HTTP chunks.
    """
    began = monotonic()
    player = player_of(reply, began)
    head = b""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        nonlocal head
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        return written

    def written(data: bytes) -> object:
        nonlocal head
        data, head = head + data, b""
        return write(data)

    environ = {"mockllm.connection": _Wire(pauses), "REQUEST_METHOD": "POST"}
    try:
        player(environ, start)
    except Disconnect as end:
        return str(end.outcome)
    return None


class _Wire(Connection):
    """Nobody at the other end, but waits are waits."""

    def __init__(self, pauses: Pauses) -> None:
        super().__init__()
        self._pauses = pauses

    def wait(self, seconds: float) -> bool:
        self._pauses.sleep(seconds)
        return True

    def hang(self, seconds: float | None) -> None:
        self._pauses.sleep(seconds or 0.0)
