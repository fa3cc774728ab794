"""The exact paths and Flask's views: nobody can tell which of them has answered."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.test import create_environ

from dsl import compile_text
from mockllm import exact_paths
from mockllm.app import create_app
from mockllm.application import LARGEST_BODY
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.serving import Mocks
from mockllm.settings import Settings
from mockllm.transports.connection import Disconnect

SCRIPT = """
when user is "fail" fail 429 "Slow down."
when user is "cut" { reply "a b c"; cut }
when user is "odd" { header "x-odd" "é"; reply "{{ header['x-mine'] }}" }
otherwise reply "Hello."
"""
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
RESPONSES = {"model": "gpt-4o-mini", "input": "Hi"}


def saying(text: str, **more: Any) -> dict[str, Any]:
    return {**CHAT, "messages": [{"role": "user", "content": text}], **more}


class Ask:
    """One request: what is in its environ beside the usual."""

    def __init__(self, path: str, body: Any = CHAT, method: str = "POST", **environ: Any) -> None:
        self.path = path
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.method = method
        self.environ = environ


ASKED = {
    "json": Ask("/v1/chat/completions"),
    "without v1": Ask("/chat/completions"),
    "a stream": Ask("/v1/chat/completions", {**CHAT, "stream": True}),
    "responses": Ask("/v1/responses", RESPONSES),
    "a stream of responses": Ask("/responses", {**RESPONSES, "stream": True}),
    "a failure": Ask("/v1/chat/completions", saying("fail")),
    "a cut": Ask("/v1/chat/completions", saying("cut", stream=True)),
    "a header": Ask("/v1/chat/completions", saying("odd"), HTTP_X_MINE="mine"),
    "odd headers": Ask("/v1/chat/completions", HTTP_X_A="a,b", HTTP_X_EMPTY="", CONTENT_TYPE=""),
    "a session": Ask("/v1/chat/completions", HTTP_AUTHORIZATION="Bearer me", HTTP_X_MOCKLLM_SEED="s"),
    "a query": Ask("/v1/chat/completions", QUERY_STRING="a=b"),
    "a slash": Ask("/v1/chat/completions/"),
    "another method": Ask("/v1/chat/completions", method="GET"),
    "another path": Ask("/v1/chat"),
    "a mock": Ask("/one/v1/chat/completions"),
    "a page": Ask("/v1/chat/completions", HTTP_ORIGIN="http://localhost:3000"),
    "no body": Ask("/v1/chat/completions", b""),
    "no json": Ask("/v1/chat/completions", b"{"),
    "a bad parameter": Ask("/v1/chat/completions", {**CHAT, "temperature": 9}),
    "too large": Ask("/v1/chat/completions", CONTENT_LENGTH=str(LARGEST_BODY + 1)),
    "an odd length": Ask("/v1/chat/completions", CONTENT_LENGTH="x"),
    "no length": Ask("/v1/chat/completions", CONTENT_LENGTH=""),
}


def served(exact: bool) -> tuple[Any, Journal]:
    journal = Journal(100)
    settings = Settings(seed=1, exact_paths=exact)
    mocks = Mocks([Mock(name, compile_text(SCRIPT), settings, journal) for name in ("", "one")], journal, settings)
    return create_app(mocks), journal


def answer(app: Any, asked: Ask) -> tuple[str, list[tuple[str, str]], bytes]:
    """The status, the headers and the body; "cut" if the connection ends before the body does."""
    environ = create_environ(asked.path, method=asked.method, data=asked.body)
    environ |= {"HTTP_HOST": "localhost", **asked.environ}
    if asked.environ.get("CONTENT_LENGTH") == "":
        del environ["CONTENT_LENGTH"]
    head: list[Any] = []
    body: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
        head[:] = status, sorted(headers)
        return body.append

    try:
        body += app(environ, start)
    except Disconnect as gone:
        body.append(b"<%s>" % gone.outcome.encode())
    return head[0], head[1], b"".join(body)


def told(journal: Journal) -> list[dict[str, Any]]:
    own = ("time", "took")
    return [{key: value for key, value in entry.items() if key not in own} for entry in journal.entries()]


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_nobody_can_tell(asked: Ask) -> None:
    both = []
    for exact in (True, False):
        app, journal = served(exact)
        both.append((answer(app, asked), told(journal)))
    assert both[0] == both[1]
    assert len(both[0][1]) == 1


@pytest.mark.parametrize("name", ["json", "without v1", "a stream", "responses", "a page", "a mock", "no json"])
def test_flask_is_not_asked(name: str) -> None:
    app, _ = served(True)
    app.dispatch_request = app.full_dispatch_request = None
    assert answer(app, ASKED[name])[0]


class Broken(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise OSError("the client has left")

    def readinto(self, buffer: Any) -> int:
        raise OSError("the client has left")


@pytest.fixture(params=[True, False], ids=["exact", "flask"])
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield served(request.param)


def test_a_mistake_of_ours_is_an_envelope(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise LookupError("oh")

    monkeypatch.setattr(Mock, "answer", fail)
    wsgi, journal = app
    status, headers, body = answer(wsgi, ASKED["json"])
    assert status.startswith("500 ") and ("Content-Type", "application/json") in headers
    assert json.loads(body)["error"]["message"] == "mockllm failed: LookupError: oh"
    assert [entry["status"] for entry in journal.entries()] == [500]


def test_a_mistake_amid_an_answer_is_one_entry(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise LookupError("oh")

    monkeypatch.setattr(Mock, "_perform", fail)
    wsgi, journal = app
    status, _, body = answer(wsgi, ASKED["json"])
    assert status.startswith("500 ")
    assert json.loads(body)["error"]["message"] == "mockllm failed: LookupError: oh"
    assert [(entry["status"], entry["outcome"]) for entry in journal.entries()] == [(500, "complete")]


def test_a_body_that_breaks_off_is_no_traceback(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    wsgi, journal = app
    asked = Ask("/v1/chat/completions")
    asked.environ["wsgi.input"] = Broken()
    assert answer(wsgi, asked)[0].startswith("400 ")
    assert len(journal.entries()) == 1
    assert not caplog.records


def test_names_of_headers_are_not_collected_for_ever() -> None:
    environ = {f"HTTP_X_{number}": "1" for number in range(3000)}
    assert exact_paths.header_of(environ)["x-2999"] == "1"
    assert len(exact_paths._NAMES) <= exact_paths._MOST_NAMES
