"""Clients of servers that share their state."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.server.harness import Served

SCRIPT = Path(__file__).with_name("state.llmock")
CLIENTS = 64

# Eight workers take their time to start, which the first client waits for. In seconds.
PATIENCE = 50.0


def ask(server: Served, method: str, path: str, value: Any = None, session: str = "s") -> tuple[int, Any]:
    """Status and JSON of an answer, over a connection of its own: so that any worker may have it."""
    connection = http.client.HTTPConnection(*server.address, timeout=PATIENCE)
    try:
        body = None if value is None else json.dumps(value)
        headers = {"content-type": "application/json", "x-mockllm-session": session}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def chat(server: Served, text: str, session: str = "s") -> tuple[int, str]:
    """Status and text of an answer, or the code of an error."""
    value = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
    status, found = ask(server, "POST", "/v1/chat/completions", value, session)
    return status, found["choices"][0]["message"]["content"] if status == 200 else found["error"]["code"]


def respond(server: Served, text: str, session: str = "s", **more: Any) -> Any:
    """A response."""
    status, found = ask(server, "POST", "/v1/responses", {"model": "gpt-4o", "input": text, **more}, session)
    assert status == 200, found
    return found


def said(response: Any) -> str:
    text = response["output"][-1]["content"][0]["text"]
    assert isinstance(text, str)
    return text


def journal(server: Served) -> list[dict[str, Any]]:
    status, found = ask(server, "GET", "/-/journal")
    assert status == 200, found
    entries: list[dict[str, Any]] = found["entries"]
    return entries


def at_once(server: Served, texts: Iterable[str], session: str) -> list[tuple[int, str]]:
    """What many clients get who ask at the same time."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(lambda text: chat(server, text, session), texts))
