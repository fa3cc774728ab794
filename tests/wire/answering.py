"""Short ways to ask and answer: a request from a few parameters, the bytes of an answer to it."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from dsl.request import Request
from dsl.timeline import End, Ending, Event, Text, Timeline
from mockllm.apis.answer import Answer
from mockllm.apis.chat import reply
from mockllm.apis.chat_request import decode
from mockllm.transports.frames import Body, Frame, Part, Stream

GOLDEN = Path(__file__).parent / "golden"
MODEL = "gpt-4o-mini-2024-07-18"
STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
PLAIN: dict[str, Any] = {"stream": True, "stream_options": {"include_obfuscation": False}}


def request(**parameters: Any) -> Request:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], **parameters}
    return decode(json.dumps(body).encode())


def texts(*pieces: str, choice: int = 0) -> tuple[Text, ...]:
    return tuple(Text(0.0, piece, choice=choice) for piece in pieces)


def timeline(*events: Event, ending: Ending | None = None, **more: Any) -> Timeline:
    return Timeline(events, End(0.0) if ending is None else ending, **more)


def asked(performed: Timeline, **parameters: Any) -> Body | Stream:
    return reply(Answer(request(**parameters), performed, Random(7), 1795366800))


def body(performed: Timeline, **parameters: Any) -> Body:
    answered = asked(performed, **parameters)
    assert isinstance(answered, Body)
    return answered


def choices(performed: Timeline, **parameters: Any) -> list[Any]:
    found = json.loads(body(performed, **parameters).data)["choices"]
    assert isinstance(found, list)
    return found


def parts(performed: Timeline, **parameters: Any) -> list[Part]:
    answered = asked(performed, **({"stream": True} | parameters))
    assert isinstance(answered, Stream)
    return list(answered.parts)


def streamed(performed: Timeline, **parameters: Any) -> bytes:
    return b"".join(part.data for part in parts(performed, **parameters) if isinstance(part, Frame))
