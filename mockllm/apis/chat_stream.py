"""A timeline as `chat.completion.chunk`s.

Every chunk is one `Frame`, encoded when the transport asks for it. It is a head, which all chunks of an answer
share, the JSON text behind it, and its obfuscation. Of an answer that is the same every time the texts are kept,
and what is due at the same instant leaves as one frame.

A choice opens with its first event: the chunk that names the role comes at the same time and in front of it.
Its last chunk comes with the script's `finish`, else with the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from dsl.records import Record
from dsl.speech import Speech
from dsl.timeline import (
    Arguments,
    ByteLimit,
    ByteRate,
    Call,
    Comment,
    Fail,
    Finish,
    Push,
    Raw,
    Refuse,
    Said,
    Text,
    Think,
)
from mockllm.apis import errors
from mockllm.apis.answer import Answer
from mockllm.apis.chat_object import (
    custom_tools,
    finish_reason,
    is_reasoning,
    metadata,
    opened_call,
    spoken_choices,
    token_logprobs,
    traits,
    uses_functions,
)
from mockllm.apis.dialects import DIALECTS, STANDARD
from mockllm.apis.identifiers import HOLE, fill
from mockllm.apis.obfuscation import Obfuscation
from mockllm.apis.replies import MOST_KEPT_EVENTS, can_run, head_alone, own_frame
from mockllm.apis.serialise import compact, utf8
from mockllm.apis.usage import usage, usage_object
from mockllm.transports.frames import Frame, Part

_ROLE_WITH_TEXT = '{"role":"assistant","content":"","refusal":null}'
_ROLE_ALONE = '{"role":"assistant","content":null}'


class Framing(NamedTuple):
    """What stands around the JSON text of each chunk."""

    before: str = ""
    after: str = ""


SSE = Framing("data: ", "\n\n")


# So many chunks of a stream at most are encoded before they are due.
_AT_ONCE = 16

# In bytes: a run of chunks, and about what their heads add to each.
_LARGEST_RUN = 50_000
_HEAD = 256


class _Text(Record, frozen=True):
    """The JSON text of a chunk behind its head, up to its obfuscation. Between its pieces it has holes."""

    at: float
    pieces: tuple[bytes, ...]
    length: int  # with its holes filled


class _Run(Record, frozen=True):
    """Chunks that are due at the same instant."""

    at: float
    texts: tuple[_Text, ...]


class _Usage(Record, frozen=True):
    """The chunk that tells the usage, which the request has a part in."""

    at: float


def parts(answer: Answer, framing: Framing = SSE) -> Iterator[Part]:
    """The parts of a streamed answer, the last one its ending."""
    yield from _Stream(answer, framing).parts()


def _error(fail: Fail, framing: Framing) -> Frame:
    """An error amid the stream: the envelope of the JSON API as one more event."""
    error = errors.from_fail(fail)
    envelope = compact(error.envelope)
    return Frame(fail.at, utf8(f"{framing.before}{envelope}{framing.after}"))


class _Voice:
    """One choice of the stream: what is known of it, and what it has sent.

    Attributes:
        opens_with_call: whether the chunk that names the role also opens the choice's only call.
        named: the numbers of the calls whose names have been told; only for dialects that tell them late.
    """

    def __init__(self, index: int, speech: Speech, *, named_late: bool) -> None:
        self.index = index
        self.speech = speech
        self.opened = False
        self.finished = False
        self.opens_with_call = isinstance(speech.first, Call) and len(speech.calls) == 1 and not named_late
        self.named: set[int] = set()


class _Stream:
    def __init__(self, answer: Answer, framing: Framing) -> None:
        self.answer = answer
        self.framing = framing
        self.dialect = DIALECTS[answer.timeline.dialect]
        self.functions = uses_functions(answer)
        self.named_late = self.dialect.name == "late" and not self.functions
        self.said, self.copies = spoken_choices(answer)
        self.voices = {
            first: [
                _Voice(index, speech, named_late=self.named_late) for index in range(first, first + self.copies)
            ]
            for first, speech in self.said.items()
        }
        heads, extra = metadata(answer, "chat.completion.chunk")
        options = answer.body.get("stream_options") or {}
        self.with_usage = bool(options.get("include_usage"))
        self.obfuscated = options.get("include_obfuscation") is not False
        self.obfuscation = Obfuscation(answer.random)
        self.custom = custom_tools(answer)
        self.no_logprobs = "" if is_reasoning(answer.request.model) else ',"logprobs":null'
        self.head = utf8(f'{framing.before}{compact(heads)[:-1]},"choices":[')
        self.extra = f",{compact(extra)[1:-1]}" if extra else ""
        no_usage = ',"usage":null' if self.with_usage else ""
        self.tail = f"]{no_usage}{self.extra}" + (',"obfuscation":"' if self.obfuscated else "")
        self.close = utf8(('"}' if self.obfuscated else "}") + framing.after)
        # What a chunk's text must be long, modulo 16, to need no obfuscation.
        self.fit = 1 - len(self.head) + len(framing.before) - len('"}')

    # -- chunks with their heads

    def parts(self) -> Iterator[Part]:
        timeline = self.answer.timeline
        if timeline.kept is None or self.copies > 1 or len(timeline.events) > MOST_KEPT_EVENTS:
            return map(self.part, self.texts())
        runs = self.framing is SSE and can_run(timeline)
        key = "chunks", self.framing, self.with_usage, self.obfuscated, traits(self.answer)
        texts = timeline.once(key, lambda: tuple(_runs(self.texts()) if runs else self.texts()))
        return self.encoded(texts)

    def encoded(self, texts: tuple[Part | _Text | _Run | _Usage, ...]) -> Iterator[Part]:
        """The parts, a few at a time: to encode several chunks in a row takes half as long as one by one."""
        head, close, fit, hidden = self.head, self.close, self.fit, self.obfuscation
        for start in range(0, len(texts), _AT_ONCE):
            few = texts[start : start + _AT_ONCE]
            chunks = [text for text in few if isinstance(text, _Text) and len(text.pieces) == 1]
            if self.obfuscated and len(chunks) == len(few):
                yield from [
                    Frame(text.at, head + text.pieces[0] + hidden.next((fit - text.length) & 15) + close)
                    for text in chunks
                ]
            else:
                yield from map(self.part, few)

    def part(self, text: Part | _Text | _Run | _Usage) -> Part:
        match text:
            case _Text(at=at):
                return Frame(at, self.head + self.whole(text) + self.close)
            case _Run(at=at, texts=texts):
                between = self.close + self.head
                return Frame(at, self.head + between.join(map(self.whole, texts)) + self.close, len(texts))
            case _Usage(at=at):
                counts = usage(self.answer, self.said.values(), self.copies)
                hidden = ',"obfuscation":"' if self.obfuscated else ""
                told = utf8(f'],"usage":{compact(usage_object(*counts))}{self.extra}{hidden}')
                return self.part(_Text(at, (told,), len(told)))
            case _:
                return text

    def whole(self, text: _Text) -> bytes:
        """The text of a chunk with what is drawn for it.

        Obfuscation hides how long the content is: the length of the JSON text becomes 1 modulo 16 bytes. The
        real API does so on every chunk of every recording.
        """
        pieces = text.pieces
        told = fill(pieces, self.answer.random)
        return told + self.obfuscation.next((self.fit - text.length) & 15) if self.obfuscated else told

    # -- the texts of chunks

    def texts(self) -> Iterator[Part | _Text | _Usage]:
        for event in self.answer.timeline.events:
            if isinstance(event, Said):
                voices = self.voices[event.choice]
                if not voices[0].opened:
                    yield from self.open(event.at)
                for voice in voices:
                    if self.named_late and isinstance(event, Call | Arguments):
                        yield from self.name_late(event, voice)
                    elif event is not voice.speech.first or not voice.opens_with_call:
                        yield self.say(event, voice)
            elif isinstance(event, Raw | Comment | Push):
                yield own_frame(event, sse=self.framing is SSE)
            elif isinstance(event, ByteRate | ByteLimit):
                yield event
        ending = self.answer.timeline.ending
        if self.answer.timeline.completes and not self.answer.timeline.only_raw:
            yield from self.end(ending.at)
        elif isinstance(ending, Fail):
            yield _error(ending, self.framing)
        elif self.framing is SSE:
            yield from head_alone(self.answer.timeline)
        yield self.answer.ending

    def open(self, at: float) -> Iterator[_Text]:
        """The role chunks of the choices that begin at the time `at`, or that the end finds silent."""
        for voice in self.all_voices():
            first = voice.speech.first
            if not voice.opened and (first is None or first.at <= at):
                voice.opened = True
                yield self.opening(at, voice)

    def opening(self, at: float, voice: _Voice) -> _Text:
        speech = voice.speech
        logprobs = None if speech.logprobs is None else compact(token_logprobs(()))
        if isinstance(speech.first, Call) and voice.opens_with_call:
            call = self.call(speech.first)[1:-1]
            role = f'{{"role":"assistant","content":null,{call},"refusal":null}}'
        elif isinstance(speech.first, Call) or (speech.calls and not (speech.texts or speech.refusals)):
            role = _ROLE_ALONE
        else:
            role = _ROLE_WITH_TEXT
        return self.chunk(at, voice, role, logprobs)

    def say(self, event: Said, voice: _Voice) -> _Text:
        """The chunk of one event for one choice."""
        logprobs, reason = None, "null"
        match event:
            case Text(text=text):
                delta = f'{{"content":{compact(text)}}}'
                if event.logprobs is not None:
                    logprobs = compact(token_logprobs(event.logprobs))
            case Think(text=text):
                delta = f'{{"reasoning_content":{compact(text)}}}'
            case Refuse(text=text):
                delta = f'{{"refusal":{compact(text)}}}'
            case Call():
                delta = self.call(event)
            case Arguments():
                delta = self.arguments(event, voice)
            case Finish():
                delta, reason = "{}", compact(event.reason)
                voice.finished = True
            case _:
                raise TypeError(event)
        return self.chunk(event.at, voice, delta, logprobs, reason)

    def call(self, event: Call) -> str:
        """The delta that opens a call."""
        if self.functions:
            return compact({"function_call": {"name": event.name, "arguments": ""}})
        return self.dialect.opening(event.index, opened_call(event, self.custom))

    def name_late(self, event: Call | Arguments, voice: _Voice) -> Iterator[_Text]:
        """The chunks of a call whose name follows the first fragment of its arguments, if it has one."""
        called = voice.speech.calls.get(event.index)
        if called is None or event.index in voice.named or not called.fragments:
            yield self.say(event, voice)
        elif isinstance(event, Arguments):
            voice.named.add(event.index)
            call = opened_call(called.call, self.custom)
            for delta in self.dialect.named_late(event.index, call, event.text):
                yield self.chunk(event.at, voice, delta)

    def arguments(self, event: Arguments, voice: _Voice) -> str:
        fragment = compact(event.text)
        if self.functions:
            return f'{{"function_call":{{"arguments":{fragment}}}}}'
        called = voice.speech.calls.get(event.index)
        custom = called is not None and called.call.name in self.custom
        if self.dialect is not STANDARD:
            kind, name = "custom" if custom else "function", called.call.name if called else ""
            return self.dialect.fragment(event.index, kind, name, event.text)
        if custom:
            return f'{{"tool_calls":[{{"index":{event.index},"custom":{{"input":{fragment}}}}}]}}'
        return f'{{"tool_calls":[{{"index":{event.index},"function":{{"arguments":{fragment}}}}}]}}'

    def end(self, at: float) -> Iterator[Frame | _Text | _Usage]:
        """The last chunk of each choice that the script did not finish, the usage, and the terminal."""
        yield from self.open(at)
        for voice in self.all_voices():
            if not voice.finished:
                reason = finish_reason(self.answer, bool(voice.speech.calls))
                yield self.chunk(at, voice, "{}", reason=compact(reason))
        if self.with_usage:
            yield _Usage(at)
        yield Frame(at, utf8(f"{self.framing.before}[DONE]{self.framing.after}"))

    def all_voices(self) -> Iterator[_Voice]:
        return chain.from_iterable(self.voices.values())

    def chunk(
        self, at: float, voice: _Voice, delta: str, logprobs: str | None = None, reason: str = "null"
    ) -> _Text:
        weighed = self.no_logprobs if logprobs is None else f',"logprobs":{logprobs}'
        text = f'{{"index":{voice.index},"delta":{delta}{weighed},"finish_reason":{reason}}}{self.tail}'
        if HOLE not in text:
            told = utf8(text)
            return _Text(at, (told,), len(told))
        pieces = tuple(map(utf8, text.split(HOLE)))
        return _Text(at, pieces, sum(map(len, pieces)) + (len(pieces) - 1) * len(HOLE))


def _runs(texts: Iterable[Part | _Text | _Usage]) -> Iterator[Part | _Text | _Run | _Usage]:
    """The texts that are due at the same instant together; so many that one write can carry them."""
    due: list[_Text] = []
    size = 0
    for text in texts:
        chunk = text if isinstance(text, _Text) else None
        if due and (chunk is None or chunk.at != due[0].at or size + chunk.length > _LARGEST_RUN):
            yield _run(due)
            due, size = [], 0
        if chunk is not None:
            due.append(chunk)
            size += chunk.length + _HEAD
        else:
            yield text
    if due:
        yield _run(due)


def _run(due: list[_Text]) -> _Text | _Run:
    return due[0] if len(due) == 1 else _Run(due[0].at, tuple(due))
