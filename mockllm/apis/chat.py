"""Chat Completions: an answer to the reply that a transport plays."""

from __future__ import annotations

from random import Random

from dsl.timeline import ByteLimit, ByteRate, Comment, End, Fail, Raw, Said
from mockllm.apis import errors
from mockllm.apis.answer import Answer
from mockllm.apis.chat_object import completion
from mockllm.apis.chat_stream import parts
from mockllm.apis.errors import ApiError
from mockllm.apis.headers import RATE_LIMITS, response_headers
from mockllm.transports.frames import Body, Headers, Reply, Stream


def reply(answer: Answer) -> Reply:
    """How `answer` goes over HTTP: as a body, as a stream, or as an error.

    A script's `fail` is an error body with its own status unless a stream has said something before it.
    """
    timeline = answer.timeline
    streams = answer.request.transport == "sse"
    if isinstance(timeline.ending, Fail) and not (streams and timeline.speaks):
        return error_reply(errors.from_fail(timeline.ending), answer.random, timeline.duration, answer)
    headers = response_headers(
        "text/event-stream; charset=utf-8" if streams else "application/json",
        answer.random,
        _first(answer) if streams else timeline.duration,
        RATE_LIMITS,
        script=timeline.headers,
    )
    status = timeline.status or 200
    if streams:
        return Stream(status, headers, parts(answer))
    limit, rate = _brakes(answer)
    return Body(status, headers, completion(answer), answer.ending, limit, rate)


def error_reply(error: ApiError, random: Random, at: float = 0.0, answer: Answer | None = None) -> Body:
    """An error as a body, sent `at` seconds after the request; `answer` if a script's rule gave it."""
    script: Headers = answer.timeline.headers if answer else ()
    limit, rate = _brakes(answer) if answer else (None, None)
    limits = RATE_LIMITS if error.status == 429 else ()
    headers = response_headers(error.content_type, random, at, limits, error.headers, script=script)
    return Body(error.status, headers, error.body, End(at), limit, rate)


def _first(answer: Answer) -> float:
    """When the first byte is due, in seconds: a stream's head waits for it."""
    events = answer.timeline.events
    said = (event.at for event in events if isinstance(event, Said | Raw | Comment))
    return next(said, answer.timeline.duration)


def _brakes(answer: Answer) -> tuple[ByteLimit | None, float | None]:
    """The byte limit and byte rate of a body in one piece: the last ones that the script sets."""
    limit, rate = None, None
    for event in answer.timeline.events:
        if isinstance(event, ByteLimit):
            limit = event
        elif isinstance(event, ByteRate):
            rate = event.rate
    return limit, rate
