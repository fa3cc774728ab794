"""The response object: its keys in the order of the wire, with the request's parameters echoed in it.

Most values of most responses are the API's defaults. Those are encoded once for all; what an answer adds is
encoded as it is needed, and the texts are joined. Streams send the object three times or more, in which only a
few keys differ.

A script's `meta` replaces the value of any key but `output`, `usage` and `error_event` (see `responses_stream`),
and adds its other keys at the end. Null takes a key out that is not always there: not all of the real API's bodies
have `billing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockllm.apis.answer import LARGEST_ENCODED
from mockllm.apis.chat_object import is_reasoning
from mockllm.apis.holes import Hole, fill, split_at_holes
from mockllm.apis.responses_output import Output
from mockllm.apis.serialise import compact, escaped, indented

Json = dict[str, Any]

# Seen in the real API's traffic. Keys of `_OPTIONAL` are there only if they have a value; the rest always.
_ORDER = (
    "id object created_at status background billing completed_at conversation error frequency_penalty "
    "incomplete_details instructions max_output_tokens max_tool_calls model moderation output parallel_tool_calls "
    "presence_penalty previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention "
    "reasoning safety_identifier service_tier store temperature text tool_choice tool_usage tools top_logprobs "
    "top_p truncation usage user metadata"
).split()
_OPTIONAL = {"billing", "conversation", "prompt", "prompt_cache_options"}

# What a script's `meta` cannot set: other statements do, or it is meant for the encoder.
_SPOKEN = {"output", "usage", "error_event"}

_NO_IMAGE_TOKENS = {"image_tokens": 0, "text_tokens": 0}
_DEFAULTS: Json = {
    "object": "response",
    "background": False,
    "completed_at": None,
    "error": None,
    "frequency_penalty": 0.0,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "moderation": None,
    "output": [],
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": "in_memory",
    "reasoning": {"context": None, "effort": None, "mode": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "auto",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tool_usage": {
        "image_gen": {
            "input_tokens": 0,
            "input_tokens_details": _NO_IMAGE_TOKENS,
            "output_tokens": 0,
            "output_tokens_details": _NO_IMAGE_TOKENS,
            "total_tokens": 0,
        },
        "web_search": {"num_requests": 0},
    },
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
    "metadata": {},
}
_REASONING_DEFAULTS = _DEFAULTS | {
    "prompt_cache_retention": "24h",
    "reasoning": {"context": "current_turn", "effort": "medium", "mode": "standard", "summary": None},
    "top_p": 0.98,
}

# Parameters that are echoed as they came.
_ECHOED = (
    "background instructions max_output_tokens max_tool_calls parallel_tool_calls previous_response_id prompt "
    "prompt_cache_key prompt_cache_options prompt_cache_retention safety_identifier store tool_choice "
    "top_logprobs truncation user metadata"
).split()
_DECIMALS = ("temperature", "top_p")


def _in_body(value: Any) -> str:
    return indented(value, "\n  ")


class Form:
    """A way to write the object: how a value becomes text, and the defaults in that form."""

    def __init__(self, encode: Callable[[Any], str], opening: str, colon: str, comma: str, closing: str) -> None:
        self.encode = encode
        self.opening, self.colon, self.comma, self.closing = opening, colon, comma, closing
        # A key that is not there yet has an empty text: it keeps its place in the order.
        self._defaults = {
            reasoning: {key: self.member(key, defaults[key]) if key in defaults else "" for key in _ORDER}
            for reasoning, defaults in ((True, _REASONING_DEFAULTS), (False, _DEFAULTS))
        }

    def member(self, key: str, value: Any) -> str:
        """A key with its value."""
        return f"{compact(key)}{self.colon}{self.encode(value)}"

    def texts(self, output: Output) -> dict[str, str]:
        """The members of the object as they are from first to last; `status` and the like are to come."""
        texts = self._defaults[is_reasoning(output.answer.request.model)].copy()
        for key, value in echo(output).items():
            if value is not None or key not in _OPTIONAL:
                texts[key] = self.member(key, value)
        return texts

    def join(self, texts: Mapping[str, str]) -> str:
        return f"{self.opening}{self.comma.join(filter(None, texts.values()))}{self.closing}"


COMPACT = Form(compact, "{", ":", ",", "}")
INDENTED = Form(_in_body, "{\n  ", ": ", ",\n  ", "\n}")


def echo(output: Output) -> Json:
    """The values of the object that are the answer's own, but for those that change while it is made."""
    answer = output.answer
    body = answer.body
    reasoning = is_reasoning(answer.request.model)
    defaults = _REASONING_DEFAULTS if reasoning else _DEFAULTS
    found: Json = {"id": output.id, "created_at": output.created_at, "model": answer.request.model or ""}
    found |= {key: body[key] for key in _ECHOED if body.get(key) is not None}
    found |= {key: float(body[key]) for key in _DECIMALS if body.get(key) is not None}
    if body.get("reasoning"):
        asked = {key: value for key, value in body["reasoning"].items() if value is not None}
        found["reasoning"] = {key: asked.get(key, default) for key, default in defaults["reasoning"].items()}
    if body.get("text"):
        found["text"] = _text(body["text"])
    if body.get("tools"):
        found["tools"] = [_tool(tool) for tool in body["tools"]]
    conversation = body.get("conversation")
    if conversation is not None:
        found["conversation"] = {"id": conversation} if isinstance(conversation, str) else conversation
    found |= {key: value for key, value in answer.timeline.meta.items() if key not in _SPOKEN}
    return found


def body(output: Output, status: str, more: Json | None = None) -> bytes:
    """The response as the body of an HTTP answer: `status` is how far it is, `more` replaces some values."""
    pieces = None if more else output.answer.kept(("body", status), lambda: _with_holes(output, status))
    return _body(output, status, more) if pieces is None else fill(pieces, output.drawn())


def _with_holes(output: Output, status: str) -> tuple[bytes | Hole, ...] | None:
    encoded = _body(output.with_holes(), status)
    return split_at_holes([encoded]) if len(encoded) <= LARGEST_ENCODED else None


def _body(output: Output, status: str, more: Json | None = None) -> bytes:
    texts = INDENTED.texts(output)
    state = {"billing": {"payer": "developer"}, **stage(output, status), **(more or {})}
    set_state(texts, state, INDENTED, output)
    return escaped(INDENTED.join(texts))


def set_state(texts: dict[str, str], state: Json, form: Form, output: Output) -> None:
    """Put the values that change with the response's progress in, unless the script has set them."""
    meta = output.answer.timeline.meta
    for key, value in state.items():
        if key not in meta or key in _SPOKEN:
            texts[key] = form.member(key, value)


def stage(output: Output, status: str) -> Json:
    """What the object holds at a `status`: `in_progress`, `completed`, `incomplete`, ..."""
    asked = output.answer.body.get("service_tier") or "auto"
    if status in ("queued", "in_progress", "cancelled"):
        return {"status": status, "service_tier": asked}
    state: Json = {"status": status, "service_tier": "default" if asked == "auto" else asked}
    if status == "failed":
        return state
    state |= {
        "output": output.values("incomplete" if status == "incomplete" else "completed"),
        "usage": output.usage(),
    }
    if status == "incomplete":
        return state | {"incomplete_details": {"reason": output.incomplete}}
    return state | {"completed_at": output.completed_at}


def _text(asked: Json) -> Json:
    described = asked.get("format") or {"type": "text"}
    if described["type"] == "json_schema":
        described = {
            "type": "json_schema",
            "description": described.get("description"),
            "name": described["name"],
            "schema": described["schema"],
            "strict": bool(described.get("strict")),
        }
    return {"format": described, "verbosity": asked.get("verbosity") or "medium"}


def _tool(tool: Json) -> Json:
    if tool["type"] == "function":
        keys = ("description", "name", "output_schema", "parameters", "strict")
        return {"type": "function"} | {key: tool.get(key) for key in keys} | _others(tool, keys)
    if tool["type"] == "custom":
        described = {"description": tool.get("description"), "format": tool.get("format") or {"type": "text"}}
        return (
            {"type": "custom"}
            | described
            | {"name": tool["name"]}
            | _others(tool, ("description", "format", "name"))
        )
    return tool


def _others(tool: Json, keys: tuple[str, ...]) -> Json:
    return {key: value for key, value in tool.items() if key != "type" and key not in keys}
