"""A page from another origin may call the API, and nothing else."""

from __future__ import annotations

import httpx
import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from dsl import compile_text
from mockllm.app import create_app
from mockllm.cors import CrossOrigin
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.serving import Mocks
from mockllm.settings import Settings
from tests.clients.asking import asked
from tests.server.harness import Served

SCRIPT = "serving.llmock"
ORIGIN = {"origin": "https://app.example"}


def test_a_preflight_is_answered(server: Served) -> None:
    headers = ORIGIN | {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-a",
    }
    answer = httpx.options(f"{server.url}/v1/chat/completions", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "authorization, x-a"


def test_answers_may_be_read(server: Served) -> None:
    for stream in (False, True):
        body = asked("hello", stream=stream)
        answer = httpx.post(f"{server.url}/v1/chat/completions", json=body, headers=ORIGIN)
        assert answer.headers["access-control-allow-origin"] == "*"
    assert httpx.get(f"{server.url}/v1/nope", headers=ORIGIN).headers["access-control-allow-origin"] == "*"


def test_who_names_no_origin_gets_no_permission(server: Served) -> None:
    assert "access-control-allow-origin" not in httpx.get(f"{server.url}/v1/models").headers


def test_the_control_endpoints_are_not_for_pages(server: Served) -> None:
    answer = httpx.get(f"{server.url}/-/journal", headers=ORIGIN)
    assert "access-control-allow-origin" not in answer.headers
    preflight = httpx.options(f"{server.url}/-/reset", headers=ORIGIN | {"access-control-request-method": "POST"})
    assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize(
    ("path", "permitted"),
    [("/-/mocks/faq", False), ("//-/mocks/faq", False), ("/faq/v1/models", True), ("//faq/v1/models", True)],
)
def test_slashes_before_the_control_endpoints_change_nothing(path: str, permitted: bool) -> None:
    environ = EnvironBuilder(
        environ_overrides={"PATH_INFO": path, "HTTP_ORIGIN": "https://app.example"}
    ).get_environ()
    answered = run_wsgi_app(CrossOrigin(lambda environ, start: (start("200 OK", []), [])[1]), environ)
    assert ("access-control-allow-origin" in answered[2]) == permitted


@pytest.mark.parametrize("path", ["/faq/-/mocks/faq", "/faq//-/mocks/faq", "/Faq/-/mocks/faq"])
def test_the_control_endpoints_are_not_beneath_a_mock(path: str) -> None:
    journal, settings = Journal(10), Settings()
    mock = Mock("faq", compile_text("otherwise reply 'x'"), settings, journal)
    client = create_app(Mocks([mock], journal, settings)).test_client()
    for method in ("GET", "DELETE"):
        assert client.open(path, method=method, headers=ORIGIN).status_code == 404
    assert client.get("/-/mocks/faq").status_code == 200
    assert client.get("/faq/v1/models").status_code == 200


def test_a_page_cannot_post_to_the_control_endpoints(server: Served) -> None:
    answer = httpx.post(f"{server.url}/-/reset", headers=ORIGIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
    assert httpx.post(f"{server.url}/-/reset", headers={"origin": server.url}).status_code == 200


def test_a_foreign_name_of_this_machine_cannot_read_them(server: Served) -> None:
    assert httpx.get(f"{server.url}/-/journal", headers={"host": "evil.example"}).status_code == 403
    assert httpx.get(f"{server.url}/-/journal", headers={"host": "mock.localhost"}).status_code == 200
