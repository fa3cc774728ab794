"""A rehearsal as a JSON value: `Performance` in the contract."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from dsl.timeline import (
    Arguments,
    Call,
    Close,
    Comment,
    Cut,
    Ending,
    Event,
    Fail,
    Finish,
    Hang,
    Push,
    Raw,
    Refuse,
    Said,
    Text,
    Think,
)
from dsl.trace import as_json
from mockllm.apis.chat_object import spoken_choices
from mockllm.apis.errors import ApiError, from_fail
from mockllm.apis.serialise import compact
from mockllm.apis.usage import usage
from mockllm.control.asked import Asked
from mockllm.control.positions import span_json
from mockllm.control.rehearsal import Rehearsal
from mockllm.transports.frames import Body, Frame, Reply

# An answer may have a million pieces. Nobody reads so many.
MOST_EVENTS = 5_000
MOST_FRAMES = 5_000

_KINDS: dict[type[Event], str] = {
    Text: "text",
    Think: "think",
    Refuse: "refuse",
    Call: "call",
    Arguments: "arguments",
    Finish: "finish",
    Raw: "raw",
    Comment: "comment",
    Push: "push",
}
_CHUNKS = (Text, Think, Refuse, Arguments)


def performance_json(found: Rehearsal, asked: Asked) -> dict[str, Any]:
    entry, answer = found.entry, found.heard.answer
    timeline = None if answer is None else answer.timeline
    rule = found.rule
    return {
        "matched": timeline is not None,
        "rule": entry.rule,
        "place": entry.place,
        "span": None if rule is None else span_json(rule.node.span, found.script.source.name),
        "status": found.reply.status,
        "headers": [[name, value] for name, value in found.reply.headers],
        "session": entry.session,
        "seed": entry.seed,
        "body": asked.body,
        "duration": 0.0 if timeline is None else round(timeline.duration, 6),
        "chunks": 0 if timeline is None else sum(isinstance(event, _CHUNKS) for event in timeline.events),
        "tokens": _tokens(found),
        "events": [] if timeline is None else _events(timeline.events),
        "frames": _frames(found.reply),
        "ending": None if timeline is None else _ending(timeline.ending),
        "error": _error(found, asked),
        "explanation": None if found.trace is None else as_json(found.trace),
    }


def _tokens(found: Rehearsal) -> int:
    answer = found.heard.answer
    if answer is None:
        return 0
    said, copies = spoken_choices(answer)
    counted: int = usage(answer, said.values(), copies).completion
    return counted


def _events(events: tuple[Event, ...]) -> list[dict[str, Any]]:
    told = (event for event in events if type(event) in _KINDS)
    return [_event(event) for event, _ in zip(told, range(MOST_EVENTS), strict=False)]


def _event(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = {"at": round(event.at, 6), "kind": _KINDS[type(event)]}
    if isinstance(event, Said):
        told["choice"] = event.choice
    match event:
        case Text(text=text) | Think(text=text) | Refuse(text=text) | Comment(text=text):
            told["text"] = text
        case Arguments(index=index, text=text):
            told |= {"index": index, "text": text}
        case Call(index=index, name=name):
            told |= {"index": index, "name": name}
        case Finish(reason=reason):
            told["text"] = reason
        case Raw(data=data):
            told["text"] = data.decode("utf-8", "backslashreplace")
        case Push(value=value):
            told["text"] = compact(value)
    return told


def _frames(reply: Reply) -> list[dict[str, Any]]:
    if isinstance(reply, Body):
        return [_frame(reply.ending.at, reply.data)]
    frames = (part for part in reply.parts if isinstance(part, Frame))
    return [_frame(frame.at, frame.data) for frame, _ in zip(frames, range(MOST_FRAMES), strict=False)]


def _frame(at: float, data: bytes) -> dict[str, Any]:
    try:
        return {"at": round(at, 6), "data": data.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"at": round(at, 6), "data": b64encode(data).decode(), "encoding": "base64"}


def _ending(ending: Ending) -> dict[str, Any]:
    told: dict[str, Any] = {"at": round(ending.at, 6), "kind": type(ending).__name__.lower()}
    match ending:
        case Cut(clean=True):
            told["kind"] = "cut clean"
        case Hang(seconds=seconds):
            told["seconds"] = seconds
        case Close(code=code, reason=reason):
            told |= {"code": code, "reason": reason}
    return told


def _error(found: Rehearsal, asked: Asked) -> dict[str, Any] | None:
    error = found.heard.error
    ending = None if found.heard.answer is None else found.heard.answer.timeline.ending
    if error is None and isinstance(ending, Fail):
        error = from_fail(ending, prompt="input" if asked.endpoint == "responses" else "messages")
    return None if error is None else _error_json(error)


def _error_json(error: ApiError) -> dict[str, Any]:
    return {"status": error.status, **error.envelope["error"]}
