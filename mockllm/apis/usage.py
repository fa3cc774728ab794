"""Token counts: the script's where it gives them, estimates of `dsl.tokens` elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from dsl.speech import Speech
from mockllm.apis.answer import Answer


def usage(answer: Answer, said: Collection[Speech], copies: int = 1) -> dict[str, Any]:
    """The `usage` object of Chat Completions, for `copies` of all that was `said`."""
    given = answer.timeline.usage

    def tokens_of(name: str, count: Callable[[], int]) -> int:
        return given[name] if name in given else count()

    prompt = tokens_of("input", lambda: answer.request.messages.tokens)
    completion = tokens_of("output", lambda: copies * sum(each.output for each in said))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": given.get("cached", 0), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tokens_of("reasoning", lambda: copies * sum(each.reasoning for each in said)),
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
