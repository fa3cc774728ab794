"""What the replies of both APIs have in common: errors, and when and how fast the bytes of an answer leave."""

from __future__ import annotations

from random import Random

from dsl.timeline import ByteLimit, ByteRate, Comment, End, Raw, Said
from mockllm.apis.answer import Answer
from mockllm.apis.errors import ApiError
from mockllm.apis.headers import RATE_LIMITS, response_headers
from mockllm.apis.serialise import utf8
from mockllm.transports.frames import Body, Frame, Headers


def error_reply(error: ApiError, random: Random, at: float = 0.0, answer: Answer | None = None) -> Body:
    """An error as a body, sent `at` seconds after the request; `answer` if a script's rule gave it."""
    script: Headers = answer.timeline.headers if answer else ()
    limit, rate = brakes(answer) if answer else (None, None)
    limits = RATE_LIMITS if error.status == 429 else ()
    headers = response_headers(error.content_type, random, at, limits, error.headers, script=script)
    return Body(error.status, headers, error.body, End(at), limit, rate)


def comment(event: Comment) -> Frame:
    """A comment of an SSE stream."""
    lines = "".join(f": {line}\n" for line in event.text.splitlines() or [""])
    return Frame(event.at, utf8(lines + "\n"))


def first_byte(answer: Answer) -> float:
    """When the first byte is due, in seconds: a stream's head waits for it."""
    events = answer.timeline.events
    said = (event.at for event in events if isinstance(event, Said | Raw | Comment))
    return next(said, answer.timeline.duration)


def brakes(answer: Answer) -> tuple[ByteLimit | None, float | None]:
    """The byte limit and byte rate of a body in one piece: the last ones that the script sets."""
    limit, rate = None, None
    for event in answer.timeline.events:
        if isinstance(event, ByteLimit):
            limit = event
        elif isinstance(event, ByteRate):
            rate = event.rate
    return limit, rate
