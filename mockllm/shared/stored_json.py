"""A stored response as JSON, and back.

What it was made from is kept, not what became of it: the timeline, the text that seeded its generator, and what of
the request is of use afterwards. So it is made again as it was, identifiers included, which are the first that an
`Output` draws.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import fields
from typing import Any

from dsl import timeline as events
from dsl.records import Record
from dsl.request import Request
from dsl.timeline import Timeline
from mockllm.apis.answer import Answer
from mockllm.apis.responses_output import Output
from mockllm.archive import Stored
from mockllm.chance import Seeded
from mockllm.transports.clock import monotonic

# What a timeline consists of, by name.
_KINDS: dict[str, Any] = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Record | Timeline)
}

# Attributes that hold values of the script's own, which are JSON already.
_OWN = frozenset(("value", "meta", "usage"))


def as_text(stored: Stored) -> str:
    """The JSON of a response that a mock has made."""
    output = stored.output
    answer = output.answer
    assert isinstance(answer.random, Seeded)
    request = answer.request
    return json.dumps(
        {
            "seed": answer.random.text,
            "created": answer.created,
            "began": time.time() - (monotonic() - stored.began),
            "size": stored.size,
            "input_tokens": output.input_tokens(),
            "request": [request.endpoint, request.transport, request.path, request.model, request.body],
            "timeline": _plain(answer.timeline),
            "new": stored.new,
            "before": stored.before if isinstance(stored.before, tuple) else stored.before.items,
        }
    )


def from_text(text: str) -> Stored:
    """The response that `as_text` has written."""
    value = json.loads(text)
    endpoint, transport, path, model, body = value["request"]
    request = Request(endpoint, transport, path, body=body, model=model, stream=transport != "json")
    timeline: Timeline = _made(value["timeline"])
    output = Output(Answer(request, timeline, Seeded(value["seed"]), value["created"]))
    output.know_input_tokens(value["input_tokens"])
    began = monotonic() - (time.time() - value["began"])
    return Stored(output, tuple(value["new"]), tuple(value["before"]), began, value["size"])


def _plain(value: Any) -> Any:
    """A part of a timeline as JSON: what is no value of JSON is a list that begins with the name of its kind."""
    if isinstance(value, tuple):
        return ["tuple", *map(_plain, value)]
    if isinstance(value, bytes):
        return ["bytes", base64.b64encode(value).decode()]
    if isinstance(value, Record | Timeline):
        kind = type(value)
        inner = ((name, getattr(value, name)) for name in _names(kind))
        return [kind.__name__, *(each if name in _OWN else _plain(each) for name, each in inner)]
    return value


def _made(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    name, *inner = value
    if name == "tuple":
        return tuple(map(_made, inner))
    if name == "bytes":
        return base64.b64decode(inner[0])
    kind = _KINDS[name]
    named = zip(_names(kind), inner, strict=True)
    return kind(**{name: each if name in _OWN else _made(each) for name, each in named})


def _names(kind: Any) -> tuple[str, ...]:
    if issubclass(kind, Timeline):
        return tuple(each.name for each in fields(kind) if each.init)
    names: tuple[str, ...] = kind.__struct_fields__
    return names
