"""A body of Chat Completions, of Responses or of another endpoint to a `Request`, without a server.

A server refuses what the API would refuse; here a script's own test wrote the body, and what cannot be read in
it is passed over. What can be read means the same as it does when the script is served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dsl.addressing import UNSPOKEN
from dsl.conditions import is_number, text_of
from dsl.request import Headers, Message, Messages, Request, ToolCall

Json = dict[str, Any]

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "embeddings": "/v1/embeddings"}
# Each kind of call of Responses, and where its arguments are.
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_OUTPUT = "_output"


def decode(
    endpoint: str, body: Json, header: Headers, *, path: str | None = None, query: Mapping[str, str] | None = None
) -> Request:
    """The request that `body` makes on `endpoint`."""
    if endpoint in UNSPOKEN:
        return _unspoken(endpoint, body, header, path, query)
    chat = endpoint == "chat"
    conversation = _chat(_objects(body.get("messages"))) if chat else _responses(body)
    choice = body.get("tool_choice", body.get("function_call") if chat else None)
    stream = body.get("stream") is True
    limits = ("max_completion_tokens", "max_tokens") if chat else ("max_output_tokens",)
    return Request(
        endpoint=endpoint,
        transport="sse" if stream else "json",
        path=PATHS[endpoint] if path is None else path,
        header=header,
        query=query or {},
        body=body,
        model=body.get("model"),
        messages=Messages(conversation),
        tools=tuple(_tool_names([*_objects(body.get("tools")), *_objects(body.get("functions"))], chat)),
        tool_choice=_chosen(choice) if isinstance(choice, dict) else choice,
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        max_tokens=next((body[key] for key in limits if body.get(key) is not None), None),
        n=body.get("n") if chat else None,
        seed=body.get("seed") if chat else None,
        stream=stream,
    )


def _unspoken(
    endpoint: str, body: Json, header: Headers, path: str | None, query: Mapping[str, str] | None
) -> Request:
    """A request that is no conversation."""
    asked = body.get("input") if endpoint == "embeddings" else None
    several = isinstance(asked, list) and not all(is_number(each) for each in asked)
    inputs = asked if isinstance(asked, list) and several else [] if asked is None else [asked]
    model = body.get("model")
    return Request(
        endpoint=endpoint,
        path=PATHS.get(endpoint, "") if path is None else path,
        header=header,
        query=query or {},
        body=body,
        model=model if isinstance(model, str) else None,
        texts=tuple(text_of(each) for each in inputs),
    )


def _objects(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _content(content: Any) -> str:
    """The text of a content: all of it, or that of its parts joined by line feeds."""
    if not isinstance(content, list):
        return "" if content is None else text_of(content)
    texts = (part.get("text", part.get("refusal")) for part in content if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


# -- Chat Completions --------------------------------------------------------------------------------------


def _chat(messages: list[Json]) -> Iterable[Message]:
    names: dict[str, str] = {}
    for message in messages:
        role = str(message.get("role", ""))
        calls = tuple(_calls(message)) if role == "assistant" else ()
        names.update({call.id: call.name for call in calls})
        call_id = message.get("tool_call_id") if role == "tool" else None
        content = message.get("content")
        said = message.get("refusal") if content is None and role == "assistant" else content
        name = message.get("name") if role == "function" else names.get(call_id or "")
        yield Message(role, _content(said), content, calls, call_id, name)


def _calls(message: Json) -> Iterable[ToolCall]:
    for call in _objects(message.get("tool_calls")):
        called = call.get(call.get("type", "function"))
        if isinstance(called, dict):
            arguments = called.get("arguments", called.get("input", ""))
            yield ToolCall(str(call.get("id", "")), str(called.get("name", "")), text_of(arguments))
    function = message.get("function_call")
    if isinstance(function, dict):
        yield ToolCall("", str(function.get("name", "")), text_of(function.get("arguments", "")))


# -- Responses ---------------------------------------------------------------------------------------------


def _responses(body: Json) -> Iterable[Message]:
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else _objects(given)
    if isinstance(body.get("instructions"), str):
        yield Message("system", body["instructions"], body["instructions"])
    names: dict[str, str] = {}
    turn: list[Json] = []  # what the assistant said and called without anybody in between
    for item in items:
        kind = item.get("type", "message")
        if kind in _CALLS or (kind == "message" and item.get("role") == "assistant"):
            names[str(item.get("call_id"))] = str(item.get("name"))
            turn.append(item)
        elif kind == "message" or kind.endswith(f"_call{_OUTPUT}"):
            if turn:
                yield _turn(turn)
                turn = []
            yield _message(item) if kind == "message" else _result(item, names)
    if turn:
        yield _turn(turn)


def _message(item: Json) -> Message:
    return Message(str(item.get("role", "")), _content(item.get("content")), item.get("content"))


def _result(item: Json, names: Mapping[str, str]) -> Message:
    kind, call_id, output = item["type"], item.get("call_id"), item.get("output")
    own = None if kind.removesuffix(_OUTPUT) in _CALLS else kind.removesuffix(f"_call{_OUTPUT}")
    return Message("tool", _content(output), output, (), call_id, own or names.get(str(call_id)))


def _turn(items: list[Json]) -> Message:
    said = [item.get("content") for item in items if item.get("type", "message") == "message"]
    calls = tuple(
        ToolCall(
            str(item.get("call_id", "")), str(item.get("name", "")), text_of(item.get(_CALLS[item["type"]], ""))
        )
        for item in items
        if item.get("type") in _CALLS
    )
    content = said[0] if len(said) == 1 else [part for each in said for part in _as_parts(each)]
    return Message("assistant", "\n".join(map(_content, said)), content or None, calls)


def _as_parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "output_text", "text": content}]


# -- tools -------------------------------------------------------------------------------------------------


def _tool_names(tools: list[Json], chat: bool) -> Iterable[str]:
    """The names of the tools: their own, those of a namespace's tools, or the types of hosted ones."""
    for tool in tools:
        kind = tool.get("type")
        described = tool.get(kind) if chat and isinstance(kind, str) else tool
        if kind == "namespace":
            yield from (str(each["name"]) for each in _objects(tool.get("tools")) if "name" in each)
        elif isinstance(described, dict) and "name" in described:
            yield str(described["name"])
        elif "name" in tool:  # a function in the deprecated form
            yield str(tool["name"])
        elif kind is not None:
            yield str(kind)


def _chosen(choice: Json) -> str | None:
    kind = str(choice.get("type", ""))
    described = choice.get(kind, choice)
    if not isinstance(described, dict):
        return None
    found = described.get("mode" if kind == "allowed_tools" else "name", kind)
    return str(found) or None
