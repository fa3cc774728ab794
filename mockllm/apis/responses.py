"""Responses: an output to the reply that a transport plays."""

from __future__ import annotations

from dsl.timeline import Cut, End, Fail
from mockllm.apis import errors
from mockllm.apis.answer import Answer
from mockllm.apis.headers import rate_limits, response_headers
from mockllm.apis.replies import error_reply, in_one_piece, raw_body
from mockllm.apis.responses_object import body
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_stream import failure, parts
from mockllm.transports.frames import Body, Reply, Stream


def reply(output: Output) -> Reply:
    """How an output goes over HTTP: as a body, as a stream, or as an error.

    A script's `fail` is an error body with its own status unless a stream or a response in the background has
    said something before it, or the script names the form of a failure inside of one (see `responses_stream`). A
    response in the background is answered at once, and is `queued`.
    """
    answer = output.answer
    timeline = answer.timeline
    if refuses(answer) and isinstance(timeline.ending, Fail):
        error = errors.from_fail(timeline.ending, prompt="input")
        return error_reply(error, answer.random, timeline.duration, answer)
    status, limits = timeline.status or 200, rate_limits(timeline.budgets)
    if answer.request.transport == "sse":
        content_type = "text/event-stream; charset=utf-8"
        seconds = 0.0 if timeline.speaks else timeline.duration
        headers = response_headers(content_type, answer.random, seconds, limits, script=timeline.headers)
        return Stream(status, headers, parts(output), timeline.split)
    queued = in_background(answer)
    seconds = 0.0 if queued else timeline.duration
    headers = response_headers("application/json", answer.random, seconds, limits, script=timeline.headers)
    if queued:
        return Body(status, headers, body(output, "queued"), End(0.0), split=timeline.split)
    return in_one_piece(answer, status, headers, _whole(output))


def in_background(answer: Answer) -> bool:
    """Whether the answer is made while the client does something else, and is to be asked for later."""
    asked = answer.body.get("background") is True and answer.request.transport == "json"
    return asked and not answer.timeline.only_raw


def refuses(answer: Answer) -> bool:
    """Whether the answer is an HTTP error, and no response comes to be."""
    timeline = answer.timeline
    if not isinstance(timeline.ending, Fail):
        return False
    if answer.request.transport == "json" and not in_background(answer):
        return True
    return not timeline.speaks and failure(answer) is None


def final_status(output: Output) -> str:
    """How the response ends: a cut hits the connection and not the response, so it is completed then too."""
    if isinstance(output.answer.timeline.ending, Fail):
        return "failed"
    return "incomplete" if output.incomplete else "completed"


def _whole(output: Output) -> bytes:
    """The body of an answer in one piece; a script's raw bytes are the body instead.

    A clean cut is a response that has not ended, as a stream without a terminal event leaves it behind.
    """
    timeline = output.answer.timeline
    raw = raw_body(timeline)
    if raw is not None:
        return raw
    ending = timeline.ending
    if isinstance(ending, Cut) and ending.clean:
        return body(output, "in_progress", {"output": output.values("in_progress")})
    return body(output, final_status(output))
