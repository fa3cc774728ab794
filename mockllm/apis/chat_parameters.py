"""The parameters of a Chat Completions request: one table, from which a body is checked.

The names and shapes are those of the `openai` package's types (3.54); which parameters may be null is read
from there too. Limits are those of the API reference.
"""

from __future__ import annotations

from mockllm.apis.validation import (
    Array,
    Boolean,
    Choice,
    Decimal,
    Either,
    Field,
    Integer,
    Kind,
    Object,
    Pairs,
    Tagged,
    Text,
    never_null,
    optional,
    required,
    required_or_null,
)

NAME = Text(longest=64, pattern="^[a-zA-Z0-9_-]+$")
PARTICIPANT = Text(longest=64, pattern=r"^[^\s<|\\/>]+$")
INT64 = Integer(-(2**63), 2**63 - 1)


# -- messages ----------------------------------------------------------------------------------------------

_PARTS: dict[str, Kind] = {
    "text": Object({"text": required(Text())}),
    "image_url": Object({"image_url": required(Object({"url": required(Text()), "detail": optional(Text())}))}),
    "input_audio": Object(
        {"input_audio": required(Object({"data": required(Text()), "format": required(Text())}))}
    ),
    "refusal": Object({"refusal": required(Text())}),
    "file": Object({"file": required(Object())}),
}


def _content(*parts: str) -> Kind:
    return Either(Text(), Array(Tagged("type", {name: _PARTS[name] for name in parts}), least=1))


_CALLED_FUNCTION = Object({"name": required(Text()), "arguments": required(Text())})

TOOL_CALL = Tagged(
    "type",
    {
        "function": Object({"id": required(Text()), "function": required(_CALLED_FUNCTION)}),
        "custom": Object(
            {
                "id": required(Text()),
                "custom": required(Object({"name": required(Text()), "input": required(Text())})),
            }
        ),
    },
)

_INSTRUCTIONS = Object({"content": required(_content("text")), "name": optional(PARTICIPANT)})

# In the order in which the API lists the roles.
MESSAGE = Tagged(
    "role",
    {
        "system": _INSTRUCTIONS,
        "assistant": Object(
            {
                "content": optional(_content("text", "refusal")),
                "name": optional(PARTICIPANT),
                "refusal": optional(Text()),
                "audio": optional(Object({"id": required(Text())})),
                "tool_calls": optional(Array(TOOL_CALL, least=1, most=128)),
                "function_call": optional(_CALLED_FUNCTION),
            }
        ),
        "user": Object(
            {
                "content": required(_content("text", "image_url", "input_audio", "file")),
                "name": optional(PARTICIPANT),
            }
        ),
        "function": Object({"content": required_or_null(Text()), "name": required(Text())}),
        "tool": Object({"content": required(_content("text")), "tool_call_id": required(Text())}),
        "developer": _INSTRUCTIONS,
    },
)


# -- tools -------------------------------------------------------------------------------------------------

FUNCTION = Object(
    {
        "name": required(NAME),
        "description": optional(Text()),
        "parameters": optional(Object()),
        "strict": optional(Boolean()),
    }
)

TOOL = Tagged(
    "type",
    {
        "function": Object({"function": required(FUNCTION)}),
        "custom": Object(
            {
                "custom": required(
                    Object(
                        {
                            "name": required(NAME),
                            "description": optional(Text()),
                            "format": optional(Tagged("type", {"text": Object(), "grammar": Object()})),
                        }
                    )
                )
            }
        ),
    },
)

_NAMED = required(Object({"name": required(Text())}))
_ALLOWED = Object({"mode": required(Choice("auto", "required")), "tools": required(Array(Object()))})

TOOL_CHOICE = Either(
    Choice("none", "auto", "required"),
    Tagged(
        "type",
        {
            "function": Object({"function": _NAMED}),
            "allowed_tools": Object({"allowed_tools": required(_ALLOWED)}),
            "custom": Object({"custom": _NAMED}),
        },
    ),
)


# -- the rest ----------------------------------------------------------------------------------------------

_JSON_SCHEMA = Object(
    {
        "name": required(NAME),
        "description": optional(Text()),
        "schema": optional(Object()),
        "strict": optional(Boolean()),
    }
)

RESPONSE_FORMAT = Tagged(
    "type",
    {
        "json_object": Object(),
        "json_schema": Object({"json_schema": required(_JSON_SCHEMA)}),
        "text": Object(),
    },
)

PARAMETERS: dict[str, Field] = {
    "model": required(Text()),
    "messages": required(Array(MESSAGE, least=1)),
    "audio": optional(Object()),
    "frequency_penalty": optional(Decimal(-2, 2)),
    "function_call": never_null(Either(Choice("none", "auto"), Object({"name": required(Text())}))),
    "functions": never_null(Array(FUNCTION, least=1, most=128)),
    "logit_bias": optional(Pairs(Decimal(-100, 100))),
    "logprobs": optional(Boolean()),
    "max_completion_tokens": optional(Integer(1)),
    "max_tokens": optional(Integer(1)),
    "metadata": optional(Pairs(Text(longest=512), most=16, longest_key=64)),
    "modalities": optional(Array(Choice("text", "audio"))),
    "moderation": optional(Object()),
    "n": optional(Integer(1, 128)),
    "parallel_tool_calls": never_null(Boolean()),
    "prediction": optional(Object()),
    "presence_penalty": optional(Decimal(-2, 2)),
    "prompt_cache_key": optional(Text(longest=64)),
    "prompt_cache_options": never_null(Object()),
    "prompt_cache_retention": optional(Choice("in_memory", "24h")),
    "reasoning_effort": optional(Choice("none", "minimal", "low", "medium", "high", "xhigh", "max")),
    "response_format": never_null(RESPONSE_FORMAT),
    "safety_identifier": optional(Text(longest=64)),
    "seed": optional(INT64),
    "service_tier": optional(Choice("auto", "default", "fast", "flex", "priority", "scale")),
    "stop": optional(Either(Text(), Array(Text(), most=4))),
    "store": optional(Boolean()),
    "stream": optional(Boolean()),
    "stream_options": optional(
        Object({"include_usage": optional(Boolean()), "include_obfuscation": optional(Boolean())})
    ),
    "temperature": optional(Decimal(0, 2)),
    "tool_choice": never_null(TOOL_CHOICE),
    "tools": never_null(Array(TOOL, least=1, most=128)),
    "top_logprobs": optional(Integer(0, 20)),
    "top_p": optional(Decimal(0, 1)),
    "user": never_null(Text()),
    "verbosity": optional(Choice("low", "medium", "high")),
    "web_search_options": never_null(Object()),
}

BODY = Object(PARAMETERS)
