"""A Chat Completions body to a `Request`.

What the API would refuse is refused as the API does. A body whose text holds a lone surrogate (`"\\ud800"`) is
refused as unparsable, as is one with `NaN`, `Infinity`, a number out of range or too deep a nesting: Python's
decoder takes all of these, but they have no JSON or UTF-8 form that an answer or a log could repeat.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isinf
from typing import Any, NoReturn

from dsl.request import Headers, Message, Messages, Request, ToolCall
from mockllm.apis import chat_rules, errors
from mockllm.apis.serialise import compact

# Load tests, retries and pages under test ask the same again and again: what a body says is found out once. Of so
# many bodies that is kept, unless they have more bytes.
MOST_KEPT = 256
LARGEST_KEPT = 4096

Json = dict[str, Any]
HeaderFields = Mapping[str, str] | Iterable[tuple[str, str]]


def decode(
    body: bytes,
    *,
    path: str = "",
    query: Mapping[str, str] | None = None,
    headers: HeaderFields = (),
    lenient: bool = False,
) -> Request:
    """The request that `body` makes; `lenient` lets unknown top-level arguments pass.

    Raises:
        ApiError: status 400, as the real API words it. Nothing else, whatever the bytes.
    """
    asked = _asked(body, lenient) if len(body) <= LARGEST_KEPT else from_value(parse(body), lenient=lenient)
    headers = headers if isinstance(headers, Headers) else Headers(headers)
    return asked.again(path=path, header=headers, query=query or {})


@lru_cache(maxsize=MOST_KEPT)
def _asked(body: bytes, lenient: bool) -> Request:
    asked = from_value(parse(body), lenient=lenient)
    asked.kept = {}
    return asked


def from_value(
    value: object,
    *,
    path: str = "",
    query: Mapping[str, str] | None = None,
    headers: HeaderFields = (),
    lenient: bool = False,
) -> Request:
    """As `decode`, for a body that `parse` has already read."""
    if not isinstance(value, dict):
        raise errors.not_json()
    chat_rules.check(value, lenient=lenient)
    stream = value.get("stream") is True
    limit = value.get("max_completion_tokens")
    return Request(
        endpoint="chat",
        transport="sse" if stream else "json",
        path=path,
        header=headers if isinstance(headers, Headers) else Headers(headers),
        query=query or {},
        body=value,
        model=value["model"],
        messages=_messages(value["messages"]),
        tools=_tools(value),
        tool_choice=_tool_choice(value),
        temperature=value.get("temperature"),
        top_p=value.get("top_p"),
        max_tokens=value.get("max_tokens") if limit is None else limit,
        n=value.get("n"),
        seed=value.get("seed"),
        stream=stream,
    )


# -- JSON --------------------------------------------------------------------------------------------------


def parse(body: bytes) -> Any:
    """The JSON value in `body`.

    Raises:
        ApiError: status 400; it is not JSON in UTF-8, or has no such form again.
    """
    try:
        value = _DECODER.decode(body.decode("utf-8"))
        # Only an escape can bring a surrogate into a text, so only then is the look worth its time.
        if b"\\u" in body:
            compact(value).encode("utf-8")
    except (ValueError, RecursionError):
        raise errors.not_json() from None
    return value


def _finite(literal: str) -> float:
    value = float(literal)
    if isinf(value):
        raise ValueError(literal)
    return value


def _not_a_number(literal: str) -> NoReturn:
    raise ValueError(literal)


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_not_a_number)


# -- the conversation --------------------------------------------------------------------------------------


def _messages(messages: list[Json]) -> Messages:
    names: dict[str, str] = {}
    found = []
    for message in messages:
        calls = tuple(_tool_calls(message))
        # Gateways reuse the ids of calls: the latest call of an id is the one that is answered.
        names.update({call.id: call.name for call in calls})
        role = message["role"]
        call_id = message["tool_call_id"] if role == "tool" else None
        found.append(
            Message(
                role=role,
                text=_text(message),
                content=message.get("content"),
                tool_calls=calls,
                tool_call_id=call_id,
                name=message["name"] if role == "function" else names.get(call_id or ""),
            )
        )
    return Messages(found)


def _text(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part[part["type"]] for part in content if part["type"] in ("text", "refusal"))
    refusal = message.get("refusal") if message["role"] == "assistant" else None
    return refusal or ""


def _tool_calls(message: Json) -> Iterable[ToolCall]:
    if message["role"] != "assistant":
        return
    for call in message.get("tool_calls") or ():
        called = call[call["type"]]
        yield ToolCall(call["id"], called["name"], called["input" if call["type"] == "custom" else "arguments"])
    function = message.get("function_call")
    if function:
        yield ToolCall("", function["name"], function["arguments"])


# -- tools -------------------------------------------------------------------------------------------------


def _tools(body: Json) -> tuple[str, ...]:
    tools = [tool[tool["type"]]["name"] for tool in body.get("tools") or ()]
    return (*tools, *(function["name"] for function in body.get("functions") or ()))


def _tool_choice(body: Json) -> str | None:
    choice = body.get("tool_choice", body.get("function_call"))
    if not isinstance(choice, dict):
        return choice
    if "type" not in choice:
        return str(choice["name"])
    chosen = choice[choice["type"]]
    return str(chosen["mode"] if choice["type"] == "allowed_tools" else chosen["name"])
