"""The catalogue of request fields: what a condition can test and a template can print.

Fields are not keywords. The compiler, the checker, messages and the documentation all read this catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dsl.request import Request, Result
from dsl.session import Session


class Type(Enum):
    """What kind of value a field holds; the value is how messages put it."""

    TEXT = "a text"
    NUMBER = "a number"
    FLAG = "true or false"
    COLLECTION = "a collection"
    JSON = "JSON"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the catalogue.

    `words` are the bare words that it can be compared to; a field that has some takes no others.
    """

    name: str
    type: Type
    help: str
    words: tuple[str, ...] = ()


_ENDPOINTS = ("chat", "responses", "embeddings", "socket", "other")
_ROLES = ("user", "assistant", "tool", "system", "developer", "function")

CATALOGUE: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("model", Type.TEXT, "The model that the request names."),
        Field("user", Type.TEXT, "The text of the last user message."),
        Field("system", Type.TEXT, "The text of every system and developer message and of `instructions`."),
        Field("assistant", Type.TEXT, "The text of the last assistant message."),
        Field("input", Type.TEXT, "All that is new since the last assistant message; on embeddings, the input."),
        Field("last", Type.TEXT, "The role of the last message.", _ROLES),
        Field("messages", Type.JSON, "The conversation, oldest message first; each has `role` and `text`."),
        Field("turn", Type.NUMBER, "The assistant messages in the conversation, plus one."),
        Field("nth", Type.NUMBER, "How often the rest of the condition has held in this session."),
        Field("tools", Type.COLLECTION, "The names of the tools that are offered."),
        Field("tool_choice", Type.TEXT, "`none`, `auto`, `required`, or the name of the tool that is forced."),
        Field("tool_result", Type.JSON, "What tools gave back since the last user message, by tool."),
        Field("temperature", Type.NUMBER, "The sampling temperature."),
        Field("top_p", Type.NUMBER, "The nucleus sampling mass."),
        Field("max_tokens", Type.NUMBER, "The most tokens the answer may have, under any of its names."),
        Field("n", Type.NUMBER, "How many choices are asked for."),
        Field("seed", Type.NUMBER, "The request's own seed."),
        Field("stream", Type.FLAG, "Whether the answer is to be streamed."),
        Field("endpoint", Type.TEXT, "Which endpoint was called.", _ENDPOINTS),
        Field("transport", Type.TEXT, "How the answer travels.", ("json", "sse", "websocket")),
        Field("session", Type.TEXT, "The name of the session that the request belongs to."),
        Field("path", Type.TEXT, "The path of the URL, with `/v1`."),
        Field("header", Type.JSON, "The request's headers, by name in any case."),
        Field("query", Type.JSON, "The URL's query parameters."),
        Field("body", Type.JSON, "The body as it was sent."),
        Field("memory", Type.JSON, "What `remember` has put by in this session."),
        Field("event", Type.TEXT, "The type of the event that came over a socket."),
        Field("elapsed", Type.NUMBER, "Seconds since the socket was opened."),
    )
}

# Fields that consist of parts: only these can be followed by `.name` or `["name"]`.
PARTED = {name for name, field in CATALOGUE.items() if field.type is Type.JSON}


def read(name: str, path: Sequence[str | int], request: Request, session: Session) -> Any:
    """The value of a field, or None if the request lacks it. (`nth` is the table's to tell.)"""
    value: Any = session.memory if name == "memory" else getattr(request, name)
    for step in path:
        value = part(value, step)
    return value


def part(value: Any, step: str | int) -> Any:
    """One part of a value, or None."""
    holder: Any = value
    if isinstance(value, Mapping | Result) or (isinstance(value, list | tuple) and isinstance(step, int)):
        try:
            return holder[step]
        except (LookupError, TypeError, AttributeError):
            return None
    # Of our own objects the public attributes are parts, too.
    if not isinstance(step, str) or step.startswith("_") or type(value).__module__ != "dsl.request":
        return None
    found = getattr(value, step, None)
    return None if callable(found) else found
