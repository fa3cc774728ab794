"""Every example is served, and says what it is an example of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockllm.app import create_app
from mockllm.script_folder import scripts_in
from mockllm.server import Server
from mockllm.serving import load
from mockllm.settings import Settings
from tests.serving import in_thread

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Asked:
    """A request, by what matters of it, and what its answer must have: a status, and a text in its body."""

    mock: str
    user: str
    has: str
    status: int = 200
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    before: tuple[dict[str, Any], ...] = ()
    after: tuple[dict[str, Any], ...] = ()


def tool(name: str) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": name, "parameters": {}}}]}


def called(name: str, result: str) -> tuple[dict[str, Any], ...]:
    """A call of a tool and its result."""
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": "{}"}}
    return (
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": result},
    )


def schema(name: str) -> dict[str, Any]:
    properties = {"name": {"type": "string"}, "age": {"type": "integer"}}
    strict = {
        "type": "object",
        "properties": properties,
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    json_schema = {"name": name, "schema": strict, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": json_schema}}


SYSTEM = {"role": "system", "content": "You are a PIRATE."}

ASKED = [
    Asked("quickstart", "hi there", "I am a mock"),
    Asked("quickstart", "flaky", "Slow down.", 429),
    Asked("quickstart", "weather in Oslo", '{\\"city\\":\\"Oslo\\"}', more=tool("get_weather")),
    Asked("hello", "anything", "Hello from the mock."),
    Asked("models", "hi", "I am the flagship."),
    Asked("models", "hi", "A fine-tune of gpt-4o made by acme.", more={"model": "ft:gpt-4o:acme:x:1"}),
    Asked("models", "hi", "does not exist", 404, more={"model": "nope"}),
    Asked("user-message", 'translate "good day" into french', "“good day” in French"),
    Asked("user-message", "Good   morning!", "Good day to you."),
    Asked("system-prompt", "hello", "Arr! hello, ye say?", before=(SYSTEM,)),
    Asked("system-prompt", "hello", "requires a system prompt", 400),
    Asked("headers", "hi", "didn't provide an API key", 401),
    Asked("headers", "hi", "Hello, Acme.", headers={"authorization": "Bearer a", "x-tenant": "acme"}),
    Asked("parameters", "hi", "Deterministic.", more={"temperature": 0.2}),
    Asked("parameters", "hi", '"finish_reason": "length"', more={"max_tokens": 5}),
    Asked("tool-calls", "weather in Rome for 3 days", '\\"days\\":3', more=tool("get_weather")),
    Asked("tool-calls", "compare them", '"id": "call_oslo"', more=tool("get_weather")),
    Asked("tool-loop", "weather?", "Take an umbrella.", after=called("get_weather", "Heavy rain.")),
    Asked("tool-loop", "weather?", "It is 7 °C and grey.", after=called("get_weather", '{"temp":7,"sky":"grey"}')),
    Asked("structured-output", "who?", "Ada Lovelace", more=schema("person")),
    Asked("structured-output", "who?", '\\"age\\":', more=schema("other")),
    Asked("reasoning", "a river", "The goat cannot stay with the cabbage.", more={"model": "gpt-5"}),
    Asked("templates", "roll 2d6", "Die 2: "),
    Asked("templates", "jinja", "Write {{ name }} to insert a name"),
    Asked("stream-script", "hello", "Hello!"),
    Asked("stream-script", "count", "1 2 3 4 5 6 7 8 9 10 "),
    Asked("stream-pace", "five pieces", "in five pieces"),
    Asked("broken-streams", "twice", "data: [DONE]\n\ndata: [DONE]\n\n", more={"stream": True}),
    Asked("network", "gateway", "Bad gateway.", 502),
    Asked("network", "overloaded", "overloaded", 529),
    Asked("rate-limit", "flaky", "Rate limit reached for gpt-4o.", 429),
    Asked("rate-limit", "quota", "Request 1 of 3."),
    Asked("chaos", "hi", "No chaos today."),
    Asked("sequences", "a joke", "Why did the chicken cross the road?"),
    Asked("sequences", "hi", "Nice to meet you."),
    Asked("includes", "hello", "Welcome back.", headers={"x-tier": "vip"}),
    Asked("includes", "?", "Overloaded. Try again in 5 seconds.", 529, more={"model": "other"}),
    Asked("reusable-blocks", "search for tea", '{\\"query\\":\\"tea\\",\\"limit\\":3}'),
    Asked("refusals", "lock picking", '"refusal": "I can\'t help with that."'),
    Asked("refusals", "forbidden", '"finish_reason": "content_filter"'),
    Asked("defaults", "now", '"system_fingerprint": "fp_mock"'),
    Asked("travel-agent", "hm", "Where would you like to go?"),
    Asked("travel-agent", "Take me to Lisbon", "Search is warming up.", 503, more=tool("search_flights")),
    Asked("multiline-text", "/help", "No help for that."),
]  # fmt: skip


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = Server(create_app(load(EXAMPLES, Settings())))
    with in_thread(server):
        yield server.url


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: f"{asked.mock}: {asked.user}")
def test_an_example_answers(url: str, asked: Asked) -> None:
    messages = [*asked.before, {"role": "user", "content": asked.user}, *asked.after]
    body = {"model": "gpt-4o", "messages": messages, **asked.more}
    headers = {"x-mockllm-session": json.dumps([asked.user, asked.status])} | asked.headers
    answer = httpx.post(f"{url}/{asked.mock}/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == asked.status
    assert asked.has in answer.text


def test_every_example_is_asked() -> None:
    assert {asked.mock for asked in ASKED} == {script.stem for script in scripts_in(EXAMPLES)}
