"""Chat Completions: an answer to the reply that a transport plays."""

from __future__ import annotations

from dsl.timeline import Fail
from mockllm.apis import errors
from mockllm.apis.answer import Answer
from mockllm.apis.chat_object import completion
from mockllm.apis.chat_stream import parts
from mockllm.apis.headers import rate_limits, response_headers
from mockllm.apis.replies import error_reply, first_byte, in_one_piece
from mockllm.transports.frames import Reply, Stream


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
        first_byte(answer) if streams else timeline.duration,
        rate_limits(timeline.budgets),
        script=timeline.headers,
    )
    status = timeline.status or 200
    if streams:
        return Stream(status, headers, parts(answer), timeline.split)
    return in_one_piece(answer, status, headers, completion(answer))
