"""The one view of a call that rules, templates and tests see, whatever the wire it came on.

An API decodes a body into a `Request`; everything that can be told from the conversation itself (`user`,
`turn`, `tool_result`, ...) is derived here, once, so that a field means the same on every endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, overload

from dsl import tokens

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that an assistant message of the request asks for. `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation.

    `text` is its text, that of several content parts joined by line feeds; `content` is the content as it was
    sent. `tool_call_id` and `name` say which call a tool's result answers; a decoder gives both where it can.
    """

    role: str
    text: str = ""
    content: Any = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


class Messages(tuple[Message, ...]):
    """The conversation, oldest message first."""

    __slots__ = ()

    @property
    def tokens(self) -> int:
        """About how many tokens the conversation has, with the 3 that frame each message and the reply."""
        return 3 + sum(3 + tokens.count(message.text) for message in self)


class Headers(Mapping[str, str]):
    """Header fields; names are looked up in any case."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        self._fields = {name.lower(): value for name, value in pairs}

    @classmethod
    def of_lower(cls, fields: dict[str, str]) -> Headers:
        """Fields whose names are in lower case. They are taken as they are, and not copied."""
        headers = cls.__new__(cls)
        headers._fields = fields
        return headers

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    @overload
    def get(self, name: str, /) -> str | None: ...

    @overload
    def get(self, name: str, /, default: str | T) -> str | T: ...

    def get(self, name: str, /, default: Any = None) -> Any:
        return self._fields.get(
            name.lower(), default
        )  # `Mapping` would raise and catch for each that is not there

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class Result:
    """What a tool gave back: its text, or, where that is JSON, also the value inside it.

    It prints as the text; `result["temp"]` (in a template also `result.temp`) looks into the value.
    """

    __slots__ = ("text", "value")

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.value: Any = json.loads(text)
        except (ValueError, RecursionError):
            self.value = text

    def __str__(self) -> str:
        return self.text

    def __bool__(self) -> bool:
        return bool(self.text)

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, key: str | int) -> Any:
        if isinstance(self.value, str):
            raise KeyError(key)
        return self.value[key]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Result):
            return self.text == other.text
        return other in (self.text, self.value)

    def __hash__(self) -> int:
        return hash(self.text)


class Results(Mapping[str, Result]):
    """The tools' results since the last user message, by the tool's name; several of one tool are joined."""

    __slots__ = ("_results",)

    def __init__(self, results: Iterable[tuple[str, str]] = ()) -> None:
        texts: dict[str, list[str]] = {}
        for name, text in results:
            texts.setdefault(name, []).append(text)
        self._results = {name: Result("\n".join(found)) for name, found in texts.items()}

    def __getitem__(self, name: str) -> Result:
        return self._results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    def __str__(self) -> str:
        return "\n".join(str(result) for result in self._results.values())


@dataclass
class Request:
    """A call, decoded.

    `endpoint` is `chat`, `responses`, ...; `transport` is `json`, `sse` or `websocket`. `tools` are the names
    of the tools offered; `tool_choice` is the mode, or the name of the tool that is forced. `max_tokens` is
    whichever limit the API has. `texts` is the input of an endpoint that has no messages (embeddings).
    `elapsed` is in seconds since a socket was opened. What a client left out is None.

    `kept` is what others have made of it, and shared by all that are the same byte by byte; None if nobody looks
    for such.
    """

    endpoint: str = "chat"
    transport: str = "json"
    path: str = ""
    header: Headers = field(default_factory=Headers)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    model: str | None = None
    messages: Messages = field(default_factory=Messages)
    tools: tuple[str, ...] = ()
    tool_choice: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    n: int | None = None
    seed: int | None = None
    stream: bool = False
    session: str = ""
    event: str | None = None
    elapsed: float | None = None
    texts: tuple[str, ...] = ()
    kept: dict[Any, Any] | None = field(default=None, init=False, compare=False, repr=False)

    def again(self, **changes: Any) -> Request:
        """The same call once more, with some fields of its own. What was told from its conversation stays."""
        # `dataclasses.replace` takes as long as to decode a short body.
        again = object.__new__(Request)
        again.__dict__ = self.__dict__ | changes
        return again

    @cached_property
    def user(self) -> str | None:
        """The text of the last user message."""
        return self._last_text("user")

    @cached_property
    def assistant(self) -> str | None:
        """The text of the last assistant message."""
        return self._last_text("assistant")

    @cached_property
    def system(self) -> str | None:
        """The text of every system and developer message, joined by line feeds."""
        found = [message.text for message in self.messages if message.role in ("system", "developer")]
        return "\n".join(found) if found else None

    @cached_property
    def turn(self) -> int:
        """Which turn of the conversation this is: its assistant messages, plus one."""
        return 1 + sum(message.role == "assistant" for message in self.messages)

    @cached_property
    def last(self) -> str | None:
        """The role of the last message."""
        return self.messages[-1].role if self.messages else None

    @cached_property
    def input(self) -> str | None:
        """All that is new since the last assistant message, as one text; on embeddings, their input."""
        if self.texts:
            return "\n".join(self.texts)
        found: list[str] = []
        for message in reversed(self.messages):
            if message.role == "assistant":
                break
            if message.role not in ("system", "developer"):
                found.append(message.text)
        return "\n".join(reversed(found)) if found else None

    @cached_property
    def tool_result(self) -> Results:
        """What tools gave back since the last user message."""
        found: list[tuple[str, str]] = []
        for message in reversed(self.messages):
            if message.role == "user":
                break
            if message.role in ("tool", "function"):
                found.append((message.name or message.tool_call_id or "", message.text))
        return Results(reversed(found))

    def _last_text(self, role: str) -> str | None:
        return next((message.text for message in reversed(self.messages) if message.role == role), None)
