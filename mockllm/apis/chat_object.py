"""The `chat.completion` object, and what chunks have in common with it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Set
from functools import lru_cache
from typing import Any

from dsl.speech import Speech, speeches
from dsl.timeline import Call, Cut, TokenLogprob
from mockllm.apis import identifiers
from mockllm.apis.answer import LARGEST_ENCODED, Answer
from mockllm.apis.dialects import DIALECTS
from mockllm.apis.holes import Hole, fill, mark, number_mark, split_at_holes
from mockllm.apis.replies import raw_body
from mockllm.apis.serialise import compact, indented, utf8
from mockllm.apis.usage import usage, usage_object

# Reasoning models leave `logprobs` out and have no fingerprint (seen with the gpt-5 family).
_REASONING = re.compile(r"(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d\d))")

# The margin that the object's keys stand at.
_MARGIN = "\n  "

_HOLE = identifiers.HOLE.encode("ascii")

# What a script's `meta` cannot set: other statements do, or it is meant for the other API.
_SPOKEN = {"choices", "usage", "obfuscation", "error_event"}


def completion(answer: Answer) -> bytes:
    """The body of an answer in one piece; a script's raw bytes are the body instead."""
    timeline = answer.timeline
    raw = raw_body(timeline)
    if raw is not None:
        return raw
    heads, extra = metadata(answer, "chat.completion")
    pieces = answer.kept("body", lambda: _with_holes(answer, heads, extra))
    if pieces is None:
        return identifiers.fill(_encoded(answer, heads, extra).split(_HOLE), answer.random)
    drawn = {"id": heads["id"], "created": str(heads["created"]), "fingerprint": heads["system_fingerprint"] or ""}
    return fill(pieces, {name: value.encode() for name, value in drawn.items()})


def _with_holes(answer: Answer, heads: dict[str, Any], extra: dict[str, Any]) -> tuple[bytes | Hole, ...] | None:
    """The object with holes for its name and time; None if the script sets these, or if calls need names too."""
    marks = {"id": mark("id"), "created": number_mark("created")}
    if heads["system_fingerprint"] is not None:
        marks["system_fingerprint"] = mark("fingerprint")
    encoded = _encoded(answer, heads | marks, extra)
    if len(encoded) > LARGEST_ENCODED or _HOLE in encoded or answer.timeline.meta:
        return None
    return split_at_holes([encoded])


def _encoded(answer: Answer, heads: dict[str, Any], extra: dict[str, Any]) -> bytes:
    timeline = answer.timeline
    said, copies = spoken_choices(answer)
    choices = timeline.once(("choices", traits(answer)), lambda: indented(_choices(answer), _MARGIN))
    told = compact if not timeline.meta else _told  # only a script's own may be anything
    text = (
        f'{{\n  "id": {told(heads["id"])},\n  "object": {told(heads["object"])}'
        f',\n  "created": {told(heads["created"])},\n  "model": {told(heads["model"])},\n  "choices": {choices}'
        f',\n  "usage": {usage_text(*usage(answer, said.values(), copies))}'
        f',\n  "service_tier": {told(heads["service_tier"])}'
        f',\n  "system_fingerprint": {told(heads["system_fingerprint"])}'
        f"{''.join(f',{_MARGIN}{compact(key)}: {_told(value)}' for key, value in extra.items())}\n}}\n"
    )
    return utf8(text)


def _told(value: Any) -> str:
    """A value of the object."""
    return indented(value, _MARGIN)


@lru_cache(maxsize=1024)
def usage_text(prompt: int, completion: int, cached: int, reasoning: int) -> str:
    """The `usage` object in a body."""
    return indented(usage_object(prompt, completion, cached, reasoning), _MARGIN)


def traits(answer: Answer) -> Hashable:
    """What an encoding of choices depends on, beside the timeline."""
    request = answer.request
    bare = not request.tools and not request.n
    return (
        is_reasoning(request.model),
        None if bare else (request.n, request.tool_choice, uses_functions(answer), custom_tools(answer)),
    )


def _choices(answer: Answer) -> list[dict[str, Any]]:
    said, copies = spoken_choices(answer)
    return [
        _choice(answer, index, speech) for first, speech in said.items() for index in range(first, first + copies)
    ]


def metadata(answer: Answer, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keys that an object or chunk opens with, and the further ones that the script adds at its end."""
    model = answer.request.model or ""
    name = identifiers.chat_completion(answer.random)
    fingerprint = identifiers.system_fingerprint(answer.random)
    heads = {
        "id": name,
        "object": kind,
        "created": answer.created,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": None if is_reasoning(model) else fingerprint,
    }
    extra = {}
    for key, value in answer.timeline.meta.items():
        if key in heads:
            heads[key] = value
        elif key not in _SPOKEN:
            extra[key] = value
    return heads, extra


@lru_cache(maxsize=256)
def is_reasoning(model: str | None) -> bool:
    return _REASONING.match(model or "") is not None


def spoken_choices(answer: Answer) -> tuple[dict[int, Speech], int]:
    """What is said by choice, and how often: a script that speaks for choice 0 alone speaks for all `n`."""
    timeline = answer.timeline
    said = timeline.once("speeches", lambda: speeches(timeline.events))
    return said, (answer.request.n or 1) if list(said) == [0] else 1


def finish_reason(answer: Answer, called: bool) -> str:
    """The reason where the script gives none. A call that the client forced by name ends with `stop`."""
    forced = answer.request.tool_choice not in (None, "none", "auto", "required")
    if not called or forced:
        return "stop"
    return "function_call" if uses_functions(answer) else "tool_calls"


def uses_functions(answer: Answer) -> bool:
    """Whether the client speaks the deprecated form of tool calls."""
    return bool(answer.body.get("functions")) and not answer.body.get("tools")


def custom_tools(answer: Answer) -> frozenset[str]:
    """The tools that the client offers as custom ones, which take text instead of JSON."""
    tools = answer.body.get("tools") or ()
    return frozenset(tool["custom"]["name"] for tool in tools if tool["type"] == "custom")


def opened_call(call: Call, custom: Set[str], arguments: str = "") -> dict[str, Any]:
    """A tool call with its identifier, which `identifiers.fill` may have yet to draw: as in a message, and in the
    chunk that opens it."""
    name = identifiers.tool_call_later() if call.id is None else call.id
    if call.name in custom:
        return {"id": name, "type": "custom", "custom": {"name": call.name, "input": arguments}}
    return {"id": name, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def token_logprobs(tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
    content = [
        _token(each.token, each.logprob) | {"top_logprobs": [_token(*other) for other in each.top]}
        for each in tokens
    ]
    return {"content": content, "refusal": None}


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}


def _choice(answer: Answer, index: int, speech: Speech) -> dict[str, Any]:
    ending = answer.timeline.ending
    truncated = isinstance(ending, Cut) and ending.clean
    reason = speech.finish or (None if truncated else finish_reason(answer, bool(speech.calls)))
    choice = {"index": index, "message": _message(answer, speech)}
    if speech.logprobs is not None:
        choice["logprobs"] = token_logprobs(speech.logprobs)
    elif not is_reasoning(answer.request.model):
        choice["logprobs"] = None
    choice["finish_reason"] = reason
    return choice


def _message(answer: Answer, speech: Speech) -> dict[str, Any]:
    silent = not speech.texts and bool(speech.calls or speech.refusals)
    message: dict[str, Any] = {"role": "assistant", "content": None if silent else "".join(speech.texts)}
    if speech.thoughts:
        message["reasoning_content"] = "".join(speech.thoughts)
    calls = [speech.calls[index] for index in sorted(speech.calls)]
    if calls and uses_functions(answer):
        message["function_call"] = {"name": calls[0].call.name, "arguments": calls[0].arguments}
    elif calls:
        custom, dialect = custom_tools(answer), DIALECTS[answer.timeline.dialect]
        opened = [opened_call(each.call, custom, each.arguments) for each in calls]
        message["tool_calls"] = [dialect.in_body(number, call) for number, call in enumerate(opened)]
    message["refusal"] = "".join(speech.refusals) if speech.refusals else None
    message["annotations"] = []
    return message
