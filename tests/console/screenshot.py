"""Makes the pictures of the console in docs/images: see scripts/screenshot."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.console.chromium import launched
from tests.server.harness import CHECKOUT, running, tool

IMAGES = CHECKOUT / "docs" / "images"

SUPPORT = """\
# A support desk: greetings, orders, and a bad day.

rule greet when user mentions any ["hello", "hi"] {
    ttft 180ms
    pace 24 tok/s
    reply "Hello! I am the support desk. Which order is it about?"
}

rule order when user matches /order (?<number>\\d+)/i {
    call find_order { number: "{{ number }}" }
}

rule flaky when user mentions "flaky" {
    sequence {
        fail 429 "Slow down." retry after 1s
        reply "Second time lucky."
    }
}

rule broken when user mentions "break" { after 3 chunks cut; reply "This stream will not end well." }
"""

ASKED = ("hello there", "where is order 4711?", "this is flaky", "this is flaky", "I want a refund")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        (Path(folder) / "support.llmock").write_text(SUPPORT)
        with (
            running(["env", "-C", folder, tool("mockllm"), "serve", ".", "--port", "0"]) as served,
            launched(playwright) as browser,
        ):
            for text in ASKED:
                message = {"role": "user", "content": text}
                body = {"model": "gpt-4o", "messages": [message]}
                httpx.post(f"{served.url}/support/v1/chat/completions", json=body)
            _try(browser, served.url)
            _requests(browser, served.url)


def _try(browser: Browser, url: str) -> None:
    page = _page(browser, f"{url}/-/#try/support", "light")
    page.get_by_label("User").fill("hello there")
    for _ in range(2):  # the first answer of a server is slower than all others
        page.get_by_role("button", name="Send").click()
        expect(page.locator("[data-ending]")).to_contain_text("complete")
    expect(page.locator("[data-answered]")).to_contain_text("greet answered")
    page.screenshot(path=IMAGES / "console-try.png")


def _requests(browser: Browser, url: str) -> None:
    page = _page(browser, f"{url}/-/#requests", "dark")
    page.get_by_role("listbox", name="Requests").get_by_text("no rule").click()
    expect(page.get_by_role("button", name="Add this rule")).to_be_visible()
    page.screenshot(path=IMAGES / "console-requests.png")


def _page(browser: Browser, url: str, colours: str) -> Page:
    page = browser.new_page(
        viewport={"width": 1200, "height": 720}, color_scheme="dark" if colours == "dark" else "light"
    )
    page.goto(url)
    return page


if __name__ == "__main__":
    main()
