"""The exact paths and Flask's views: nobody can tell which of them has answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from dsl import compile_text
from mockllm.app import create_app
from mockllm.application import LARGEST_BODY
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.server import Server
from mockllm.serving import Mocks
from mockllm.settings import Settings
from tests.server.harness import Client, eventually
from tests.serving import in_thread

SCRIPT = """
when user is "fail" fail 429 "Slow down."
when user is "cut" { reply "a b c"; cut }
when user is "framed" { header "content-length" "2"; reply "Hello." }
when user is "closed" { header "connection" "close"; reply "Hello." }
when user is "nothing" { status 204; reply "Hello." }
when user is "slow" { ttft 5ms; reply "Hello." }
when user is "huge" reply "{{ 'x' * 9_000_000 }}"
when user is "long" reply "{{ 'x' * 70_000 }}"
when user is "odd" { header "x-odd" "é"; reply "{{ header['x-mine'] }}" }
otherwise reply "Hello."
"""
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
RESPONSES = {"model": "gpt-4o-mini", "input": "Hi"}


def saying(text: str, **more: Any) -> dict[str, Any]:
    return {**CHAT, "messages": [{"role": "user", "content": text}], **more}


class Ask:
    """One request: what is in its head beside the usual; a field that is None is left out."""

    def __init__(self, path: str, body: Any = CHAT, method: str = "POST", **fields: str | None) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        usual = {"host": "localhost", "content-type": "application/json", "content-length": str(len(self.body))}
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        lines = [f"{name}: {value}" for name, value in {**usual, **named}.items() if value is not None]
        self.head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


ASKED = {
    "json": Ask("/v1/chat/completions"),
    "without v1": Ask("/chat/completions"),
    "a stream": Ask("/v1/chat/completions", {**CHAT, "stream": True}),
    "responses": Ask("/v1/responses", RESPONSES),
    "a stream of responses": Ask("/responses", {**RESPONSES, "stream": True}),
    "a failure": Ask("/v1/chat/completions", saying("fail")),
    "a cut": Ask("/v1/chat/completions", saying("cut", stream=True)),
    "a header": Ask("/v1/chat/completions", saying("odd"), x_mine="mine"),
    "odd headers": Ask("/v1/chat/completions", x_a="a,b", x_empty="", content_type=""),
    "a session": Ask("/v1/chat/completions", authorization="Bearer me", x_mockllm_seed="s"),
    "a query": Ask("/v1/chat/completions?a=b"),
    "a slash": Ask("/v1/chat/completions/"),
    "an escape": Ask("/v1/chat%2Fcompletions"),
    "another method": Ask("/v1/chat/completions", method="PUT"),
    "another path": Ask("/v1/chat"),
    "a mock": Ask("/one/v1/chat/completions"),
    "a mock by its host": Ask("/v1/chat/completions", host="one.localhost"),
    "a whole URL": Ask("http://one.localhost/v1/chat/completions"),
    "a page": Ask("/v1/chat/completions", origin="http://localhost:3000"),
    "a word before": Ask("/v1/chat/completions", expect="100-continue"),
    "no body": Ask("/v1/chat/completions", b""),
    "no json": Ask("/v1/chat/completions", b"{"),
    "a bad parameter": Ask("/v1/chat/completions", {**CHAT, "temperature": 9}),
    "no length": Ask("/v1/chat/completions", b"", content_length=None),
    "chunks": Ask("/v1/chat/completions", b"0\r\n\r\n", content_length=None, transfer_encoding="chunked"),
    "the last": Ask("/v1/chat/completions", connection="close"),
    "framed": Ask("/v1/chat/completions", saying("framed")),
    "closed": Ask("/v1/chat/completions", saying("closed")),
    "no content": Ask("/v1/chat/completions", saying("nothing")),
    "slow": Ask("/v1/chat/completions", saying("slow")),
    "long": Ask("/v1/chat/completions", saying("long")),
}


@contextmanager
def serving(exact: bool) -> Iterator[tuple[Server, Journal]]:
    journal = Journal(100)
    settings = Settings(seed=1, exact_paths=exact)
    mocks = Mocks([Mock(name, compile_text(SCRIPT), settings, journal) for name in ("", "one")], journal, settings)
    with in_thread(Server(create_app(mocks))) as server:
        yield server, journal


def answer(server: Server, asked: Ask) -> tuple[bytes, str]:
    """All that comes of a request and of another one behind it, but for the date; and how the connection ended."""
    with Client((server.host, server.port)) as client:
        client.send(asked.head + asked.body)
        client.get("/-/healthy", "connection: close")
        data, end = client.rest()
    return re.sub(rb"Date: [^\r]*\r\n", b"", data), end


def told(journal: Journal) -> list[dict[str, Any]]:
    own = ("time", "took")
    return [{key: value for key, value in entry.items() if key not in own} for entry in journal.entries()]


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_nobody_can_tell(asked: Ask) -> None:
    both = []
    for exact in (True, False):
        with serving(exact) as (server, journal):
            both.append(([answer(server, asked) for _ in range(3)], told(journal)))
    assert both[0] == both[1]
    assert len(both[0][1]) == 3


@pytest.mark.parametrize("name", ["json", "without v1", "a stream", "responses", "a mock", "no json", "slow"])
def test_flask_is_not_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flask, "full_dispatch_request", None)
    with serving(True) as (server, _):
        assert not answer(server, ASKED[name])[0].startswith(b"HTTP/1.1 500 ")


def test_a_body_that_is_too_large(served: tuple[Server, Journal]) -> None:
    server, journal = served
    with Client((server.host, server.port)) as client:
        client.send(Ask("/v1/chat/completions", content_length=str(LARGEST_BODY + 1)).head)
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert [entry["status"] for entry in journal.entries()] == [413]


@pytest.fixture(params=[True, False], ids=["exact", "flask"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Journal]]:
    with serving(request.param) as served:
        yield served


@pytest.mark.parametrize("method", ["answer", "_perform"])
def test_a_mistake_of_ours_is_an_envelope_and_one_entry(
    served: tuple[Server, Journal], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise LookupError("oh")

    monkeypatch.setattr(Mock, method, fail)
    server, journal = served
    data, _ = answer(server, ASKED["json"])
    assert data.startswith(b"HTTP/1.1 500 ") and b"content-type: application/json\r\n" in data.lower()
    assert b'"message": "mockllm failed: LookupError: oh"' in data
    assert [(entry["status"], entry["outcome"]) for entry in journal.entries()] == [(500, "complete")]


def test_a_body_that_breaks_off_is_no_traceback(
    served: tuple[Server, Journal], caplog: pytest.LogCaptureFixture
) -> None:
    server, journal = served
    with Client((server.host, server.port)) as client:
        client.send(ASKED["json"].head + b"{")
    eventually(lambda: [entry for entry in journal.entries() if entry["outcome"]] or None)
    assert [entry["status"] for entry in journal.entries()] == [400]
    assert not caplog.records


def test_a_client_that_has_left_is_noticed(served: tuple[Server, Journal]) -> None:
    server, journal = served
    asked = Ask("/v1/chat/completions", saying("huge"))
    with Client((server.host, server.port), receive_buffer=4096) as client:
        client.send(asked.head + asked.body)
        eventually(journal.entries)
        client.vanish("RST")
    entry = eventually(lambda: next((each for each in journal.entries() if each["outcome"]), None))
    assert (entry["outcome"], entry["events"]) == ("left", 0)


def test_what_stands_in_front_of_the_application_sees_all() -> None:
    journal = Journal(100)
    app = create_app(Mocks([Mock("", compile_text(SCRIPT), Settings(), journal)], journal))
    inner, seen = app.wsgi_app, list[str]()

    def front(environ: Any, start_response: Any) -> Any:
        seen.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    app.wsgi_app = front  # type: ignore[method-assign]
    with in_thread(Server(app)) as server:
        answer(server, ASKED["json"])
    assert seen == ["/v1/chat/completions", "/-/healthy"]
