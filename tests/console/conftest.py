"""A folder of mocks that is served, and its console in Debian's Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.console.chromium import launched
from tests.server.harness import Served, running, tool

HELLO = """\
rule greet when user mentions "hello" {
    ttft 50ms
    chunk "Hel"; wait 50ms; chunk "lo"; wait 50ms; chunk "!"
}

rule count when user is "and now?" reply "Turn {{ turn }}."
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launched(playwright) as browser:
        yield browser


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.llmock").write_text(HELLO)
    return tmp_path


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    with running([tool("mockllm"), "serve", str(folder), "--port", "0"]) as served:
        yield served


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """The console. Nothing in it may fail or be refused by its policy, and it asks nobody but its server."""
    context = browser.new_context()
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.extend(_trouble(message)))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: troubles.extend(_foreign(request, served.url)))
    page.goto(f"{served.url}/")
    yield page
    context.close()
    assert troubles == []


def _trouble(message: ConsoleMessage) -> list[str]:
    # The browser notes each answer that is an error; those of mocks are meant. And where somebody types over a
    # selection its own editing styles what it inserts: no script does (no line is named), and the editor reads the
    # text alone.
    typed = message.text.startswith("Applying inline style") and message.location["lineNumber"] == 0
    meant = typed or "Failed to load resource" in message.text
    return [] if meant or message.type not in ("error", "warning") else [message.text]


def _foreign(request: Request, url: str) -> list[str]:
    address = url.removeprefix("http:")
    own = request.url.startswith((f"http:{address}/", f"ws:{address}/", "data:"))
    return [] if own else [f"asked {request.url}"]
