"""A Responses body to a `Request`, with what went before it.

What the API would refuse is refused as the API does, in the order: required parameters, unknown ones, shapes, what
they mean for each other, what they refer to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn, Protocol

from dsl.request import Headers, Request
from mockllm.apis import errors
from mockllm.apis.chat_request import LARGEST_KEPT, MOST_KEPT, HeaderFields, parse
from mockllm.apis.chat_rules import check_schema
from mockllm.apis.errors import ApiError
from mockllm.apis.responses_items import check_calls, input_items, messages, reference_not_found
from mockllm.apis.responses_parameters import BODY, PARAMETERS
from mockllm.apis.validation import missing, refused

Json = dict[str, Any]
Items = tuple[Json, ...]

# Models are named by stored prompts too, of which a mock knows nothing.
PROMPTED_MODEL = "gpt-4o-mini"


class Past(Protocol):
    """What a request can refer to: all that was said before, by the names of what holds it."""

    def response(self, name: str) -> Items | None:
        """All items up to the end of a response, or None if there is no such response."""

    def conversation(self, name: str) -> Items | None:
        """The items of a conversation, or None if there is no such conversation."""

    def item(self, name: str) -> Json | None:
        """An item of a response or a conversation, or None."""


class Nothing:
    """Where nothing has been said."""

    def response(self, name: str) -> Items | None:
        return None

    def conversation(self, name: str) -> Items | None:
        return None

    def item(self, name: str) -> Json | None:
        return None


class _Refers(Exception):
    pass


class _Unknown:
    """Where what was said before is not known: whoever asks for it is told so by `_Refers`."""

    def _refuse(self, name: str) -> NoReturn:
        raise _Refers

    response = conversation = item = _refuse


@dataclass(frozen=True, slots=True)
class Asked:
    """A decoded request: `before` are the items that it continues, `new` those that it brings itself."""

    request: Request
    before: Items
    new: Items

    @property
    def items(self) -> Items:
        return self.before + self.new

    def again(self, **changes: Any) -> Asked:
        """The same once more, see `Request.again`."""
        return Asked(self.request.again(**changes), self.before, self.new)


def decode(
    body: bytes,
    *,
    past: Past | None = None,
    path: str = "",
    query: Mapping[str, str] | None = None,
    headers: HeaderFields = (),
    lenient: bool = False,
) -> Asked:
    """The request that `body` makes; `lenient` lets unknown top-level parameters pass.

    Raises:
        ApiError: status 400 or 404, as the real API words it. Nothing else, whatever the bytes.
    """
    asked = _alone(body, lenient) if len(body) <= LARGEST_KEPT else None
    if asked is None:
        return from_value(parse(body), past=past, path=path, query=query, headers=headers, lenient=lenient)
    headers = headers if isinstance(headers, Headers) else Headers(headers)
    return asked.again(path=path, header=headers, query=query or {})


@lru_cache(maxsize=MOST_KEPT)
def _alone(body: bytes, lenient: bool) -> Asked | None:
    return alone(parse(body), lenient=lenient)


def alone(value: object, *, lenient: bool = False) -> Asked | None:
    """As `from_value`, for a body that refers to nothing that was said before; None if it does."""
    try:
        asked = from_value(value, past=_Unknown(), lenient=lenient)
    except _Refers:
        return None
    asked.request.kept = {}
    return asked


def from_value(
    value: object,
    *,
    past: Past | None = None,
    path: str = "",
    query: Mapping[str, str] | None = None,
    headers: HeaderFields = (),
    lenient: bool = False,
) -> Asked:
    """As `decode`, for a body that `parse` has already read."""
    if not isinstance(value, dict):
        raise errors.not_json()
    check(value, lenient=lenient)
    past = Nothing() if past is None else past
    before = _before(value, past)
    new = tuple(resolved(item, past) for item in input_items(value.get("input") or []))
    check_calls(before + new)
    stream = value.get("stream") is True
    request = Request(
        endpoint="responses",
        transport="sse" if stream else "json",
        path=path,
        header=headers if isinstance(headers, Headers) else Headers(headers),
        query=query or {},
        body=value,
        model=value.get("model", PROMPTED_MODEL),
        messages=messages(before + new, value.get("instructions")),
        tools=tuple(tool_names(value.get("tools") or ())),
        tool_choice=_tool_choice(value.get("tool_choice")),
        temperature=value.get("temperature"),
        top_p=value.get("top_p"),
        max_tokens=value.get("max_output_tokens"),
        stream=stream,
    )
    return Asked(request, before, new)


# -- what a body must keep ---------------------------------------------------------------------------------


def check(body: Json, *, lenient: bool = False) -> None:
    """Check the parameters of a request for themselves.

    Raises:
        ApiError: status 400, as the real API words it.
    """
    prompted = body.get("prompt") is not None
    if "model" not in body and not prompted:
        raise missing("model")
    if not lenient:
        for name in body:
            if name not in PARAMETERS:
                raise refused(name, f"Unknown parameter: '{name}'.", "unknown_parameter")
    BODY.limit(body, "")
    if body.get("previous_response_id") is not None and body.get("conversation") is not None:
        raise refused(
            "previous_response_id",
            "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you are only "
            "providing one of: 'previous_response_id' or 'conversation'.",
            "mutually_exclusive_parameters",
        )
    _check_input(body, prompted)
    if body.get("stream_options") is not None and not body.get("stream"):
        raise refused("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    if body.get("background") and body.get("store") is False:
        raise refused("background", "Background mode requires 'store' to be true.")
    _check_tools(body)
    described = (body.get("text") or {}).get("format") or {}
    if described.get("type") == "json_schema":
        check_schema(
            described["schema"],
            bool(described.get("strict")),
            f"Invalid schema for response_format '{described['name']}'",
            "text.format.schema",
            "invalid_json_schema",
        )


def _check_input(body: Json, prompted: bool) -> None:
    """Something must be answered: new input, a stored prompt, or what was said before."""
    others = (body.get("previous_response_id"), body.get("conversation"))
    if "input" not in body and not prompted and others == (None, None):
        raise ApiError(
            400,
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.",
            param="input",
            code="missing_required_parameter",
        )


def _check_tools(body: Json) -> None:
    tools = body.get("tools") or ()
    for index, tool in enumerate(tools):
        if tool["type"] == "function":
            check_schema(
                tool.get("parameters") or {},
                bool(tool.get("strict")),
                f"Invalid schema for function '{tool['name']}'",
                f"tools[{index}].parameters",
                "invalid_function_parameters",
            )
    choice = body.get("tool_choice")
    if not isinstance(choice, dict) or choice["type"] not in ("function", "custom"):
        return
    if choice["name"] not in tool_names(tools):
        raise refused("tool_choice", f"Tool choice '{choice['name']}' not found in 'tools' parameter.")


# -- what it refers to -------------------------------------------------------------------------------------


def _before(body: Json, past: Past) -> Items:
    previous, conversation = body.get("previous_response_id"), body.get("conversation")
    if previous is not None:
        items = past.response(previous)
        if items is None:
            raise errors.previous_response_not_found(previous)
        return items
    if conversation is not None:
        name = conversation["id"] if isinstance(conversation, dict) else conversation
        items = past.conversation(name)
        if items is None:
            raise errors.not_found("Conversation", name)
        return items
    return ()


def resolved(item: Json, past: Past) -> Json:
    """The item itself, or the one that it refers to.

    Raises:
        ApiError: status 404; there is no such item.
    """
    if item["type"] != "item_reference":
        return item
    found = past.item(item["id"])
    if found is None:
        raise reference_not_found(item["id"])
    return found


# -- tools -------------------------------------------------------------------------------------------------


def tool_names(tools: Any) -> list[str]:
    """The names of the tools: their own, those of a namespace's tools, or the types of hosted ones."""
    found: list[str] = []
    for tool in tools:
        if tool["type"] == "namespace":
            found += [each["name"] for each in tool["tools"] if isinstance(each.get("name"), str)]
        else:
            found.append(tool["name"] if tool["type"] in ("function", "custom") else tool["type"])
    return found


def _tool_choice(choice: Any) -> str | None:
    if not isinstance(choice, dict):
        return choice  # type: ignore[no-any-return]  # it is a text, or was not given
    if choice["type"] == "allowed_tools":
        return str(choice["mode"])
    return str(choice["name"] if choice["type"] in ("function", "custom") else choice["type"])
