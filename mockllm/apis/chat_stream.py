"""A timeline as `chat.completion.chunk`s.

Every chunk is one `Frame`, encoded when the transport asks for it. All that does not change from chunk to
chunk is encoded once, so that a piece of text costs one quoting and one join.

A choice opens with its first event: the chunk that names the role comes at the same time and in front of it.
Its last chunk comes with the script's `finish`, else with the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

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
    uses_functions,
)
from mockllm.apis.dialects import DIALECTS, STANDARD
from mockllm.apis.identifiers import alphanumerics
from mockllm.apis.replies import head_alone, own_frame
from mockllm.apis.serialise import compact, utf8
from mockllm.apis.usage import usage
from mockllm.transports.frames import Frame, Part

_ROLE_WITH_TEXT = '{"role":"assistant","content":"","refusal":null}'
_ROLE_ALONE = '{"role":"assistant","content":null}'


class Framing(NamedTuple):
    """What stands around the JSON text of each chunk."""

    before: str = ""
    after: str = ""


SSE = Framing("data: ", "\n\n")


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
        self.custom = custom_tools(answer)
        self.no_logprobs = "" if is_reasoning(answer.request.model) else ',"logprobs":null'
        # What the framing adds to the length of a chunk, less the two characters that close it.
        self.outside = len(framing.before) - len('"}')
        self.head = f'{framing.before}{compact(heads)[:-1]},"choices":['
        self.extra = f",{compact(extra)[1:-1]}" if extra else ""
        no_usage = ',"usage":null' if self.with_usage else ""
        self.tail = f"]{no_usage}{self.extra}"

    def parts(self) -> Iterator[Part]:
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

    def open(self, at: float) -> Iterator[Frame]:
        """The role chunks of the choices that begin at the time `at`, or that the end finds silent."""
        for voice in self.all_voices():
            first = voice.speech.first
            if not voice.opened and (first is None or first.at <= at):
                voice.opened = True
                yield self.opening(at, voice)

    def opening(self, at: float, voice: _Voice) -> Frame:
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

    def say(self, event: Said, voice: _Voice) -> Frame:
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
        return self.dialect.opening(event.index, opened_call(self.answer, event, self.custom))

    def name_late(self, event: Call | Arguments, voice: _Voice) -> Iterator[Frame]:
        """The chunks of a call whose name follows the first fragment of its arguments, if it has one."""
        called = voice.speech.calls.get(event.index)
        if called is None or event.index in voice.named or not called.fragments:
            yield self.say(event, voice)
        elif isinstance(event, Arguments):
            voice.named.add(event.index)
            call = opened_call(self.answer, called.call, self.custom)
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

    def end(self, at: float) -> Iterator[Frame]:
        """The last chunk of each choice that the script did not finish, the usage, and the terminal."""
        yield from self.open(at)
        for voice in self.all_voices():
            if not voice.finished:
                reason = finish_reason(self.answer, bool(voice.speech.calls))
                yield self.chunk(at, voice, "{}", reason=compact(reason))
        if self.with_usage:
            counts = compact(usage(self.answer, self.said.values(), self.copies))
            yield self.frame(at, f'{self.head}],"usage":{counts}{self.extra}')
        yield Frame(at, utf8(f"{self.framing.before}[DONE]{self.framing.after}"))

    def all_voices(self) -> Iterator[_Voice]:
        return chain.from_iterable(self.voices.values())

    def chunk(
        self, at: float, voice: _Voice, delta: str, logprobs: str | None = None, reason: str = "null"
    ) -> Frame:
        weighed = self.no_logprobs if logprobs is None else f',"logprobs":{logprobs}'
        choice = f'{{"index":{voice.index},"delta":{delta}{weighed},"finish_reason":{reason}}}'
        return self.frame(at, f"{self.head}{choice}{self.tail}")

    def frame(self, at: float, text: str) -> Frame:
        """One event from the text of a chunk that still lacks its closing brace.

        Obfuscation hides how long the content is: the length of the JSON text becomes 1 modulo 16 bytes. The
        real API does so on every chunk of every recording.
        """
        if not self.obfuscated:
            return Frame(at, utf8(f"{text}}}{self.framing.after}"))
        opened = f'{text},"obfuscation":"'
        length = (len(opened) if opened.isascii() else len(utf8(opened))) - self.outside
        padding = alphanumerics(self.answer.random, (1 - length) % 16)
        return Frame(at, utf8(f'{opened}{padding}"}}{self.framing.after}'))
