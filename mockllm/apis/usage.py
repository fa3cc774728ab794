"""Token counts: the script's where it gives them, estimates of `dsl.tokens` elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from dsl.speech import Speech
from mockllm.apis.answer import Answer


class Usage(NamedTuple):
    """The counts of one answer."""

    prompt: int
    completion: int
    cached: int
    reasoning: int


def usage(answer: Answer, said: Collection[Speech], copies: int = 1) -> Usage:
    """The counts of an answer, of which there are `copies` of all that was `said`."""
    timeline = answer.timeline
    given = timeline.usage

    def counted() -> tuple[int, int]:
        output = given["output"] if "output" in given else copies * sum(each.output for each in said)
        if "reasoning" in given:
            return output, given["reasoning"]
        return output, copies * sum(each.reasoning for each in said)

    prompt = given.get("input")
    if prompt is None:
        prompt = answer.request.messages.tokens
    output, reasoning = timeline.once(("usage", copies), counted)
    return Usage(prompt, output, given.get("cached", 0), reasoning)


def usage_object(prompt: int, completion: int, cached: int, reasoning: int) -> dict[str, Any]:
    """The `usage` object of Chat Completions."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def response_usage(input_tokens: int, output_tokens: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    """The `usage` object of Responses."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": cached},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input_tokens + output_tokens,
    }
