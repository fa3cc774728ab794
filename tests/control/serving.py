"""Servers of the test's own process, with everything that the control API can be told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from dsl import compile_text
from mockllm.access import Access
from mockllm.app import create_app
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.server import Server
from mockllm.serving import Mocks, load
from mockllm.settings import Settings
from tests.server.harness import PATIENCE
from tests.serving import in_thread

SCRIPT = """\
rule hello when user mentions "hello" reply "Hi."

rule quota when user is "quota" and nth > 1 reply "Enough."

rule slow when user is "slow" {
    ttft 20ms
    reply "Once upon a time."
}

rule broken when user is "broken" fail 429 "Slow down."

scenario checkout {
    state browsing {
        when user is "pay" {
            reply "How?"
            remember item = "teapot"
            go paying
        }
    }
    state paying {
        when user is "card" {
            reply "Thanks."
            go browsing
        }
    }
}

test "says hello" {
    request { user: "hello" }
    expect text is "Hi."
}
"""


@contextmanager
def serving(mocks: Mocks, access: Access | None = None, host: str = "127.0.0.1") -> Iterator[httpx.Client]:
    """A client of a server of these mocks."""
    with (
        in_thread(Server(create_app(mocks, access), host)) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE, trust_env=False) as client,
    ):
        yield client


def in_memory(script: str = SCRIPT, settings: Settings | None = None) -> Mocks:
    settings = settings or Settings(seed=1)
    journal = Journal(settings.journal)
    return Mocks([Mock("", compile_text(script), settings, journal)], journal, settings)


def in_folder(folder: Path, **scripts: str) -> Mocks:
    for name, script in scripts.items():
        (folder / f"{name}.llmock").write_text(script)
    return load(folder, Settings(seed=1))


def say(client: httpx.Client, user: str, mock: str = "", **headers: str) -> httpx.Response:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": user}]}
    return client.post(f"{mock}/v1/chat/completions", json=body, headers=headers)


def error(response: httpx.Response) -> tuple[int, Any]:
    """The status and the code of an error."""
    return response.status_code, response.json()["error"]["code"]


def said(response: httpx.Response) -> str:
    text: str = response.json()["choices"][0]["message"]["content"]
    return text
