"""What the replies of both APIs have in common: errors, and when and how fast the bytes of an answer leave."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from dsl.timeline import ByteLimit, ByteRate, Comment, Cut, End, Hang, Push, Raw, Reset, Said, Split, Timeline
from mockllm.apis.answer import Answer
from mockllm.apis.errors import ApiError
from mockllm.apis.headers import rate_limits, response_headers
from mockllm.apis.serialise import compact, utf8
from mockllm.chance import Draws
from mockllm.transports.frames import Binary, Body, Frame, Headers, Part, Ping


def error_reply(error: ApiError, random: Draws, at: float = 0.0, answer: Answer | None = None) -> Body:
    """An error as a body, sent `at` seconds after the request; `answer` if a script's rule gave it.

    It tells the rate limits if they may be why it fails, or if the script has some.
    """
    script: Headers = ()
    split: Split | None = None
    braked = Brakes()
    limits = rate_limits() if error.status == 429 else ()
    if answer is not None:
        timeline = answer.timeline
        script, split = timeline.headers, timeline.split
        braked = brakes(answer)
        limits = rate_limits(timeline.budgets) if timeline.budgets else limits
    headers = response_headers(error.content_type, random, at, limits, error.headers, script=script)
    return Body(error.status, headers, error.body, End(at), braked.limit, braked.rate, split)


def own_frame(event: Raw | Comment | Push, *, sse: bool) -> Frame:
    """What a script sends past the API: on a socket, a comment is a ping; elsewhere there are no pushes."""
    if isinstance(event, Raw):
        return Binary(event.at, event.data) if event.binary else Frame(event.at, event.data)
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


def head_alone(timeline: Timeline) -> Iterator[Part]:
    """What lets the head of a stream leave if the stream is cut before it has said anything.

    A cut happens inside of the body, so that a client has a response whose body ends too soon. (It is `reset` that
    leaves nothing behind.)
    """
    ending = timeline.ending
    if isinstance(ending, Cut) and not ending.clean and not timeline.speaks:
        yield ByteRate(ending.at, None)  # nothing drips at no rate at all
        yield Frame(ending.at, b"")


# Of more events what is encoded is not kept: it would take much room, and long to make in one step.
MOST_KEPT_EVENTS = 5_000


def can_run(timeline: Timeline) -> bool:
    """Whether events of a stream that are due at one instant may leave as one frame: if nothing counts bytes."""
    return timeline.split is None and not any(isinstance(event, ByteRate | ByteLimit) for event in timeline.events)


def raw_body(timeline: Timeline) -> bytes | None:
    """The body that a script writes itself, if it does: its raw bytes, of an answer in one piece."""
    return timeline.once("raw", partial(_raw_body, timeline))


def _raw_body(timeline: Timeline) -> bytes | None:
    raw = [event.data for event in timeline.events if isinstance(event, Raw)]
    return b"".join(raw) if raw else None


def first_byte(answer: Answer) -> float:
    """When the first byte is due, in seconds: a stream's head waits for it."""
    events = answer.timeline.events
    said = (event.at for event in events if isinstance(event, Said | Raw | Comment))
    return next(said, answer.timeline.duration)


class Brakes(NamedTuple):
    """What holds a body in one piece up: the last byte limit and byte rate that the script sets.

    `interrupted` is the ending that comes at its own time, though the body still drips.
    """

    limit: ByteLimit | None = None
    rate: float | None = None
    interrupted: Cut | Reset | Hang | None = None


def brakes(answer: Answer) -> Brakes:
    return answer.timeline.once("brakes", partial(_brakes, answer.timeline))


def _brakes(timeline: Timeline) -> Brakes:
    found = Brakes()
    for event in timeline.events:
        if isinstance(event, ByteLimit):
            found = found._replace(limit=event)
        elif isinstance(event, ByteRate):
            found = found._replace(rate=event.rate, interrupted=event.interrupted)
    return found


def in_one_piece(answer: Answer, status: int, headers: Headers, data: bytes) -> Body:
    """An answer that does not stream."""
    timeline = answer.timeline
    limit, rate, interrupted = brakes(answer)
    ending = answer.ending
    if interrupted is not None and rate is not None:
        # Without it the body would begin to leave when all is said, and end as soon as it has left.
        said = (event.at for event in timeline.events if isinstance(event, Said | Raw | Comment))
        begun = max(said, default=ending.at)
        if begun + len(data) / rate > interrupted.at:
            return Body(status, headers, data, End(begun), limit, rate, timeline.split, interrupted)
    return Body(status, headers, data, ending, limit, rate, timeline.split)
