"""Sessions, as they are told and set."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.control.serving import error, in_memory, said, say, serving

SESSION = "/-/mocks/-/session"

BY = """\
scenario order by body.metadata.id {
    state open {
        when user is "go" {
            reply "Going."
            remember said = "{{ user }}"
            go shipped
        }
    }
    state shipped {
        when user is "go" {
            reply "Gone."
            go open
        }
    }
}
"""


def test_what_a_session_remembers(client: httpx.Client) -> None:
    say(client, "quota")
    say(client, "pay")
    say(client, "hello", **{"x-mockllm-session": "a/b c?"})
    found = client.get("/-/mocks/-/sessions").json()
    assert (found["total"], [each["name"] for each in found["sessions"]]) == (2, ["a/b c?", "default"])
    session = found["sessions"][1]
    assert session["answers"] == 2 and session["counters"]["quota"] == 1
    assert session["memory"] == {"item": "teapot"}
    assert session["scenarios"] == [{"name": "checkout", "by": None, "state": "paying"}]
    assert client.get(SESSION, params={"name": "a/b c?"}).json()["answers"] == 1
    assert [each["name"] for each in client.get("/-/mocks/-/sessions?limit=1").json()["sessions"]] == ["a/b c?"]


def test_counters_are_called_by_places() -> None:
    script = (
        'when user is "a" { sequence { reply "1"; reply "2" } }\n'
        'when user is "b" reply "b"; when user is "c" reply "c"\nrule a-9 when user is "d" reply "d"\n'
    )
    with serving(in_memory(script)) as client:
        for user in "abcd":
            assert say(client, user).status_code == 200
        counters = client.get(SESSION, params={"name": "default"}).json()["counters"]
    assert list(counters.values()) == [1] * 5
    assert {"script:1", "script:2", "a-9"} <= counters.keys()
    assert any(key.startswith("script:1#") for key in counters)


def test_one_that_nobody_has_used(client: httpx.Client) -> None:
    assert client.get(SESSION, params={"name": "new"}).json()["answers"] == 0
    assert client.get("/-/mocks/-/sessions").json()["total"] == 0
    assert error(client.get(SESSION)) == (400, "bad_request")


def test_one_is_reset(client: httpx.Client) -> None:
    say(client, "pay")
    assert say(client, "pay").status_code == 404
    assert client.delete(SESSION, params={"name": "default"}).status_code == 204
    assert said(say(client, "pay")) == "How?"
    assert len(client.get("/-/journal").json()["entries"]) == 3


def test_a_state_is_set(client: httpx.Client) -> None:
    def put(**state: Any) -> httpx.Response:
        return client.put(f"{SESSION}/state", params={"name": "default"}, json=state)

    assert put(scenario="checkout", state="paying").json()["scenarios"][0]["state"] == "paying"
    assert said(say(client, "card")) == "Thanks."
    assert error(put(scenario="checkout", state="lost")) == (400, "bad_request")
    assert error(put(scenario="nothing", state="paying")) == (404, "not_found")
    assert error(put(scenario="checkout", state="paying", by="x")) == (400, "bad_request")
    assert error(put(scenario="checkout")) == (400, "bad_request")


def test_scenarios_by_a_field() -> None:
    with serving(in_memory(BY)) as client:
        state = {"scenario": "order", "state": "shipped", "by": "7"}
        put = client.put(f"{SESSION}/state", params={"name": "default"}, json=state)
        told = {"name": "order", "by": "7", "state": "shipped", "counters": {}, "memory": {}}
        assert put.json()["scenarios"] == [told]
        body = {"model": "m", "messages": [{"role": "user", "content": "go"}]}
        for id, text in (("7", "Gone."), ("8", "Going.")):
            answer = client.post("/v1/chat/completions", json=body | {"metadata": {"id": id}})
            assert said(answer) == text
        session = client.get(SESSION, params={"name": "default"}).json()
        seven, eight = session["scenarios"]
        assert session["memory"] == seven["memory"] == {} and eight["memory"] == {"said": "go"}
        assert list(eight["counters"].values()) == [1]
        del state["by"]
        assert error(client.put(f"{SESSION}/state", params={"name": "default"}, json=state))[0] == 400


@pytest.mark.parametrize("method", ["get", "delete"])
def test_a_mock_that_is_none(client: httpx.Client, method: str) -> None:
    assert error(client.request(method, "/-/mocks/nobody/session?name=x")) == (404, "not_found")
