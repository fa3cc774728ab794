"""An output as the events of a stream.

* **Opening.** `response.created` and `response.in_progress` are due at once, as with the real API: what a script
  waits for comes between them and the first delta. A script that says nothing and cuts, resets or hangs gets not
  even those.
* **Closing.** An item's `done` events come with the first event of the next one, or with the end. So a stream that
  breaks off ends with a delta, and not with an item that looks complete.
* **Failing.** The form of a failure amid a stream is that of `error_event` in the script's `meta`: `nested` (an
  `error` event that holds an error, as live servers send it), `flat` (an `error` event that is one, as
  documented), or `failed` (`response.failed`). It is `nested` where the script does not say. A script that names
  a form fails inside the stream even before it has said anything.

Every event is one `Frame`, encoded when the transport asks for it. All that does not change from delta to delta is
encoded once for each part. Of an answer that is the same every time the events are kept with holes for what is
drawn (`mockllm.apis.holes`), and what is due at the same instant leaves as one frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Literal

from dsl.timeline import ByteLimit, ByteRate, Call, Close, Comment, Cut, Event, Fail, Hang, Push, Raw, Reset, Text
from mockllm.apis import errors
from mockllm.apis.answer import LARGEST_ENCODED, Answer
from mockllm.apis.errors import ApiError
from mockllm.apis.holes import Hole, split_at_holes
from mockllm.apis.obfuscation import Obfuscation
from mockllm.apis.replies import MOST_KEPT_EVENTS, can_run, head_alone, own_frame
from mockllm.apis.responses_object import COMPACT, set_state, stage
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_runs import Lifecycle, Run, Told, runs_of, size_of
from mockllm.apis.responses_shape import Item, Part, Place, token_logprobs
from mockllm.apis.serialise import compact, utf8
from mockllm.transports.frames import Frame, Messages
from mockllm.transports.frames import Part as StreamPart

Failure = Literal["nested", "flat", "failed"]


@dataclass(frozen=True, slots=True)
class Wire:
    """How events travel: as server-sent events or bare, and on which lane of a socket, if on a named one."""

    sse: bool = True
    lane: str | None = None


SSE = Wire()


@dataclass(frozen=True, slots=True)
class _Kind:
    """The events of a kind of part: `text` is the key of the whole text, `index` that of the part's number."""

    delta: str
    done: str
    text: str = "text"
    index: str | None = "content_index"
    added: str | None = "response.content_part.added"
    closed: str | None = "response.content_part.done"


_KINDS = {
    "output_text": _Kind("response.output_text.delta", "response.output_text.done"),
    "refusal": _Kind("response.refusal.delta", "response.refusal.done", "refusal"),
    "summary_text": _Kind(
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        index="summary_index",
        added="response.reasoning_summary_part.added",
        closed="response.reasoning_summary_part.done",
    ),
    # Its part is added and done like a message's: the SDK for Node refuses deltas of a part that was not added.
    "reasoning_text": _Kind("response.reasoning_text.delta", "response.reasoning_text.done"),
    "function_call": _Kind(
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "arguments",
        None,
        None,
        None,
    ),
    "custom_tool_call": _Kind(
        "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input", None, None, None
    ),
}


def parts(output: Output, wire: Wire = SSE) -> Iterator[StreamPart]:
    """The parts of a streamed answer, the last one its ending."""
    yield from _Stream(output, wire).parts()


def failure(answer: Answer) -> Failure | None:
    """The form of a failure that the script names."""
    named = answer.timeline.meta.get("error_event")
    return named if named in ("nested", "flat", "failed") else None


def failed(fail: Fail) -> ApiError:
    """The error of a failure inside of a response, which has words of its own for the plain one."""
    error = errors.from_fail(fail, prompt="input")
    if fail.message is None and error.code is None and error.status == 500:
        error.message = "An error occurred while processing your request."
    error.code = error.code or error.type
    return error


class _Voice:
    """A part that is being said, with all of its delta events that stays the same."""

    def __init__(self, item: Item, part: Part, wire: Wire) -> None:
        self.part = part
        self.kind = kind = _KINDS[item.kind if part.kind == "arguments" else part.kind]
        self.place = {"item_id": compact(item.id), "output_index": str(item.index)}
        if kind.index is not None:
            self.place[kind.index] = str(part.index)
        event = f"event: {kind.delta}\ndata: " if wire.sse else ""
        index = f'"content_index":{part.index},' if kind.index == "content_index" else ""
        self.before = f'{event}{{"type":"{kind.delta}",{index}"delta":'
        self.middle = f',"item_id":{self.place["item_id"]}'
        self.after = f',"output_index":{item.index},"sequence_number":'
        lane = "" if wire.lane is None else f',"stream_id":{compact(wire.lane)}'
        tail = f',"summary_index":{part.index}' if kind.index == "summary_index" else ""
        self.tail = f"{lane}{tail}}}" + ("\n\n" if wire.sse else "")


class _Stream:
    def __init__(self, output: Output, wire: Wire) -> None:
        self.output = output
        self.answer = answer = output.answer
        self.wire = wire
        self.sequence = 0
        self.opened: dict[int, Item] = {}
        self.voices: dict[int, _Voice] = {}  # of the items that are open: the part that is being said
        self.finished: list[Item] = []
        self.latest: tuple[str, str] | None = None
        self.drawn: Mapping[str, bytes] | None = None
        self.obfuscation = Obfuscation(answer.random)
        self.background = bool(answer.body.get("background"))
        options = answer.body.get("stream_options") or {}
        self.obfuscated = options.get("include_obfuscation") is not False and not self.background

    # -- the course of the stream

    def parts(self) -> Iterator[StreamPart]:
        timeline = self.answer.timeline
        if self.wire.lane is None:
            whole = self.answer.kept(("stream", self.wire.sse), self.whole)
            if whole is not None:
                return map(self.part, whole)
        apart = self.wire.lane is not None or isinstance(timeline.ending, Fail)
        if timeline.kept is None or apart or len(timeline.events) > MOST_KEPT_EVENTS:
            return map(self.part, self.events())
        runs = self.wire.sse and can_run(timeline)
        key = "events", self.wire.sse, self.obfuscated, self.background, self.output.traits
        return map(self.part, timeline.once(key, lambda: tuple(self.kept_events(runs))))

    def whole(self) -> tuple[StreamPart | Run | Lifecycle, ...] | None:
        """The stream with holes for all that is drawn, if it is short and nothing counts its bytes."""
        if not can_run(self.answer.timeline):
            return None
        stream = _Stream(self.output.with_holes(), self.wire)
        events = [stream.cut(event) for event in stream.events()]
        lengths = {name: len(value) for name, value in self.output.drawn().items()}
        told = chain.from_iterable(event.pieces for event in events if isinstance(event, Told))
        if sum(size_of(piece, lengths) for piece in told) > LARGEST_ENCODED:
            return None
        return tuple(runs_of(events, None if self.wire.sse else lengths))

    def cut(self, event: StreamPart | Told | Lifecycle) -> StreamPart | Told:
        """An event of an output that has holes, cut there."""
        if isinstance(event, Lifecycle):
            response = self.response(event.status, event.more)
            event = Told(event.at, (self.told(event.kind, {"response": response}, event.sequence),))
        return Told(event.at, split_at_holes(event.pieces)) if isinstance(event, Told) else event

    def kept_events(self, runs: bool) -> Iterator[StreamPart | Told | Run | Lifecycle]:
        """The events with holes; those of one instant together if they may leave in `runs`."""
        stream = _Stream(self.output.with_holes(), self.wire)
        events = (
            Told(event.at, split_at_holes(event.pieces)) if isinstance(event, Told) else event
            for event in stream.events()
        )
        return runs_of(events) if runs else events

    def part(self, event: StreamPart | Told | Run | Lifecycle) -> StreamPart:
        match event:
            case Told(at=at, pieces=pieces):
                return Frame(at, self.filled(pieces))
            case Run(at=at, pieces=pieces, count=count, size=size):
                filled = self.filled(pieces)
                return Frame(at, filled, count) if size is None else Messages(at, filled, count, size)
            case Lifecycle(at=at, kind=kind, status=status, sequence=sequence, more=more):
                return Frame(at, self.told(kind, {"response": self.response(status, more)}, sequence))
            case _:
                return event

    def filled(self, pieces: Sequence[bytes | Hole]) -> bytes:
        """The bytes with what is drawn for them."""
        if len(pieces) == 1 and isinstance(pieces[0], bytes):
            return pieces[0]
        if self.drawn is None:
            self.drawn = self.output.drawn()
        drawn, hidden = self.drawn, self.obfuscation
        return b"".join(
            [
                piece
                if isinstance(piece, bytes)
                else hidden.next(piece)
                if isinstance(piece, int)
                else drawn[piece]
                for piece in pieces
            ]
        )

    def events(self) -> Iterator[StreamPart | Told | Lifecycle]:
        timeline = self.answer.timeline
        ending = timeline.ending
        silent = not timeline.speaks and isinstance(ending, Cut | Reset | Hang | Close)
        if not silent and not timeline.only_raw:
            yield from self.open()
        for number, (event, place) in enumerate(zip(timeline.events, self.output.places, strict=True)):
            if place is not None:
                yield from self.say(number, event, place)
            elif isinstance(event, Raw | Comment | Push):
                yield own_frame(event, sse=self.wire.sse)
            elif isinstance(event, ByteRate | ByteLimit):
                yield event
        if isinstance(ending, Fail):
            yield self.fail(ending)
        elif timeline.completes and not timeline.only_raw:
            yield from self.end(ending.at)
        elif self.wire.sse:
            yield from head_alone(timeline)
        yield self.answer.ending

    def open(self) -> Iterator[Lifecycle]:
        yield self.lifecycle(0.0, "created", "in_progress")
        if self.background:
            yield self.lifecycle(0.0, "queued", "queued")
        yield self.lifecycle(0.0, "in_progress", "in_progress")

    def say(self, number: int, event: Event, place: Place) -> Iterator[Told]:
        item, part = place
        for other in [*self.opened.values()]:
            if other is not item and other.last < number:
                yield from self.close(event.at, other)
        if item.index not in self.opened:
            self.opened[item.index] = item
            yield self.item(event.at, "added", item.value("in_progress", empty=True), item)
        if part is None:
            return
        voice = self.voices.get(item.index)
        if voice is None or voice.part is not part:
            if voice is not None:
                yield from self.close_part(event.at, voice)
            voice = self.voices[item.index] = _Voice(item, part, self.wire)
            if voice.kind.added:
                yield self.event(
                    event.at, voice.kind.added, voice.place | {"part": compact(part.value(empty=True))}
                )
        if not isinstance(event, Call):
            yield self.delta(event, voice)

    def delta(self, event: Any, voice: _Voice) -> Told:
        text: str = event.text
        weighed = ""
        if isinstance(event, Text):
            known = event.logprobs if voice.part.logprobs else None
            weighed = f',"logprobs":{compact(token_logprobs(known))}' if known else ',"logprobs":[]'
        number = self.sequence
        self.sequence = number + 1
        before = f"{voice.before}{compact(text)}{voice.middle}{weighed}"
        after = f"{voice.after}{number}{voice.tail}"
        if not self.obfuscated:
            return Told(event.at, (utf8(before + after),))
        return Told(event.at, (utf8(f'{before},"obfuscation":"'), -len(text) % 16, utf8(f'"{after}')))

    def close(self, at: float, item: Item, status: str = "completed") -> Iterator[Told]:
        """The events that say that an item is done, and how."""
        voice = self.voices.pop(item.index, None)
        if voice is not None:
            yield from self.close_part(at, voice)
        del self.opened[item.index]
        self.finished.append(item)
        yield self.item(at, "done", item.value(status), item)

    def close_part(self, at: float, voice: _Voice) -> Iterator[Told]:
        kind, part = voice.kind, voice.part
        whole = {kind.text: compact(part.text)}
        if part.kind == "output_text":
            whole["logprobs"] = compact(part.logprobs)
        yield self.event(at, kind.done, voice.place | whole)
        if kind.closed:
            yield self.event(at, kind.closed, voice.place | {"part": compact(part.value())})

    def end(self, at: float) -> Iterator[Told | Lifecycle]:
        status = "incomplete" if self.output.incomplete else "completed"
        for item in [*self.opened.values()]:  # one at most: the others closed when its last piece came
            yield from self.close(at, item, status)
        yield self.lifecycle(at, status, status)

    def fail(self, ending: Fail) -> Told | Lifecycle:
        error = failed(ending)
        form = failure(self.answer)
        if form == "failed":
            values = [item.value() for item in sorted(self.finished, key=lambda item: item.index)]
            state = {"error": {"code": error.code, "message": error.message}, "output": values}
            return self.lifecycle(ending.at, "failed", "failed", state)
        if form == "flat":
            told = {"code": error.code, "message": error.message, "param": error.param}
            return self.event(ending.at, "error", {key: compact(value) for key, value in told.items()})
        nested = {"type": error.type, "code": error.code, "message": error.message, "param": error.param}
        return self.event(ending.at, "error", {"error": compact(nested)})

    # -- single events

    def lifecycle(self, at: float, kind: str, status: str, more: Mapping[str, Any] | None = None) -> Lifecycle:
        """An event that holds the whole response."""
        number = self.sequence
        self.sequence = number + 1
        return Lifecycle(at, f"response.{kind}", status, number, more)

    @cached_property
    def members(self) -> dict[str, str]:
        """The members of the response that stay the same. Who only wants events to be kept needs none."""
        return COMPACT.texts(self.output)

    def response(self, status: str, more: Mapping[str, Any] | None) -> str:
        """The response at a status, as JSON text. Two events in a row may hold the same one."""
        if self.latest is None or self.latest[0] != status:
            texts = self.members.copy()
            set_state(texts, {**stage(self.output, status), **(more or {})}, COMPACT, self.output)
            self.latest = status, COMPACT.join(texts)
        return self.latest[1]

    def item(self, at: float, what: str, value: dict[str, Any], item: Item) -> Told:
        fields = {"item": compact(value), "output_index": str(item.index)}
        return self.event(at, f"response.output_item.{what}", fields)

    def event(self, at: float, kind: str, fields: dict[str, str]) -> Told:
        number = self.sequence
        self.sequence = number + 1
        return Told(at, (self.told(kind, fields, number),))

    def told(self, kind: str, fields: dict[str, str], sequence: int) -> bytes:
        """An event from the JSON texts of its fields: its type, then all of them in the order of the alphabet."""
        fields["sequence_number"] = str(sequence)
        if self.wire.lane is not None:
            fields["stream_id"] = compact(self.wire.lane)
        data = ",".join([f'{{"type":"{kind}"', *(f'"{key}":{fields[key]}' for key in sorted(fields))])
        return utf8(f"event: {kind}\ndata: {data}}}\n\n" if self.wire.sse else f"{data}}}")
