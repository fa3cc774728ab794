"""What the replies of both APIs have in common: errors, and when and how fast the bytes of an answer leave."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from dsl.timeline import ByteLimit, ByteRate, Comment, Cut, End, Hang, Push, Raw, Reset, Said, Timeline
from mockllm.apis.answer import Answer
from mockllm.apis.errors import ApiError
from mockllm.apis.headers import RATE_LIMITS, response_headers
from mockllm.apis.serialise import compact, utf8
from mockllm.transports.frames import Body, Frame, Headers, Part, Ping


def error_reply(error: ApiError, random: Random, at: float = 0.0, answer: Answer | None = None) -> Body:
    """An error as a body, sent `at` seconds after the request; `answer` if a script's rule gave it."""
    script: Headers = answer.timeline.headers if answer else ()
    limit, rate = brakes(answer) if answer else (None, None)
    limits = RATE_LIMITS if error.status == 429 else ()
    headers = response_headers(error.content_type, random, at, limits, error.headers, script=script)
    return Body(error.status, headers, error.body, End(at), limit, rate)


def own_frame(event: Raw | Comment | Push, *, sse: bool) -> Frame:
    """What a script sends past the API: on a socket, a comment is a ping; elsewhere there are no pushes."""
    if isinstance(event, Raw):
        return Frame(event.at, event.data)
    if isinstance(event, Push):
        return Frame(event.at, utf8(compact(event.value)))
    if not sse:
        return Ping(event.at, utf8(event.text)[:125])
    lines = "".join(f": {line}\n" for line in event.text.splitlines() or [""])
    return Frame(event.at, utf8(lines + "\n"))


def bare_parts(timeline: Timeline) -> Iterator[Part]:
    """The parts of a timeline that is no answer of an API: the script's own frames on a socket, and its end."""
    for event in timeline.events:
        if isinstance(event, Raw | Comment | Push):
            yield own_frame(event, sse=False)
        elif isinstance(event, ByteRate | ByteLimit):
            yield event
    ending = timeline.ending
    if isinstance(ending, Reset | Hang) or (isinstance(ending, Cut) and not ending.clean):
        yield ending
    else:
        yield End(ending.at)


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
