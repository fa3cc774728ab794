"""The journal: filtered, read, followed live and cleared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from mockllm.control import following
from mockllm.control.following import Follower
from mockllm.control.journal_filter import Filter
from mockllm.journal import Journal, Recorder
from mockllm.settings import Settings
from mockllm.state import StateUnavailable
from mockllm.transports.connection import Connection
from tests.clients.asking import mock
from tests.control.serving import SCRIPT, error, in_folder, in_memory, say, serving
from tests.server.harness import CHECKOUT, eventually


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server of two mocks, both of which were asked."""
    folder = tmp_path_factory.mktemp("served")
    with serving(in_folder(folder, alpha=SCRIPT, beta=SCRIPT)) as client:
        say(client, "hello", "/alpha")
        say(client, "hello", "/beta", **{"x-mockllm-session": "mine"})
        say(client, "nothing like it", "/alpha")
        say(client, "broken", "/beta")
        client.get("/alpha/v1/nowhere")
        client.post("/alpha/v1/responses", json={"model": "gpt-4o", "input": "hello"})
        yield client


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("mock=alpha", [1, 3, 5, 6]),
        ("mock=ALPHA&endpoint=responses", [6]),
        ("mock=-", []),
        ("session=mine", [2]),
        ("rule=hello", [1, 2, 6]),
        ("rule=broken&mock=beta", [4]),
        ("status=429", [4]),
        ("status=4xx", [3, 4, 5]),
        ("miss=true", [3]),
        ("miss=false&status=404", [5]),
        ("outcome=complete&mock=beta", [2, 4]),
        ("outcome=open", []),
        ("transport=json&limit=2", [4, 6]),
        ("limit=1", [6]),
    ],
)
def test_a_filter(asked: httpx.Client, query: str, ids: list[int]) -> None:
    found = asked.get(f"/-/journal?{query}").json()
    assert [entry["id"] for entry in found["entries"]] == ids
    assert found["version"] == 12


@pytest.mark.parametrize("query", ["status=4", "status=abc", "miss=maybe", "limit=0", "limit=x", "brief=2"])
def test_a_filter_that_makes_no_sense(asked: httpx.Client, query: str) -> None:
    answer = asked.get(f"/-/journal?{query}")
    assert error(answer) == (400, "bad_request")
    assert answer.json()["error"]["param"] == query.partition("=")[0]


def test_an_entry(asked: httpx.Client) -> None:
    entry = asked.get("/-/journal/2").json()
    assert (entry["rule"], entry["session"], entry["body"]["messages"][0]["content"]) == ("hello", "mine", "hello")
    (brief,) = asked.get("/-/journal?session=mine&brief=1").json()["entries"]
    assert entry.keys() - brief.keys() == {"headers", "query", "body", "plan"}
    assert error(asked.get("/-/journal/99")) == (404, "not_found")
    assert error(asked.get("/-/journal/x"))[0] == 404


def test_it_is_cleared(client: httpx.Client) -> None:
    say(client, "hello")
    assert client.delete("/-/journal").status_code == 204
    assert client.get("/-/journal").json()["entries"] == []
    say(client, "hello")
    assert [entry["id"] for entry in client.get("/-/journal").json()["entries"]] == [2]


# -- live -----------------------------------------------------------------------------------------------------


class Events:
    """The events of a stream, as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        self._lines = answer.iter_lines()
        self.last_id: str | None = None

    def next(self) -> tuple[str, Any]:
        """The name and the value of the next event."""
        told: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line and not line.startswith(":"):
                told[name] = value
            elif "event" in told:
                self.last_id = told.get("id", self.last_id)
                return told["event"], json.loads(told["data"])
        raise AssertionError("the stream has ended")

    def entry(self) -> Any:
        kind, value = self.next()
        assert kind == "entry"
        return value


@contextmanager
def live(client: httpx.Client, query: str = "", **headers: str) -> Iterator[Events]:
    with client.stream("GET", f"/-/journal/live?{query}", headers=headers) as answer:
        assert answer.status_code == 200
        yield Events(answer)


def test_entries_appear(client: httpx.Client) -> None:
    say(client, "hello")
    with live(client, "since=0") as events:
        assert (events.entry()["id"], events.last_id) == (1, "2")
        say(client, "nothing")
        entry = events.entry()
        while entry["outcome"] is None:
            entry = events.entry()
        assert (entry["id"], entry["status"], entry["miss"], entry["outcome"]) == (2, 404, True, "complete")
        client.delete("/-/journal")
        assert events.next() == ("cleared", {})
        say(client, "hello")
        assert events.entry()["id"] == 3


def test_without_a_version_only_what_is_new_appears(client: httpx.Client) -> None:
    say(client, "hello")
    with live(client, "rule=broken&brief=true") as events:
        say(client, "hello")
        say(client, "broken")
        entry = events.entry()
        assert entry["id"] == 3 and "body" not in entry


def test_who_comes_back_gets_what_was_missed(client: httpx.Client) -> None:
    with live(client) as events:
        say(client, "hello")
        while events.entry()["outcome"] is None:
            pass
    say(client, "broken")
    with live(client, **{"last-event-id": events.last_id or ""}) as again:
        assert again.entry()["id"] == 2
    # A version that this journal has not come to is of a server that is no more.
    with live(client, **{"last-event-id": "1000000"}) as anew:
        assert [anew.entry()["id"], anew.entry()["id"]] == [1, 2]


def test_who_reads_slowly_is_told_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(following, "_REST", 0.0)
    journal = Journal(10)
    follower = Follower(journal, Filter(), 0).events(Connection())
    assert "following" in next(follower)

    def ask(count: int) -> None:
        for _ in range(count):
            Recorder(journal.begin("", "POST", "/v1/chat/completions")).ended(0.0, "complete")

    def told() -> list[tuple[str, Any]]:
        found = re.findall(r"event: (.*)\ndata: (.*)\n", next(follower))
        return [(kind, json.loads(data)) for kind, data in found]

    ask(2)
    assert [value["id"] for _, value in told()] == [1, 2]
    ask(8)  # more than one look takes: the newest are told
    kinds = told()
    assert kinds[0] == ("missed", {"missed": 5})
    assert [value["id"] for _, value in kinds[1:]] == [8, 9, 10]
    ask(30)  # more than the journal keeps
    kinds = told()
    assert kinds[0] == ("missed", {"missed": 27})
    assert [value["id"] for _, value in kinds[1:]] == [38, 39, 40]
    journal.clear()
    assert told() == [("cleared", {})]


def test_silence_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "HEARTBEAT", 0.02)
    monkeypatch.setattr(following, "_GLANCE", 0.01)
    monkeypatch.setattr(following, "_REST", 0.0)
    follower = Follower(Journal(1), Filter(), 0).events(Connection())
    assert [next(follower) for _ in range(3)][1:] == [": still here\n\n"] * 2


def test_a_journal_that_is_lost_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_REST", 0.0)
    journal = Journal(1)
    follower = Follower(journal, Filter(), 0).events(Connection())
    next(follower)

    def lost(*_: Any) -> Any:
        raise StateUnavailable("gone")

    monkeypatch.setattr(journal, "changes", lost)
    assert next(follower, None) is None


def test_not_everybody_can_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_FOLLOWERS", 1)
    monkeypatch.setattr(following, "_GLANCE", 0.01)
    with serving(in_memory(settings=Settings(seed=1))) as client:
        with live(client):
            refused = client.get("/-/journal/live")
            assert error(refused) == (503, "too_many_followers")

        def left() -> bool:
            with client.stream("GET", "/-/journal/live") as answer:
                return answer.status_code == 200

        assert eventually(left)


@pytest.mark.parametrize("kind", ["command", "gunicorn"])
def test_a_server_that_stops_does_not_wait_for_followers(kind: Any) -> None:
    with mock(kind, CHECKOUT / "examples" / "quickstart.llmock") as served:
        with httpx.stream("GET", f"{served.url}/-/journal/live", trust_env=False) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            assert served.stop() == 0
        assert "Traceback" not in served.stderr
