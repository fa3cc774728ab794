"""How the console's page and its files are handed out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from mockllm import MockServer


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with (
        MockServer('otherwise reply "Hello."') as server,
        httpx.Client(base_url=server.base_url.removesuffix("/v1")) as client,
    ):
        yield client


def test_browsers_are_sent_to_it_and_others_are_told(client: httpx.Client) -> None:
    browser = client.get("/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (browser.status_code, browser.headers["location"]) == (302, "/-/")
    assert client.get("/").text.startswith("mockllm ")


def test_its_policy_lets_in_nothing_but_its_files(client: httpx.Client) -> None:
    page = client.get("/-/")
    policy = dict(each.split(" ", 1) for each in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in page.headers["content-security-policy"]
    nonce = re.search(r'<meta name="csp-nonce" content="([^"]+)"', page.text)
    assert nonce and f"'nonce-{nonce[1]}'" in policy["style-src"]
    assert nonce[1] not in client.get("/-/").text
    assert re.findall(r'(?:src|href)="(?!data:|/-/console/)', page.text) == []
    assert "<style" not in page.text and re.findall(r"<script(?! type=\"module\" src=)", page.text) == []


def test_its_files_are_asked_for_and_not_sent_again(client: httpx.Client) -> None:
    for name, kind in (
        ("console.js", "text/javascript"),
        ("console.css", "text/css"),
        ("licences.txt", "text/plain"),
    ):
        file = client.get(f"/-/console/{name}")
        assert (file.status_code, file.headers["content-type"].partition(";")[0]) == (200, kind)
        again = client.get(f"/-/console/{name}", headers={"if-none-match": file.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get("/-/console/nothing.js").status_code == 404
    assert client.get("/-/console/..%2f__init__.py").status_code == 404
