"""Short ways to ask and answer on Responses: a request from a few parameters, the bytes of an answer to it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from dsl.request import Request
from dsl.timeline import Arguments, Call, Event, Refuse, Text, Think, Timeline
from mockllm.apis.answer import Answer
from mockllm.apis.responses import reply
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_request import decode
from mockllm.apis.responses_stream import parts as event_parts
from mockllm.transports.frames import Body, Frame, Part, Stream
from tests.wire.normalise import CREATED

MODEL = "gpt-5.5-2026-04-23"
FUNCTION = {
    "type": "function",
    "description": "Look up the weather.",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
SUMMARY = {"reasoning": {"summary": "detailed"}}
LOGPROBS = {"include": ["message.output_text.logprobs"]}

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def request(**parameters: Any) -> Request:
    return decode(json.dumps({"model": MODEL, "input": "Hi", **parameters}).encode()).request


def said(kind: type[Text | Think | Refuse], *pieces: str, at: float = 0.0) -> tuple[Event, ...]:
    return tuple(kind(at, piece) for piece in pieces)


def call(name: str, *fragments: str, index: int = 0, at: float = 0.0) -> tuple[Event, ...]:
    return (Call(at, index, name), *(Arguments(at, index, fragment) for fragment in fragments))


def output(performed: Timeline, **parameters: Any) -> Output:
    return Output(Answer(request(**parameters), performed, Random(7), CREATED))


def asked(performed: Timeline, **parameters: Any) -> Body | Stream:
    return reply(output(performed, **parameters))


def body(performed: Timeline, **parameters: Any) -> bytes:
    answered = asked(performed, **parameters)
    assert isinstance(answered, Body)
    return answered.data


def response(performed: Timeline, **parameters: Any) -> dict[str, Any]:
    found = json.loads(body(performed, **parameters))
    assert isinstance(found, dict)
    return found


def parts(performed: Timeline, **parameters: Any) -> list[Part]:
    answered = asked(performed, stream=True, **parameters)
    assert isinstance(answered, Stream)
    return list(answered.parts)


def streamed(performed: Timeline, **parameters: Any) -> bytes:
    made = event_parts(output(performed, stream=True, **parameters))
    return b"".join(part.data for part in made if isinstance(part, Frame))


def events(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream: each well framed, numbered, known to the SDK, and with its keys in order."""
    *blocks, rest = data.split(b"\n\n")
    assert rest == b"", "the stream ends amid an event"
    found = []
    for number, block in enumerate(blocks):
        name, value = block.split(b"\n")
        event = json.loads(value.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        assert event["sequence_number"] == number
        assert list(event) == ["type", *sorted(set(event) - {"type"})]
        if "error" not in event:
            _EVENT.validate_json(json.dumps(event), strict=True)
        found.append(event)
    return found


def types(performed: Timeline, **parameters: Any) -> list[str]:
    """The types of the events of a stream, without the `response.` in front."""
    return [event["type"].removeprefix("response.") for event in events(streamed(performed, **parameters))]
