"""Embeddings: an answer to the reply that a transport plays.

What the script replies, a list of numbers or one for each input, is the vectors. Where it says nothing, or no rule
answers at all, they are made up: an application that is tested needs some, and rarely cares which.
"""

from __future__ import annotations

import json
from typing import Any

from dsl import tokens
from dsl.speech import speeches
from dsl.timeline import Fail, Raw
from mockllm.apis import errors, vectors
from mockllm.apis.answer import Answer, BadAnswer
from mockllm.apis.embeddings_request import dimensions, inputs
from mockllm.apis.headers import rate_limits, response_headers
from mockllm.apis.replies import error_reply, in_one_piece
from mockllm.apis.serialise import pretty
from mockllm.transports.frames import Reply

# What a script's `meta` cannot set: other statements do.
_SPOKEN = ("data", "usage")


def reply(answer: Answer) -> Reply:
    """How `answer` goes over HTTP: as a body, or as an error.

    Raises:
        BadAnswer: what the script says is no vectors.
    """
    timeline = answer.timeline
    if isinstance(timeline.ending, Fail):
        error = errors.from_fail(timeline.ending, prompt="input")
        return error_reply(error, answer.random, timeline.duration, answer)
    limits = rate_limits(timeline.budgets)
    headers = response_headers(
        "application/json", answer.random, timeline.duration, limits, script=timeline.headers
    )
    return in_one_piece(answer, timeline.status or 200, headers, _body(answer))


def _body(answer: Answer) -> bytes:
    raw = [event.data for event in answer.timeline.events if isinstance(event, Raw)]
    if raw:
        return b"".join(raw)
    found = _vectors(answer)
    if answer.body.get("encoding_format") == "base64":
        encoded: list[Any] = [vectors.as_base64(vector) for vector in found]
    else:
        encoded = [list(vector) for vector in found]
    meta = {key: value for key, value in answer.timeline.meta.items() if key not in _SPOKEN}
    value = {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(encoded)],
        "model": answer.request.model,
        "usage": _usage(answer),
    }
    return pretty(value | meta) + b"\n"


def _vectors(answer: Answer) -> list[vectors.Vector]:
    request = answer.request
    said = next(iter(speeches(answer.timeline.events).values()))
    if said.calls or said.thoughts or said.refusals:
        raise BadAnswer("an embedding has no tool calls, thoughts or refusals")
    if not said.texts:
        length = dimensions(answer.body)
        return [vectors.made_up(request.model or "", text, length) for text in request.texts]
    try:
        value = json.loads("".join(said.texts))
    except (ValueError, RecursionError):
        value = None
    try:
        return vectors.given(value, len(request.texts))
    except ValueError as error:
        raise BadAnswer(str(error)) from None


def _usage(answer: Answer) -> dict[str, int]:
    given = answer.timeline.usage
    asked = given["input"] if "input" in given else sum(map(_tokens, inputs(answer.body)))
    return {"prompt_tokens": asked, "total_tokens": asked}


def _tokens(each: str | list[int]) -> int:
    return tokens.count(each) if isinstance(each, str) else len(each)
