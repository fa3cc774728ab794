"""The items of a conversation, and the messages that they are to rules.

A model's turn is several items here (reasoning, a message, calls) where Chat Completions has one message. All that
stand together become one message of the assistant, so that `turn` and `tool_result` mean the same on both APIs.
Items that say nothing to a rule (reasoning, calls that the API itself has made, compactions) become no message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dsl.request import Message, Messages, ToolCall
from mockllm.apis.errors import ApiError
from mockllm.apis.responses_parameters import item_type
from mockllm.apis.serialise import compact
from mockllm.apis.validation import refused

Json = dict[str, Any]

# For each call that the client answers: how a refusal calls it, and where its arguments are.
_CALLS = {"function_call": ("function call", "arguments"), "custom_tool_call": ("custom tool call", "input")}


def input_items(given: str | list[Json]) -> list[Json]:
    """The input of a request as items, each with a type. A text is one message of the user."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    return [{**item, "type": item_type(item)} for item in given]


def check_calls(items: Iterable[Json]) -> None:
    """Each output answers a call that stands before it, and each call is answered.

    Raises:
        ApiError: status 400, as the real API words it.
    """
    waiting: dict[tuple[str, str], None] = {}
    called: set[tuple[str, str]] = set()
    for item in items:
        kind = item["type"]
        if kind in _CALLS:
            waiting[kind, item["call_id"]] = None
            called.add((kind, item["call_id"]))
        elif kind.removesuffix("_output") in _CALLS:
            call = (kind.removesuffix("_output"), item["call_id"])
            if call not in called:
                name = _CALLS[call[0]][0]
                raise refused("input", f"No tool call found for {name} output with call_id {call[1]}.")
            waiting.pop(call, None)
    for kind, call_id in waiting:
        raise refused("input", f"No tool output found for {_CALLS[kind][0]} {call_id}.")


def messages(items: Iterable[Json], instructions: str | None = None) -> Messages:
    """The conversation that the items make, behind the `instructions`, if any."""
    found = [] if instructions is None else [Message("system", instructions, instructions)]
    names: dict[str, str] = {}
    turn: list[Json] = []
    for item in items:
        kind = item["type"]
        if kind in _CALLS:
            names[item["call_id"]] = item["name"]
            turn.append(item)
        elif kind == "message" and item["role"] == "assistant":
            turn.append(item)
        elif kind == "message" or kind.endswith("_call_output"):
            if turn:
                found.append(_turn(turn))
                turn = []
            found.append(_message(item) if kind == "message" else _result(item, names))
    if turn:
        found.append(_turn(turn))
    return Messages(found)


def text_of(content: Any) -> str:
    """The text of a content: all of it, or that of its parts joined by line feeds."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return "" if content is None else compact(content)
    texts = (part.get("text", part.get("refusal")) for part in content if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


# The prefixes of identifiers where they are not those of messages.
_PREFIXES = {
    "compaction": "cmp",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
}
# Items that have no `status`.
_STATELESS = ("compaction", "reasoning")


def as_listed(item: Json, identify: Callable[[str], str]) -> Json:
    """An input item as the API lists it: with an identifier, a status, and its text in parts.

    `identify` makes an identifier with the prefix that it is given.
    """
    kind = item["type"]
    listed: Json = {"id": item.get("id") or identify(_PREFIXES.get(kind, "msg")), "type": kind}
    if kind not in _STATELESS:
        listed["status"] = item.get("status") or "completed"
    listed |= {key: value for key, value in item.items() if key not in listed and key != "role"}
    if kind == "message":
        part = "output_text" if item["role"] == "assistant" else "input_text"
        if isinstance(item["content"], str):
            listed["content"] = [{"type": part, "text": item["content"]}]
            if part == "output_text":
                listed["content"][0] |= {"annotations": [], "logprobs": []}
    return listed | ({"role": item["role"]} if "role" in item else {})


def reference_not_found(name: str) -> ApiError:
    return ApiError(404, f"Item with id '{name}' not found.", param="input")


def _turn(items: list[Json]) -> Message:
    """What the assistant said and called without anybody in between."""
    said = [item["content"] for item in items if item["type"] == "message"]
    calls = (
        ToolCall(item["call_id"], item["name"], item[_CALLS[item["type"]][1]])
        for item in items
        if item["type"] in _CALLS
    )
    content = said[0] if len(said) == 1 else [part for each in said for part in _as_parts(each)]
    return Message("assistant", "\n".join(map(text_of, said)), content or None, tuple(calls))


def _as_parts(content: Any) -> list[Any]:
    return [{"type": "output_text", "text": content}] if isinstance(content, str) else content


def _message(item: Json) -> Message:
    return Message(item["role"], text_of(item["content"]), item["content"])


def _result(item: Json, names: dict[str, str]) -> Message:
    """The result of a call; one of a tool that the API knows itself has that tool's name."""
    kind: str = item["type"]
    call_id = item.get("call_id")
    known = names.get(call_id) if isinstance(call_id, str) else None
    own = None if kind.removesuffix("_output") in _CALLS else kind.removesuffix("_call_output")
    output = item.get("output")
    return Message(
        "tool",
        text_of(output),
        output,
        tool_call_id=call_id if isinstance(call_id, str) else None,
        name=own or known,
    )
