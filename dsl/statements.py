"""The statements of a body, compiled: one class for each, which performs it."""

from __future__ import annotations

import re

from dsl import header_fields, timeline, tokens
from dsl.performance import Pace, Performance, Statement
from dsl.records import Record
from dsl.templates import to_json
from dsl.times import Delay, GivenDelay, GivenPace
from dsl.values import ListMaker, Maker, PerformError

_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")

# -- times ------------------------------------------------------------------------------------


class Wait(Record, frozen=True):
    delay: Delay | GivenDelay

    def perform(self, on: Performance) -> None:
        on.wait(self.delay.seconds(on))


class Ttft(Record, frozen=True):
    delay: Delay | GivenDelay

    def perform(self, on: Performance) -> None:
        on.set_ttft(self.delay.seconds(on))


class SetPace(Record, frozen=True):
    pace: Pace | GivenPace

    def perform(self, on: Performance) -> None:
        on.set_pace(self.pace.pace(on) if isinstance(self.pace, GivenPace) else self.pace)


# -- what is said -----------------------------------------------------------------------------


def _cut(text: str, chunks: int | None) -> list[str]:
    return tokens.pieces(text) if chunks is None else tokens.parts(text, chunks)


def text_or_none(maker: Maker | None, on: Performance) -> str | None:
    return None if maker is None else maker.text(on.scope)


class Reply(Record, frozen=True):
    """A text, or a value as its JSON text, in tokens or in so many chunks."""

    value: Maker
    chunks: int | None = None

    def perform(self, on: Performance) -> None:
        value = self.value.make(on.scope)
        text = value if isinstance(value, str) else to_json(value)
        for piece in _cut(text, self.chunks):
            on.say(timeline.Text, piece)


class Logprob(Record, frozen=True):
    logprob: float
    top: tuple[tuple[str, float], ...]


class Chunk(Record, frozen=True):
    """Exactly one event. Its time is the script's: it waits for no pace."""

    text: Maker
    logprob: Logprob | None = None

    def perform(self, on: Performance) -> None:
        text = self.text.text(on.scope)
        logprob = self.logprob
        own = {"logprobs": (timeline.TokenLogprob(text, logprob.logprob, logprob.top),)} if logprob else {}
        on.say(timeline.Text, text, paced=False, **own)


class Think(Record, frozen=True):
    text: Maker
    chunks: int | None = None

    def perform(self, on: Performance) -> None:
        for piece in _cut(self.text.text(on.scope), self.chunks):
            on.say(timeline.Think, piece)


class Refuse(Record, frozen=True):
    text: Maker
    chunks: int | None = None

    def perform(self, on: Performance) -> None:
        for piece in _cut(self.text.text(on.scope), self.chunks):
            on.say(timeline.Refuse, piece)


class Call(Record, frozen=True):
    """A tool call. Arguments written as a list are its fragments, those written as a text go out verbatim."""

    tool: str
    arguments: Maker
    id: Maker | None = None
    chunks: int | None = None

    def perform(self, on: Performance) -> None:
        fragments = self._fragments(on)
        index = on.open_call(self.tool, text_or_none(self.id, on))
        for piece in fragments:
            on.say(timeline.Arguments, piece, index=index)

    def _fragments(self, on: Performance) -> list[str]:
        if isinstance(self.arguments, ListMaker):
            return [item.text(on.scope) for item in self.arguments.items]
        value = self.arguments.make(on.scope)
        return _cut(value if isinstance(value, str) else to_json(value), self.chunks)


class Raw(Record, frozen=True):
    """Bytes. Escaped bytes are lone surrogates in its text, as PEP 383 has it; other lone ones become `?`."""

    text: Maker
    binary: bool = False

    def perform(self, on: Performance) -> None:
        text = _NO_BYTE.sub("?", self.text.text(on.scope))
        on.add(timeline.Raw(on.now, text.encode("utf-8", "surrogateescape"), self.binary))


class Comment(Record, frozen=True):
    text: Maker

    def perform(self, on: Performance) -> None:
        on.add(timeline.Comment(on.now, self.text.text(on.scope)))


class Push(Record, frozen=True):
    """A frame of the script's own, on a socket."""

    value: Maker

    def perform(self, on: Performance) -> None:
        on.add(timeline.Push(on.now, self.value.make(on.scope)))


class Choices(Record, frozen=True):
    """All the choices of a body."""

    bodies: tuple[Statement, ...]

    def perform(self, on: Performance) -> None:
        on.choose(self.bodies)


# -- how it ends ------------------------------------------------------------------------------


class Finish(Record, frozen=True):
    reason: str

    def perform(self, on: Performance) -> None:
        on.finish(self.reason)


class Fail(Record, frozen=True):
    status: int | None = None
    message: Maker | None = None
    code: Maker | None = None
    param: Maker | None = None
    retry_after: float | None = None

    def perform(self, on: Performance) -> None:
        message, code, param = (text_or_none(maker, on) for maker in (self.message, self.code, self.param))
        on.end(timeline.Fail(on.now, self.status, message, code, param, self.retry_after))


class Cut(Record, frozen=True):
    clean: bool = False

    def perform(self, on: Performance) -> None:
        on.end(timeline.Cut(on.now, self.clean))


class Reset(Record, frozen=True):
    def perform(self, on: Performance) -> None:
        on.end(timeline.Reset(on.now))


class Hang(Record, frozen=True):
    seconds: float | None = None

    def perform(self, on: Performance) -> None:
        on.end(timeline.Hang(on.now, self.seconds))


class Close(Record, frozen=True):
    code: int = 1000
    reason: Maker | None = None

    def perform(self, on: Performance) -> None:
        on.end(timeline.Close(on.now, self.code, text_or_none(self.reason, on) or ""))


# -- what surrounds it ------------------------------------------------------------------------


class Status(Record, frozen=True):
    code: int

    def perform(self, on: Performance) -> None:
        on.status = self.code


class Usage(Record, frozen=True):
    counts: Maker

    def perform(self, on: Performance) -> None:
        for name, value in self.counts.make(on.scope).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise PerformError(f"the count of {name} tokens is {value!r}", self.counts.node.span)
            on.usage[name] = value


class Header(Record, frozen=True):
    name: Maker
    value: Maker

    def perform(self, on: Performance) -> None:
        name, value = self.name.text(on.scope), self.value.text(on.scope)
        if not header_fields.NAME.fullmatch(name):
            raise PerformError(f"{name!r} is not the name of a header", self.name.node.span)
        if not header_fields.VALUE.fullmatch(value):
            raise PerformError(f"{value!r} cannot be the value of a header", self.value.node.span)
        on.header(name, value)


class Meta(Record, frozen=True):
    keys: Maker

    def perform(self, on: Performance) -> None:
        on.meta |= self.keys.make(on.scope)


class Logprobs(Record, frozen=True):
    """So many alternatives for each token that is said from here on."""

    count: int

    def perform(self, on: Performance) -> None:
        on.logprobs = self.count


class Dialect(Record, frozen=True):
    name: str

    def perform(self, on: Performance) -> None:
        on.dialect = self.name


class Split(Record, frozen=True):
    split: timeline.Split

    def perform(self, on: Performance) -> None:
        on.split = self.split


# -- which of it happens ----------------------------------------------------------------------


class Block(Record, frozen=True):
    statements: tuple[Statement, ...]

    def perform(self, on: Performance) -> None:
        for statement in self.statements:
            statement.perform(on)


class Repeat(Record, frozen=True):
    count: int
    body: Statement

    def perform(self, on: Performance) -> None:
        outer = on.scope
        for index in range(self.count):
            on.turn()
            loop = {"index": index + 1, "index0": index, "first": index == 0, "length": self.count}
            on.scope = outer.within({"loop": {**loop, "last": index + 1 == self.count}})
            self.body.perform(on)
        on.scope = outer


class Sequence(Record, frozen=True):
    """The next step at each answer, and the last for ever after. `counter` names its place in a session."""

    steps: tuple[Statement, ...]
    counter: str

    def perform(self, on: Performance) -> None:
        step = on.step(self.counter)
        self.steps[min(step, len(self.steps)) - 1].perform(on)


class Cycle(Record, frozen=True):
    """The next step at each answer, from the first again after the last."""

    steps: tuple[Statement, ...]
    counter: str

    def perform(self, on: Performance) -> None:
        step = on.step(self.counter)
        self.steps[(step - 1) % len(self.steps)].perform(on)


class Pick(Record, frozen=True):
    """One step at random. Weights are shares of 1; what they leave over belongs to none."""

    steps: tuple[tuple[float, Statement], ...]

    def perform(self, on: Performance) -> None:
        drawn = on.random.random()
        for weight, step in self.steps:
            if drawn < weight:
                return step.perform(on)
            drawn -= weight
        return None


class Chance(Record, frozen=True):
    share: float
    body: Statement

    def perform(self, on: Performance) -> None:
        if on.random.random() < self.share:
            self.body.perform(on)


class AfterChunks(Record, frozen=True):
    count: int
    body: Statement

    def perform(self, on: Performance) -> None:
        on.arm_chunks(self.count, self.body)


class AfterTime(Record, frozen=True):
    delay: Delay | GivenDelay
    body: Statement

    def perform(self, on: Performance) -> None:
        on.arm_time(self.delay.seconds(on), self.body)


class AfterBytes(Record, frozen=True):
    count: int
    ending: timeline.Cut | timeline.Reset | timeline.Hang

    def perform(self, on: Performance) -> None:
        on.add(timeline.ByteLimit(on.now, self.count, self.ending))


class Use(Record, frozen=True):
    """A block, inlined, with its parameters bound."""

    parameters: tuple[tuple[str, Maker], ...]
    body: Statement

    def perform(self, on: Performance) -> None:
        outer = on.scope
        on.scope = outer.within({name: maker.make(outer) for name, maker in self.parameters})
        self.body.perform(on)
        on.scope = outer


class Go(Record, frozen=True):
    """Moves a scenario to a state, from the next answer on."""

    scenario: str
    state: str

    def perform(self, on: Performance) -> None:
        on.session.go(self.scenario, self.state)


class Remember(Record, frozen=True):
    name: str
    value: Maker

    def perform(self, on: Performance) -> None:
        on.session.memory[self.name] = self.value.make(on.scope)
