"""What would answer, and why: nothing moves by it, and what was planned is what is played."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from mockllm.settings import Settings
from tests.control.serving import error, in_memory, said, say, serving

SCRIPT = """\
rule quota when user is "quota" and nth > 1 reply "Enough."

rule first when user is "quota" {
    ttft 20ms
    pace 100 tok/s
    think "Hm."
    reply "Here you are."
    call get_weather { city: "Paris" }
}

rule broken when user is "broken" fail 429 "Slow down." retry after 2s

rule cut when user is "cut" {
    chunk "Hel"
    after 1 chunk cut
    chunk "lo"
}

rule bytes when user is "bytes" raw {{ noise(8) }}

rule vip when header["x-tier"] is "vip" reply "Welcome."

rule again when user is "again" reply "{{ random(1, 1000000) }}"

socket "/v1/chat" {
    rule own when user is "own" reply "Only here."
}
""".replace("raw {{ noise(8) }}", 'raw "{{ noise(8) }}"')


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with serving(in_memory(SCRIPT, Settings(seed=7, now="live"))) as client:
        yield client


def tried(client: httpx.Client, **asked: Any) -> Any:
    answer = client.post("/-/try", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_performance(client: httpx.Client) -> None:
    found = tried(client, message="quota", transport="sse")
    assert (found["matched"], found["rule"], found["place"]) == (True, "first", "script:3")
    assert SCRIPT[found["span"]["from"] :].startswith("rule first")
    assert (found["status"], found["session"], found["seed"]) == (200, "default", "7/default/1")
    kinds = [event["kind"] for event in found["events"]]
    assert list(dict.fromkeys(kinds)) == ["think", "text", "call", "arguments"]
    assert found["events"][0]["at"] == 0.02
    assert found["ending"]["kind"] == "end" and found["ending"]["at"] == found["duration"]
    assert found["frames"][-1]["data"] == "data: [DONE]\n\n"
    assert found["chunks"] == sum(kind != "call" for kind in kinds) and found["tokens"] > 0
    times = [frame["at"] for frame in found["frames"]]
    assert times == sorted(times)


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
@pytest.mark.parametrize("transport", ["json", "sse"])
def test_the_frames_are_what_is_played(client: httpx.Client, endpoint: str, transport: str) -> None:
    found = tried(client, message="again", endpoint=endpoint, transport=transport)
    body = found["body"] | ({"stream": True} if transport == "sse" else {})
    path = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}[endpoint]
    headers = {"x-mockllm-seed": found["seed"]}
    answer = client.post(path, json=body, headers=headers).text
    planned = "".join(frame["data"] for frame in found["frames"])
    assert words(planned) == words(answer) and len(words(answer)) > 3


def words(text: str) -> list[str]:
    """The strings of it that do not depend on the time of day."""
    return [word for word in text.split('"') if not any(mark.isdigit() for mark in word) or "chatcmpl" in word]


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
def test_the_messages_of_a_socket(client: httpx.Client, endpoint: str) -> None:
    found = tried(client, message="again", endpoint=endpoint, transport="websocket")
    sent = {"type": "response.create", **found["body"]} if endpoint == "responses" else found["body"]
    url = f"ws://127.0.0.1:{client.base_url.port}/v1/{endpoint}"
    with connect(url, proxy=None, additional_headers={"x-mockllm-seed": found["seed"]}) as socket:
        socket.send(json.dumps(sent))
        heard = [str(socket.recv()) for _ in found["frames"]]
    assert [words(frame["data"]) for frame in found["frames"]] == [words(each) for each in heard]


def test_rules_of_a_socket_answer_there_alone(client: httpx.Client) -> None:
    assert tried(client, message="own", transport="websocket")["rule"] == "own"
    assert tried(client, message="own", transport="sse")["matched"] is False


def test_nothing_moves(client: httpx.Client) -> None:
    for _ in range(3):
        assert tried(client, message="quota")["rule"] == "first"
    assert client.get("/-/journal").json()["entries"] == []
    assert client.get("/-/mocks/-/sessions").json()["total"] == 0
    assert said(say(client, "quota")) == "Here you are."
    for _ in range(3):
        assert tried(client, message="quota")["rule"] == "quota"
    stored = tried(client, endpoint="responses", message="again")["frames"][0]["data"]
    name = json.loads(stored)["id"]
    assert client.get(f"/v1/responses/{name}").status_code == 404


def test_it_moves_if_it_is_asked_to(client: httpx.Client) -> None:
    assert tried(client, message="quota", move=True, session="mine")["rule"] == "first"
    assert tried(client, message="quota", session="mine")["rule"] == "quota"
    assert tried(client, message="quota")["rule"] == "first"
    (entry,) = client.get("/-/journal").json()["entries"]
    assert (entry["session"], entry["outcome"], entry["sent"]) == ("mine", "complete", 0)
    assert "/-/try" in entry["note"]


def test_what_is_stored_can_be_continued(client: httpx.Client) -> None:
    first = client.post("/v1/responses", json={"model": "gpt-4o", "input": "again"}).json()
    body = {"model": "gpt-4o", "input": "quota", "previous_response_id": first["id"]}
    assert tried(client, body=body)["rule"] == "first"
    assert tried(client, body=body | {"previous_response_id": "resp_0"})["error"]["code"]


def test_a_seed_decides(client: httpx.Client) -> None:
    one, other, again = (tried(client, message="again", seed=seed)["frames"] for seed in ("a", "b", "a"))
    assert one == again != other


def test_errors_of_the_script(client: httpx.Client) -> None:
    found = tried(client, message="broken")
    assert (found["status"], found["rule"], found["ending"]["kind"]) == (429, "broken", "fail")
    assert found["error"]["message"] == "Slow down." and ["retry-after", "2"] in found["headers"]
    assert tried(client, message="cut", transport="sse")["ending"] == {"at": 0.0, "kind": "cut"}


def test_bytes_that_are_no_text(client: httpx.Client) -> None:
    (frame, *_) = tried(client, message="bytes")["frames"]
    assert frame["encoding"] == "base64" and len(frame["data"]) == 12


def test_a_miss_is_explained(client: httpx.Client) -> None:
    found = tried(client, message="good day")
    assert (found["matched"], found["status"], found["error"]["code"]) == (False, 404, "no_rule_matched")
    assert found["explanation"]["skeleton"] == 'when user is "good day" {\n    reply "…"\n}\n'


def test_a_request_that_the_api_refuses(client: httpx.Client) -> None:
    found = tried(client, body={"model": "gpt-4o"})
    assert (found["status"], found["error"]["param"], found["explanation"]) == (400, "messages", None)


def test_a_text_that_is_not_served(client: httpx.Client) -> None:
    found = tried(client, message="quota", script='rule mine when user is "quota" reply "Mine."\n')
    assert (found["rule"], found["events"][0]["text"]) == ("mine", "Mine")
    assert said(say(client, "quota")) == "Here you are."


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({}, "message"),
        ({"endpoint": "chat"}, "message"),
        ({"message": "x", "body": {}}, "body"),
        ({"message": "x", "endpoint": "models"}, "endpoint"),
        ({"message": "x", "transport": "carrier pigeon"}, "transport"),
        ({"message": "x", "headers": {"x-a": 1}}, "headers"),
        ({"message": "x", "move": 1}, "move"),
        ({"message": "x", "speed": 1}, "speed"),
        ({"body": []}, "body"),
    ],
)
def test_what_describes_no_request(client: httpx.Client, asked: Any, param: str) -> None:
    answer = client.post("/-/try", json=asked)
    assert (*error(answer), answer.json()["error"]["param"]) == (400, "bad_request", param)


def test_an_explanation(client: httpx.Client) -> None:
    answer = client.post("/-/explain", json={"message": "x", "headers": {"X-Tier": "vip"}}).json()
    assert answer["answer"]["rule"] == "vip"
    assert [rule["matches"] for rule in answer["rules"]].count(True) == 1
    missed = client.post("/-/explain", json={"message": "x", "endpoint": "responses"}).json()
    assert missed["skeleton"].startswith('when user is "x"')
    text = client.post("/-/explain", json={"message": "x"}, headers={"accept": "text/plain"})
    assert "No rule matched." in text.text and text.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "asked",
    [
        {"message": "a\ud800"},
        {"message": "a", "seed": "\ud800"},
        {"message": "a", "session": "\ud800"},
        {"message": "a", "mock": "\ud800"},
        {"message": "a", "headers": {"x": "\ud800"}},
        {"message": "a", "headers": {"\ud800": "x"}},
        {"body": {"model": "m", "messages": [{"role": "user", "content": "\ud800"}]}},
        {"body": {"model": "m", "input": "\ud800"}, "transport": "websocket"},
        {"body": {"model": "m", "input": "a", "\ud800": 1}, "transport": "websocket"},
    ],
)
@pytest.mark.parametrize("path", ["try", "explain"])
def test_half_a_character(client: httpx.Client, path: str, asked: dict[str, Any]) -> None:
    sent = {"content": json.dumps(asked), "headers": {"content-type": "application/json"}}
    answer = client.post(f"/-/{path}", **sent)  # type: ignore[arg-type]
    # In a body it may be escaped, as JSON has it: that is for the API that is asked.
    assert answer.status_code in ((200, 400, 409) if "body" in asked else (400,)), answer.text
