"""Paths that no API here has: what a script says there is the body, as it stands.

A `reply` of an object or a list is JSON, any other text is plain text, and `raw` is bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from dsl.addressing import OTHER
from dsl.request import Headers, Request
from dsl.speech import speeches
from dsl.timeline import Fail, Raw
from mockllm.apis import errors
from mockllm.apis.answer import Answer, BadAnswer
from mockllm.apis.chat_request import parse
from mockllm.apis.errors import ApiError
from mockllm.apis.headers import rate_limits, response_headers
from mockllm.apis.replies import error_reply, in_one_piece
from mockllm.apis.serialise import pretty, utf8
from mockllm.transports.frames import Reply

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


def decode(
    body: bytes, *, path: str = "", query: Mapping[str, str] | None = None, headers: Headers, lenient: bool = False
) -> Request:
    """The request that `body` makes; one that is not JSON is absent from it."""
    try:
        value = parse(body)
    except ApiError:
        value = None
    return from_value(value, path=path, query=query, headers=headers)


def from_value(
    value: object, *, path: str = "", query: Mapping[str, str] | None = None, headers: Headers | None = None
) -> Request:
    """As `decode`, for a body that has already been read."""
    model = value.get("model") if isinstance(value, dict) else None
    return Request(
        endpoint=OTHER,
        path=path,
        header=headers or Headers(),
        query=query or {},
        body=value,
        model=model if isinstance(model, str) else None,
    )


def reply(answer: Answer) -> Reply:
    """How `answer` goes over HTTP.

    Raises:
        BadAnswer: it says what only an API can encode.
    """
    timeline = answer.timeline
    if isinstance(timeline.ending, Fail):
        return error_reply(errors.from_fail(timeline.ending), answer.random, timeline.duration, answer)
    data, content_type = _body(answer)
    limits = rate_limits(timeline.budgets)
    headers = response_headers(content_type, answer.random, timeline.duration, limits, script=timeline.headers)
    return in_one_piece(answer, timeline.status or 200, headers, data)


def _body(answer: Answer) -> tuple[bytes, str]:
    raw = [event.data for event in answer.timeline.events if isinstance(event, Raw)]
    if raw:
        return b"".join(raw), _JSON
    said = next(iter(speeches(answer.timeline.events).values()))
    if said.calls or said.thoughts or said.refusals:
        raise BadAnswer(f"{answer.request.path} has no tool calls, thoughts or refusals, only a body")
    text = "".join(said.texts)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return utf8(text), _TEXT
    return (pretty(value) + b"\n", _JSON) if isinstance(value, dict | list) else (utf8(text), _TEXT)
