"""The requests of tests: what their keys mean, and the request that each makes.

A test says what it means in short (`user`, `tool_result`, …), or writes the body of a real request. Either way
the request has such a body as a client would send, so that rules which look into it answer as they do when they
are served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dsl.addressing import OTHER, UNSPOKEN
from dsl.request import Headers, Request
from dsl.session_names import SESSION_HEADER
from dsl.templates import to_json
from dsl.testing.bodies import decode

Json = dict[str, Any]

# What a request asks for that names no model, where the script lists none.
MODEL = "gpt-4o-mini"


class Kind(Enum):
    """What kind of value a key takes; the value is how messages put it."""

    TEXT = "a text"
    NUMBER = "a number"
    FLAG = "true or false"
    LIST = "a list"
    OBJECT = "an object"
    TEXTS = "an object of texts"
    ANY = "anything"


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    kind: Kind
    help: str


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key("user", Kind.TEXT, "The text of the user's message."),
        Key("system", Kind.TEXT, "The text of a system message in front; `instructions` on Responses."),
        Key("assistant", Kind.TEXT, "The text of an assistant message before the user's."),
        Key("tool_result", Kind.OBJECT, "What tools gave back, by tool, behind the calls that asked for it."),
        Key("model", Kind.TEXT, "The model; without it, the first that the script lists, else `gpt-4o-mini`."),
        Key("tools", Kind.LIST, "The tools offered: their names, or objects as the API takes them."),
        Key("tool_choice", Kind.ANY, "`none`, `auto`, `required`, the name of a tool, or an object."),
        Key("temperature", Kind.NUMBER, "The sampling temperature."),
        Key("top_p", Kind.NUMBER, "The nucleus sampling mass."),
        Key("max_tokens", Kind.NUMBER, "The most tokens the answer may have; `max_output_tokens` on Responses."),
        Key("n", Kind.NUMBER, "How many choices are asked for."),
        Key("seed", Kind.NUMBER, "The request's own seed."),
        Key("stream", Kind.FLAG, "Whether the answer is streamed."),
        Key(
            "endpoint",
            Kind.TEXT,
            "`chat`, `responses`, `embeddings` or `other`; without it told by `input`.",
        ),
        Key("path", Kind.TEXT, "The path of the URL, if it is not the endpoint's own."),
        Key("header", Kind.TEXTS, "The request's headers."),
        Key("query", Kind.TEXTS, "The URL's query parameters."),
        Key("session", Kind.TEXT, "The session: what the header `x-mockllm-session` names."),
        Key("messages", Kind.LIST, "The whole conversation, as Chat Completions takes it."),
        Key(
            "input",
            Kind.ANY,
            "The conversation, as Responses takes it: a text or items; of embeddings, their input.",
        ),
        Key("instructions", Kind.TEXT, "The instructions, on Responses."),
        Key("body", Kind.OBJECT, "Further keys of the body, whatever they are called."),
    )
}

# Parameters of embeddings, and others of the two APIs: they go into the body as they are.
_OF_EMBEDDINGS = ("dimensions", "encoding_format")
PARAMETERS = frozenset(_OF_EMBEDDINGS) | frozenset(
    "audio background conversation frequency_penalty function_call functions include logit_bias logprobs "
    "max_completion_tokens max_output_tokens max_tool_calls metadata modalities moderation parallel_tool_calls "
    "prediction presence_penalty previous_response_id prompt prompt_cache_key prompt_cache_options "
    "prompt_cache_retention reasoning reasoning_effort response_format safety_identifier service_tier stop store "
    "stream_options text top_logprobs truncation verbosity web_search_options".split()
)
# What stands for a conversation in short, and cannot stand beside a whole one.
SHORT = ("user", "system", "assistant", "tool_result")
# What grows when a request is asked again with more of it.
_ADDED = ("tool_result", "header", "query", "body")
# What is of the call and not of its body.
_AROUND = ("endpoint", "path", "header", "query", "session", "body")
ENDPOINTS = ("chat", "responses", *UNSPOKEN)
# The keys that requests have which are no conversation.
PLAIN = {"embeddings": frozenset({*_AROUND, *_OF_EMBEDDINGS, "model", "input"}), OTHER: frozenset(_AROUND)}


def endpoint_of(keys: Mapping[str, Any]) -> str:
    """The endpoint that a request with these keys goes to."""
    return str(keys.get("endpoint") or ("responses" if "input" in keys else "chat"))


def changed(keys: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a request that is asked again with other ones.

    Results of tools, headers, query parameters and parts of the body are added to those that there are: so a test
    can give a tool's results one after another. Any other key is replaced, and a conversation that is written as a
    whole takes the place of one that is written in short, or the other way round.
    """
    whole = "messages" in others or "input" in others
    short = any(key in others for key in SHORT)
    dropped = SHORT if whole else ("messages", "input") if short else ()
    merged = {key: value for key, value in keys.items() if key not in dropped}
    for key, value in others.items():
        before = merged.get(key)
        adds = key in _ADDED and isinstance(before, dict) and isinstance(value, dict)
        merged[key] = before | value if adds else value
    return merged


def request_of(keys: Mapping[str, Any], model: str) -> Request:
    """The request that a test writes as `keys`; it asks for `model` if it names none."""
    endpoint = endpoint_of(keys)
    header = dict(keys.get("header") or {})
    if "session" in keys:
        header[SESSION_HEADER] = keys["session"]
    if endpoint == OTHER:
        body = keys.get("body") or {}
    elif endpoint == "embeddings":
        body = (
            {"model": model}
            | {key: keys[key] for key in ("model", "input", *_OF_EMBEDDINGS) if key in keys}
            | (keys.get("body") or {})
        )
    else:
        body = _body(keys, endpoint, model)
    return decode(endpoint, body, Headers(header), path=keys.get("path"), query=keys.get("query"))


def _body(keys: Mapping[str, Any], endpoint: str, model: str) -> Json:
    body: Json = {"model": model}
    chat = endpoint == "chat"
    if "messages" not in keys and "input" not in keys:
        body |= _chat(keys) if chat else _responses(keys)
    rest = {key: value for key, value in keys.items() if key not in _AROUND and key not in SHORT}
    if "tools" in rest:
        rest["tools"] = [tool_of(tool, chat) for tool in rest["tools"]]
    if "tool_choice" in rest:
        rest["tool_choice"] = _tool_choice(rest["tool_choice"], chat)
    if not chat and "max_tokens" in rest:
        rest["max_output_tokens"] = rest.pop("max_tokens")
    return body | rest | (keys.get("body") or {})


def _chat(keys: Mapping[str, Any]) -> Json:
    messages: list[Json] = [
        {"role": role, "content": keys[role]} for role in ("system", "assistant", "user") if role in keys
    ]
    results = list((keys.get("tool_result") or {}).items())
    if results:
        calls = [
            {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": "{}"}}
            for number, (name, _) in enumerate(results, 1)
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
    for number, (_, result) in enumerate(results, 1):
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": _result(result)})
    return {"messages": messages}


def _responses(keys: Mapping[str, Any]) -> Json:
    items: list[Json] = [
        {"type": "message", "role": role, "content": keys[role]} for role in ("assistant", "user") if role in keys
    ]
    results = list((keys.get("tool_result") or {}).items())
    for number, (name, _) in enumerate(results, 1):
        items.append({"type": "function_call", "call_id": f"call_{number}", "name": name, "arguments": "{}"})
    for number, (_, result) in enumerate(results, 1):
        items.append({"type": "function_call_output", "call_id": f"call_{number}", "output": _result(result)})
    return {"input": items} | ({"instructions": keys["system"]} if "system" in keys else {})


def _result(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value)


def tool_of(tool: Any, chat: bool) -> Any:
    """A tool as Chat Completions or else Responses takes it; one that is only named takes no arguments."""
    if not isinstance(tool, str):
        return tool
    described = {"name": tool, "parameters": {"type": "object", "properties": {}}}
    return {"type": "function", "function": described} if chat else {"type": "function", **described}


def _tool_choice(choice: Any, chat: bool) -> Any:
    if not isinstance(choice, str) or choice in ("none", "auto", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}} if chat else {"type": "function", "name": choice}
