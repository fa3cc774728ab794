"""Whatever a client sends: the server answers, never with 500, and keeps the connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clients.asking import MODEL, SCRIPTS, Wire, mock

EXAMPLES = settings(max_examples=150, database=None)

# -- any JSON ---------------------------------------------------------------------------------------------------

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

# -- bodies of a chat, and such with one thing wrong ------------------------------------------------------------

words = st.sampled_from(["never", "x-never", "a", "", "f", "{{ 7 }}", "\x00", "İ", "漢字 🌍"]) | st.text(
    max_size=9
)


def record(required: dict[str, Any], optional: dict[str, Any] | None = None) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional or {})


part = record({"type": st.just("text"), "text": words}) | record(
    {"type": st.just("image_url"), "image_url": record({"url": st.just("https://example.com/a.png")})}
)
message = st.one_of(
    record({"role": st.sampled_from(["user", "system", "developer"]), "content": words}),
    record({"role": st.just("user"), "content": st.lists(part, min_size=1, max_size=3)}),
    record({"role": st.just("assistant"), "content": words}, {"refusal": words}),
    record({"role": st.just("function"), "name": st.just("f"), "content": words}),
)


@st.composite
def calls(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A message that calls tools, and their results."""
    called = draw(st.lists(st.sampled_from(["call_1", "call_2", "x"]), min_size=1, unique=True))
    function = record({"name": st.just("f"), "arguments": st.just("{}") | words})
    made = [
        draw(record({"id": st.just(name), "type": st.just("function"), "function": function})) for name in called
    ]
    results = [
        {"role": "tool", "tool_call_id": name, "content": draw(words | st.just('{"a": 1}'))} for name in called
    ]
    return [{"role": "assistant", "content": None, "tool_calls": made}, *results]


conversations = st.lists(message.map(lambda one: [one]) | calls(), min_size=1, max_size=4).map(
    lambda rounds: [one for messages in rounds for one in messages]
)
tools = st.lists(record({"type": st.just("function"), "function": record({"name": st.just("f")})}), min_size=1)
bodies = record(
    {"model": st.sampled_from([MODEL, "never", "o3"]), "messages": conversations},
    {
        "stream": st.booleans(),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_completion_tokens": st.integers(1, 9),
        "n": st.integers(1, 5),
        "seed": st.integers(9, 12),
        "stop": words | st.lists(words, min_size=1, max_size=4),
        "tools": tools,
        "metadata": st.dictionaries(st.sampled_from("abc"), words, max_size=3),
        "response_format": record({"type": st.just("json_object")}),
        "user": words,
    },
)


@st.composite
def nearly(draw: st.DrawFn) -> dict[str, Any]:
    """A body in which one value, anywhere, is replaced by anything or missing."""
    body = draw(bodies)
    holder: Any = body
    while True:
        key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if not isinstance(holder[key], dict | list) or not holder[key] or draw(st.booleans()):
            break
        holder = holder[key]
    if draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = draw(anything)
    return body


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    """One connection, kept alive for all requests, to one server."""
    with mock("command", SCRIPTS / "properties.llmock") as server, Wire(server) as wire:
        yield wire
        assert server.stderr == ""


def check(wire: Wire, body: bytes) -> None:
    wire.post(body, f"x-mockllm-session: {uuid4()}")  # state would make a failure hard to repeat
    status, fields, answer = wire.answer()
    assert status in (200, 400), answer
    assert "connection" not in fields
    if fields["content-type"].startswith("text/event-stream"):
        assert answer.endswith(b"data: [DONE]\n\n")
    else:
        json.loads(answer)


@given(anything)
@EXAMPLES
def test_any_json(wire: Wire, value: Any) -> None:
    check(wire, json.dumps(value).encode())


@given(st.binary(max_size=50))
@settings(EXAMPLES, max_examples=100)
def test_any_bytes(wire: Wire, body: bytes) -> None:
    check(wire, body)


@given(nearly())
@EXAMPLES
def test_nearly_a_chat(wire: Wire, body: dict[str, Any]) -> None:
    check(wire, json.dumps(body).encode())


@given(bodies)
@EXAMPLES
def test_a_chat(wire: Wire, body: dict[str, Any]) -> None:
    check(wire, json.dumps(body).encode())
