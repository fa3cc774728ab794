"""The statements of a body, compiled: one class for each, which performs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from dsl import header_fields, timeline, tokens
from dsl.conditions import is_number
from dsl.performance import Jitter, Pace, Performance, Statement
from dsl.templates import to_json
from dsl.values import ListMaker, Maker, PerformError

LONGEST_DELAY = 1e9  # seconds
_UNITS = {"ms": 1e-3, "us": 1e-6, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)(ms|us|s|m|h)")
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")

# -- times ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delay:
    """A time to wait, in seconds: between `low` and `high`, then jittered."""

    low: float
    high: float
    jitter: Jitter = Jitter()  # noqa: RUF009 (it is immutable)

    def seconds(self, on: Performance) -> float:
        return self.draw(on.random)

    def draw(self, random: Random) -> float:
        middle = self.low if self.low == self.high else random.uniform(self.low, self.high)
        return self.jitter.around(middle, random)


@dataclass(frozen=True, slots=True)
class GivenDelay:
    """A time that a block is given as a parameter, or that stands in data: seconds, or a text like `50ms`."""

    maker: Maker

    def seconds(self, on: Performance) -> float:
        value = self.maker.make(on.scope)
        if isinstance(value, str) and (written := _DURATION.fullmatch(value.strip())):
            value = float(written[1]) * _UNITS[written[2]]
        if not is_number(value) or not 0 <= value <= LONGEST_DELAY:
            raise PerformError(f"{value!r} is not a duration", self.maker.node.span)
        return float(value)


@dataclass(frozen=True, slots=True)
class Wait:
    delay: Delay | GivenDelay

    def perform(self, on: Performance) -> None:
        on.wait(self.delay.seconds(on))


@dataclass(frozen=True, slots=True)
class Ttft:
    delay: Delay | GivenDelay

    def perform(self, on: Performance) -> None:
        on.set_ttft(self.delay.seconds(on))


@dataclass(frozen=True, slots=True)
class SetPace:
    pace: Pace

    def perform(self, on: Performance) -> None:
        on.set_pace(self.pace)


# -- what is said -----------------------------------------------------------------------------


def _cut(text: str, chunks: int | None) -> list[str]:
    return tokens.pieces(text) if chunks is None else tokens.parts(text, chunks)


def text_or_none(maker: Maker | None, on: Performance) -> str | None:
    return None if maker is None else maker.text(on.scope)


@dataclass(frozen=True, slots=True)
class Reply:
    """A text, or a value as its JSON text, in tokens or in so many chunks."""

    value: Maker
    chunks: int | None = None

    def perform(self, on: Performance) -> None:
        value = self.value.make(on.scope)
        text = value if isinstance(value, str) else to_json(value)
        for piece in _cut(text, self.chunks):
            on.say(timeline.Text, piece)


@dataclass(frozen=True, slots=True)
class Logprob:
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Exactly one event. Its time is the script's: it waits for no pace."""

    text: Maker
    logprob: Logprob | None = None

    def perform(self, on: Performance) -> None:
        text = self.text.text(on.scope)
        logprob = self.logprob
        own = {"logprobs": (timeline.TokenLogprob(text, logprob.logprob, logprob.top),)} if logprob else {}
        on.say(timeline.Text, text, paced=False, **own)


@dataclass(frozen=True, slots=True)
class Think:
    text: Maker
    chunks: int | None = None

    def perform(self, on: Performance) -> None:
        for piece in _cut(self.text.text(on.scope), self.chunks):
            on.say(timeline.Think, piece)


@dataclass(frozen=True, slots=True)
class Refuse:
    text: Maker
    chunks: int | None = None

    def perform(self, on: Performance) -> None:
        for piece in _cut(self.text.text(on.scope), self.chunks):
            on.say(timeline.Refuse, piece)


@dataclass(frozen=True, slots=True)
class Call:
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


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes. Escaped bytes are lone surrogates in its text, as PEP 383 has it; other lone ones become `?`."""

    text: Maker
    binary: bool = False

    def perform(self, on: Performance) -> None:
        text = _NO_BYTE.sub("?", self.text.text(on.scope))
        on.add(timeline.Raw(on.now, text.encode("utf-8", "surrogateescape"), self.binary))


@dataclass(frozen=True, slots=True)
class Comment:
    text: Maker

    def perform(self, on: Performance) -> None:
        on.add(timeline.Comment(on.now, self.text.text(on.scope)))


@dataclass(frozen=True, slots=True)
class Push:
    """A frame of the script's own, on a socket."""

    value: Maker

    def perform(self, on: Performance) -> None:
        on.add(timeline.Push(on.now, self.value.make(on.scope)))


@dataclass(frozen=True, slots=True)
class Choices:
    """All the choices of a body."""

    bodies: tuple[Statement, ...]

    def perform(self, on: Performance) -> None:
        on.choose(self.bodies)


# -- how it ends ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finish:
    reason: str

    def perform(self, on: Performance) -> None:
        on.finish(self.reason)


@dataclass(frozen=True, slots=True)
class Fail:
    status: int | None = None
    message: Maker | None = None
    code: Maker | None = None
    param: Maker | None = None
    retry_after: float | None = None

    def perform(self, on: Performance) -> None:
        message, code, param = (text_or_none(maker, on) for maker in (self.message, self.code, self.param))
        on.end(timeline.Fail(on.now, self.status, message, code, param, self.retry_after))


@dataclass(frozen=True, slots=True)
class Cut:
    clean: bool = False

    def perform(self, on: Performance) -> None:
        on.end(timeline.Cut(on.now, self.clean))


@dataclass(frozen=True, slots=True)
class Reset:
    def perform(self, on: Performance) -> None:
        on.end(timeline.Reset(on.now))


@dataclass(frozen=True, slots=True)
class Hang:
    seconds: float | None = None

    def perform(self, on: Performance) -> None:
        on.end(timeline.Hang(on.now, self.seconds))


@dataclass(frozen=True, slots=True)
class Close:
    code: int = 1000
    reason: Maker | None = None

    def perform(self, on: Performance) -> None:
        on.end(timeline.Close(on.now, self.code, text_or_none(self.reason, on) or ""))


# -- what surrounds it ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    code: int

    def perform(self, on: Performance) -> None:
        on.status = self.code


@dataclass(frozen=True, slots=True)
class Usage:
    counts: Maker

    def perform(self, on: Performance) -> None:
        for name, value in self.counts.make(on.scope).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise PerformError(f"the count of {name} tokens is {value!r}", self.counts.node.span)
            on.usage[name] = value


@dataclass(frozen=True, slots=True)
class Header:
    name: Maker
    value: Maker

    def perform(self, on: Performance) -> None:
        name, value = self.name.text(on.scope), self.value.text(on.scope)
        if not header_fields.NAME.fullmatch(name):
            raise PerformError(f"{name!r} is not the name of a header", self.name.node.span)
        if not header_fields.VALUE.fullmatch(value):
            raise PerformError(f"{value!r} cannot be the value of a header", self.value.node.span)
        on.header(name, value)


@dataclass(frozen=True, slots=True)
class Meta:
    keys: Maker

    def perform(self, on: Performance) -> None:
        on.meta |= self.keys.make(on.scope)


@dataclass(frozen=True, slots=True)
class Logprobs:
    """So many alternatives for each token that is said from here on."""

    count: int

    def perform(self, on: Performance) -> None:
        on.logprobs = self.count


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str

    def perform(self, on: Performance) -> None:
        on.dialect = self.name


@dataclass(frozen=True, slots=True)
class Split:
    split: timeline.Split

    def perform(self, on: Performance) -> None:
        on.split = self.split


# -- which of it happens ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    statements: tuple[Statement, ...]

    def perform(self, on: Performance) -> None:
        for statement in self.statements:
            statement.perform(on)


@dataclass(frozen=True, slots=True)
class Repeat:
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


@dataclass(frozen=True, slots=True)
class Sequence:
    """The next step at each answer, and the last for ever after. `counter` names its place in a session."""

    steps: tuple[Statement, ...]
    counter: str

    def perform(self, on: Performance) -> None:
        step = on.step(self.counter)
        self.steps[min(step, len(self.steps)) - 1].perform(on)


@dataclass(frozen=True, slots=True)
class Cycle:
    """The next step at each answer, from the first again after the last."""

    steps: tuple[Statement, ...]
    counter: str

    def perform(self, on: Performance) -> None:
        step = on.step(self.counter)
        self.steps[(step - 1) % len(self.steps)].perform(on)


@dataclass(frozen=True, slots=True)
class Pick:
    """One step at random. Weights are shares of 1; what they leave over belongs to none."""

    steps: tuple[tuple[float, Statement], ...]

    def perform(self, on: Performance) -> None:
        drawn = on.random.random()
        for weight, step in self.steps:
            if drawn < weight:
                return step.perform(on)
            drawn -= weight
        return None


@dataclass(frozen=True, slots=True)
class Chance:
    share: float
    body: Statement

    def perform(self, on: Performance) -> None:
        if on.random.random() < self.share:
            self.body.perform(on)


@dataclass(frozen=True, slots=True)
class AfterChunks:
    count: int
    body: Statement

    def perform(self, on: Performance) -> None:
        on.arm_chunks(self.count, self.body)


@dataclass(frozen=True, slots=True)
class AfterTime:
    delay: Delay | GivenDelay
    body: Statement

    def perform(self, on: Performance) -> None:
        on.arm_time(self.delay.seconds(on), self.body)


@dataclass(frozen=True, slots=True)
class AfterBytes:
    count: int
    ending: timeline.Cut | timeline.Reset | timeline.Hang

    def perform(self, on: Performance) -> None:
        on.add(timeline.ByteLimit(on.now, self.count, self.ending))


@dataclass(frozen=True, slots=True)
class Use:
    """A block, inlined, with its parameters bound."""

    parameters: tuple[tuple[str, Maker], ...]
    body: Statement

    def perform(self, on: Performance) -> None:
        outer = on.scope
        on.scope = outer.within({name: maker.make(outer) for name, maker in self.parameters})
        self.body.perform(on)
        on.scope = outer


@dataclass(frozen=True, slots=True)
class Go:
    """Moves a scenario to a state, from the next answer on."""

    scenario: str
    state: str

    def perform(self, on: Performance) -> None:
        on.session.go(self.scenario, self.state)


@dataclass(frozen=True, slots=True)
class Remember:
    name: str
    value: Maker

    def perform(self, on: Performance) -> None:
        on.session.memory[self.name] = self.value.make(on.scope)
