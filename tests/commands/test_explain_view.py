"""`GET /-/explain/ID`, of a server's own journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from mockllm import MockServer
from mockllm.settings import Settings
from tests.server.harness import PATIENCE

SCRIPT = """\
rule quota when user is "quota" and nth > 1 reply "Enough."
rule first when user is "quota" reply "Here you are."
rule vip when header["x-tier"] is "vip" reply "Welcome."
rule again when turn > 1 reply "Once more."
rule hello when user mentions "hello" reply "Hi."
rule after-all when user is "memo" and memory.name reply "I know."
rule memo when user is "memo" remember name = "Ada"
socket "/v1/realtime" {
    rule update when event is "session.update" push { type: "updated" }
}
socket "/v1/responses" {
    rule own when user is "own" reply "Mine."
}
"""


CLIENT = httpx.Client(timeout=PATIENCE, trust_env=False)


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    CLIENT.close()


@pytest.fixture(autouse=True)
def estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    """No vocabulary: it takes its time to load."""
    monkeypatch.setenv("MOCKLLM_TOKENS", "estimate")


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(SCRIPT) as server:
        yield server


def say(server: MockServer, user: str, **headers: str) -> httpx.Response:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": user}]}
    return CLIENT.post(f"{server.base_url}/chat/completions", json=body, headers=headers)


def explained(server: MockServer, name: object, **headers: str) -> httpx.Response:
    return CLIENT.get(f"{server.base_url.removesuffix('/v1')}/-/explain/{name}", headers=headers)


def newest(server: MockServer) -> dict[str, Any]:
    found: dict[str, Any] = explained(server, server.journal()[-1]["id"]).json()
    return found


def test_a_request_that_a_rule_answers(server: MockServer) -> None:
    say(server, "hello")
    found = newest(server)
    assert (found["id"], found["mock"], found["matched"]) == (1, "", True)
    assert found["then"] == {"rule": "hello", "place": "script:5", "status": 200}
    assert [rule["rule"] for rule in found["rules"] if rule["answers"]] == ["hello"]
    assert found["notes"][0] == "counters and `memory` are those of now, not those of then"


def test_a_miss(server: MockServer) -> None:
    missed = say(server, "good day").json()["error"]["message"]
    found = newest(server)
    assert found["matched"] is False and found["reason"] == missed
    assert found["skeleton"].startswith('when user is "good day" {')
    assert found["then"] == {"rule": None, "place": None, "status": 404}


def test_it_looks_and_does_not_count(server: MockServer) -> None:
    assert say(server, "quota").json()["choices"][0]["message"]["content"] == "Here you are."
    for _ in range(3):
        found = newest(server)
        assert (found["then"]["rule"], found["answer"]["rule"], found["answer"]["nth"]) == ("first", "quota", 2)
    say(server, "quota", **{"x-mockllm-session": "other"})
    assert newest(server)["then"]["rule"] == "first"
    assert say(server, "quota").json()["choices"][0]["message"]["content"] == "Enough."


def test_what_is_remembered_is_seen(server: MockServer) -> None:
    say(server, "memo")
    assert newest(server)["answer"]["rule"] == "after-all"


def test_headers_are_kept_without_secrets(server: MockServer) -> None:
    say(server, "hello", **{"x-tier": "vip", "authorization": "Bearer secret"})
    found = newest(server)
    assert found["then"]["rule"] == found["answer"]["rule"] == "vip"
    assert found["notes"][1] == "the journal hides the secrets in headers: conditions on them see `(hidden)`"
    assert "secret" not in httpx.get(f"{server.base_url.removesuffix('/v1')}/-/journal", timeout=PATIENCE).text


def test_as_text(server: MockServer) -> None:
    say(server, "quota")
    answer = explained(server, 1, accept="text/plain")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (
        answer.text
        == """\
script:1   rule quota   yes
script:2   rule first   -     would match, but stands lower
(5 rules below, which would not match)

`quota` (script:1) answers, for the 2nd time in its session.

Then: `first` (script:2) answered.

Note: counters and `memory` are those of now, not those of then.
"""
    )


def test_json_unless_text_is_asked_for(server: MockServer) -> None:
    say(server, "hello")
    for accept in ("*/*", "text/html", "application/json, text/plain"):
        assert explained(server, 1, accept=accept).headers["content-type"] == "application/json"


def test_a_response_that_continues_another(server: MockServer) -> None:
    url = f"{server.base_url}/responses"
    first = CLIENT.post(url, json={"model": "m", "input": "hello"}, headers={"authorization": "Bearer a"}).json()
    body = {"model": "m", "input": "well", "previous_response_id": first["id"]}
    assert CLIENT.post(url, json=body, headers={"authorization": "Bearer a"}).status_code == 200
    assert newest(server)["answer"]["rule"] == "again"


@pytest.mark.parametrize("name", ["99", "x", "-1", "1.0"])
def test_an_id_that_is_unknown(server: MockServer, name: str) -> None:
    say(server, "hello")
    answer = explained(server, name)
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": f"The journal has no request {name}. Its requests are at /-/journal, each with its id.",
        "type": "invalid_request_error",
        "param": "id",
        "code": "unknown_request",
    }


def test_a_request_that_was_refused(server: MockServer) -> None:
    CLIENT.post(f"{server.base_url}/chat/completions", json={"model": "m", "messages": []})
    CLIENT.post(f"{server.base_url}/responses", content=b"{")
    refused, unreadable = explained(server, 1), explained(server, 2)
    assert (refused.status_code, unreadable.status_code) == (409, 409)
    error = refused.json()["error"]
    assert error["message"].startswith("Request 1 is refused before any rule is asked: Invalid 'messages'")
    assert (error["param"], error["code"]) == ("messages", "not_explainable")
    assert "We could not parse the JSON body" in unreadable.json()["error"]["message"]


def test_what_rules_have_nothing_to_do_with(server: MockServer) -> None:
    CLIENT.get(f"{server.base_url}/nowhere")
    answer = explained(server, 1)
    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == (
        "Nothing to explain: request 1 (GET /v1/nowhere) is no call that rules answer."
    )


def test_a_body_that_is_not_kept(server: MockServer) -> None:
    say(server, "hello " * 20_000)
    answer = explained(server, 1)
    assert answer.status_code == 409 and "had more than 65536 bytes" in answer.json()["error"]["message"]


def test_it_is_not_in_the_journal_itself(server: MockServer) -> None:
    say(server, "hello")
    explained(server, 1)
    explained(server, 9)
    assert len(server.journal()) == 1


def test_lenient() -> None:
    with MockServer(SCRIPT, Settings(lenient=True)) as server:
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "nonsense": 1}
        CLIENT.post(f"{server.base_url}/chat/completions", json=body)
        assert newest(server)["answer"]["rule"] == "hello"


# -- sockets --------------------------------------------------------------------------------------------------


def frame(server: MockServer, path: str, value: dict[str, Any]) -> None:
    with connect(f"{server.base_url.replace('http', 'ws')}{path}", proxy=None) as socket:
        socket.send(json.dumps(value))
        socket.recv()


def test_a_frame_on_a_path_of_the_script(server: MockServer) -> None:
    frame(server, "/realtime", {"type": "session.update"})
    frame(server, "/realtime", {"type": "session.nothing", "text": "hello"})
    found = explained(server, 1).json()
    assert [rule["rule"] for rule in found["rules"]] == ["update"] and found["answer"]["rule"] == "update"
    missed = explained(server, 2).json()
    assert missed["matched"] is False and missed["skeleton"].startswith('when user is "hello"')


def test_a_turn_of_responses(server: MockServer) -> None:
    frame(server, "/responses", {"type": "response.create", "model": "m", "input": "own"})
    found = newest(server)
    assert found["rules"][0]["rule"] == "own" and found["answer"]["rule"] == "own"
    assert len(found["rules"]) == 8


def test_another_event_on_the_path_of_responses(server: MockServer) -> None:
    frame(server, "/responses", {"type": "my.event", "text": "own"})
    assert newest(server)["answer"]["rule"] == "own"


def test_a_frame_of_the_chat_socket(server: MockServer) -> None:
    frame(server, "/chat", {"model": "m", "messages": [{"role": "user", "content": "hello"}]})
    assert newest(server)["answer"]["rule"] == "hello"
