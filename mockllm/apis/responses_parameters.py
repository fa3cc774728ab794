"""The parameters of a Responses request: one table, from which a body is checked.

The names and shapes are those of the `openai` package's types (3.54); which parameters may be null is read from
there too. Limits are those of the API reference. Items and tools of kinds that a mock has no use for are let
through as they are.
"""

from __future__ import annotations

from typing import Any

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
    invalid_type,
    invalid_value,
    missing,
    never_null,
    optional,
    required,
)

NAME = Text(longest=64, pattern="^[a-zA-Z0-9_-]+$")
METADATA = Pairs(Text(longest=512), most=16, longest_key=64)


# -- input -------------------------------------------------------------------------------------------------

_TEXT = Object({"text": required(Text())})
_INPUT_PARTS: dict[str, Kind] = {
    "input_text": _TEXT,
    "input_image": Object(
        {"image_url": optional(Text()), "file_id": optional(Text()), "detail": optional(Text())}
    ),
    "input_file": Object(
        {"file_id": optional(Text()), "file_data": optional(Text()), "file_url": optional(Text())}
    ),
}
_OUTPUT_PARTS: dict[str, Kind] = {
    "output_text": _TEXT,
    "refusal": Object({"refusal": required(Text())}),
}


def _content(parts: dict[str, Kind]) -> Kind:
    return Either(Array(Tagged("type", parts)), Text())


_FROM_OUTSIDE = Object({"content": required(_content(_INPUT_PARTS))})
_MESSAGE = Tagged(
    "role",
    {
        "assistant": Object({"content": required(_content(_OUTPUT_PARTS)), "phase": optional(Text())}),
        "system": _FROM_OUTSIDE,
        "developer": _FROM_OUTSIDE,
        "user": _FROM_OUTSIDE,
    },
)
_CALL_ID = required(Text(longest=64))
_OUTPUT = Object({"call_id": _CALL_ID, "output": required(_content(_INPUT_PARTS))})
_ANY = Object()

ITEMS: dict[str, Kind] = {
    "message": _MESSAGE,
    "function_call": Object({"call_id": _CALL_ID, "name": required(Text()), "arguments": required(Text())}),
    "function_call_output": _OUTPUT,
    "custom_tool_call": Object({"call_id": _CALL_ID, "name": required(Text()), "input": required(Text())}),
    "custom_tool_call_output": _OUTPUT,
    "reasoning": Object(
        {
            "summary": required(Array(Tagged("type", {"summary_text": _TEXT}))),
            "content": optional(Array(Tagged("type", {"reasoning_text": _TEXT}))),
            "encrypted_content": optional(Text()),
        }
    ),
    "item_reference": Object({"id": required(Text())}),
    "compaction": Object({"encrypted_content": required(Text())}),
} | dict.fromkeys(
    (
        "additional_tools apply_patch_call apply_patch_call_output code_interpreter_call compaction_trigger "
        "computer_call computer_call_output configuration_update file_search_call image_generation_call "
        "local_shell_call local_shell_call_output mcp_approval_request mcp_approval_response mcp_call "
        "mcp_list_tools program program_output shell_call shell_call_output tool_search_call "
        "tool_search_output web_search_call"
    ).split(),
    _ANY,
)


def item_type(item: dict[str, Any]) -> Any:
    """The type of an input item. One without a type is a message, or a reference if it has no role."""
    named = item.get("type")
    if named is not None:
        return named
    return "item_reference" if "role" not in item and "id" in item else "message"


class Item(Kind):
    """An input item."""

    expected = "an object"

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict)

    def limit(self, value: dict[str, Any], path: str) -> None:
        named = item_type(value)
        if not isinstance(named, str):
            raise invalid_type(f"{path}.type", "a string", named)
        if named not in ITEMS:
            raise invalid_value(path, named, tuple(sorted(ITEMS)))
        ITEMS[named].limit(value, path)


INPUT = Either(Text(), Array(Item()))


# -- tools -------------------------------------------------------------------------------------------------


class Typed(Kind):
    """An object with a type of which there are many: those that are known are checked, others let through."""

    expected = "an object"
    plural = "objects"

    def __init__(self, known: dict[str, Kind]) -> None:
        self.known = known

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict)

    def limit(self, value: dict[str, Any], path: str) -> None:
        if "type" not in value:
            raise missing(f"{path}.type")
        Text().check(value["type"], f"{path}.type")
        known = self.known.get(value["type"])
        if known is not None:
            known.limit(value, path)


TOOL = Typed(
    {
        "function": Object(
            {
                "name": required(NAME),
                "description": optional(Text()),
                "parameters": optional(Object()),
                "strict": optional(Boolean()),
            }
        ),
        "custom": Object(
            {
                "name": required(NAME),
                "description": optional(Text()),
                "format": optional(Tagged("type", {"text": Object(), "grammar": Object()})),
            }
        ),
        "mcp": Object({"server_label": required(Text())}),
        "namespace": Object({"name": required(Text()), "tools": required(Array(Object()))}),
    }
)

TOOL_CHOICE = Typed(
    {
        "function": Object({"name": required(Text())}),
        "custom": Object({"name": required(Text())}),
        "mcp": Object({"server_label": required(Text()), "name": optional(Text())}),
        "allowed_tools": Object(
            {"mode": required(Choice("auto", "required")), "tools": required(Array(Object()))}
        ),
    }
)


# -- the rest ----------------------------------------------------------------------------------------------

_SCHEMA_FORMAT = Object(
    {
        "name": required(NAME),
        "description": optional(Text()),
        "schema": required(Object()),
        "strict": optional(Boolean()),
    }
)
_FORMAT = Tagged("type", {"json_object": Object(), "json_schema": _SCHEMA_FORMAT, "text": Object()})
_SUMMARY = Choice("auto", "concise", "detailed")

PARAMETERS: dict[str, Field] = {
    "access_programs": never_null(Object()),
    "background": optional(Boolean()),
    "background_options": never_null(Object()),
    "context_management": optional(
        Array(Object({"type": required(Text()), "compact_threshold": optional(Integer())}))
    ),
    "conversation": optional(Either(Text(), Object({"id": required(Text())}))),
    "image": never_null(Object()),
    "include": optional(
        Array(
            Choice(
                "file_search_call.results",
                "web_search_call.results",
                "web_search_call.action.sources",
                "message.input_image.image_url",
                "computer_call_output.output.image_url",
                "code_interpreter_call.outputs",
                "reasoning.encrypted_content",
                "message.output_text.logprobs",
            )
        )
    ),
    "input": never_null(INPUT),
    "instructions": optional(Text()),
    "max_output_tokens": optional(Integer(16)),
    "max_tool_calls": optional(Integer(1)),
    "metadata": optional(METADATA),
    "model": never_null(Text()),
    "moderation": optional(Object()),
    "parallel_tool_calls": optional(Boolean()),
    "previous_response_id": optional(Text()),
    "prompt": optional(
        Object({"id": required(Text()), "version": optional(Text()), "variables": optional(Object())})
    ),
    "prompt_cache_key": optional(Text(longest=64)),
    "prompt_cache_options": never_null(Object()),
    "prompt_cache_retention": optional(Choice("in_memory", "24h")),
    "reasoning": optional(
        Object(
            {
                "context": optional(Choice("auto", "current_turn", "all_turns")),
                "effort": optional(Choice("none", "minimal", "low", "medium", "high", "xhigh", "max")),
                "generate_summary": optional(_SUMMARY),
                "mode": optional(Text()),
                "summary": optional(_SUMMARY),
            }
        )
    ),
    "safety_identifier": optional(Text(longest=128)),
    "service_tier": optional(Choice("auto", "default", "fast", "flex", "priority", "scale", "ultrafast")),
    "store": optional(Boolean()),
    "stream": optional(Boolean()),
    "stream_options": optional(Object({"include_obfuscation": optional(Boolean())})),
    "temperature": optional(Decimal(0, 2)),
    "text": never_null(
        Object({"format": optional(_FORMAT), "verbosity": optional(Choice("low", "medium", "high"))})
    ),
    "tool_choice": never_null(Either(Choice("none", "auto", "required"), TOOL_CHOICE)),
    "tools": never_null(Array(TOOL, most=128)),
    "top_logprobs": optional(Integer(0, 20)),
    "top_p": optional(Decimal(0, 1)),
    "truncation": optional(Choice("auto", "disabled")),
    "user": never_null(Text()),
}

BODY = Object(PARAMETERS)
