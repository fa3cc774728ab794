"""Two and eight worker processes, one state: 64 clients who ask at once cannot tell them from one process."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.server.harness import Client, Served, eventually, serve
from tests.shared.asking import CLIENTS, SCRIPT, ask, at_once, chat, journal, respond, said
from tests.shared.redis_server import RedisServer

# Eight processes take their time to start, on two cores that do other things as well.
pytestmark = pytest.mark.timeout(180)


@contextmanager
def served(workers: int, redis: RedisServer) -> Iterator[Served]:
    environ = {"MOCKLLM_SCRIPT": str(SCRIPT), "MOCKLLM_STATE": redis.url(uuid4().hex)}
    with serve("gunicorn", "wsgi:app", environ, "--workers", str(workers)) as server:
        eventually(lambda: server.stderr.count("Booting worker") == workers)
        yield server
        assert "Traceback" not in server.stderr
        assert "share nothing" not in server.stderr


@pytest.fixture(scope="module")
def server(redis: RedisServer) -> Iterator[Served]:
    with served(2, redis) as server:
        yield server


def test_eight_workers_are_as_exact_as_two(redis: RedisServer) -> None:
    with served(8, redis) as server:
        test_each_step_of_a_sequence_is_given_once(server)
        test_a_limit_lets_through_what_it_says(server)
        test_nothing_is_counted_twice(server)
        test_what_is_remembered_is_never_lost(server)
        test_the_journal_has_each_request_once(server)
        test_a_response_is_continued_and_read_by_any_worker(server)


def test_each_step_of_a_sequence_is_given_once(server: Served) -> None:
    told = at_once(server, ["next"] * CLIENTS, "steps")
    steps = {(200, str(step)): 1 for step in range(1, 9)}
    assert Counter(told) == {**steps, (200, "none is left"): CLIENTS - 8}


def test_a_limit_lets_through_what_it_says(server: Served) -> None:
    told = at_once(server, ["limited"] * CLIENTS, "limits")
    assert Counter(told) == {(200, "let through"): 20, (429, "rate_limit_exceeded"): CLIENTS - 20}


def test_nothing_is_counted_twice(server: Served) -> None:
    told = at_once(server, ["count"] * 2 * CLIENTS, "counts")
    assert sorted(int(text) for _, text in told) == list(range(1, 2 * CLIENTS + 1))


def test_what_is_remembered_is_never_lost(server: Served) -> None:
    told = at_once(server, ["remember"] * CLIENTS, "memory")
    assert sorted(len(text) for _, text in told) == list(range(1, CLIENTS + 1))


def test_the_journal_has_each_request_once(server: Served) -> None:
    texts = [f"request {number}" for number in range(2 * CLIENTS)]
    at_once(server, texts, "journal")
    entries = [entry for entry in journal(server) if entry["session"] == "journal"]
    assert sorted(entry["body"]["messages"][0]["content"] for entry in entries) == sorted(texts)
    assert len({entry["id"] for entry in entries}) == len(texts)
    assert sorted(entry["ordinal"] for entry in entries) == list(range(1, len(texts) + 1))
    eventually(lambda: {entry["outcome"] for entry in journal(server)} == {"complete"})


def test_who_has_an_answer_finds_it_in_the_journal_of_any_worker(server: Served) -> None:
    for number in range(8):
        chat(server, f"mine {number}", "found")
        assert len([entry for entry in journal(server) if entry["session"] == "found"]) == number + 1


def test_chance_is_the_same_in_all_workers(server: Served) -> None:
    """The seed was drawn once: what answer of a session it is decides, and not which worker gives it."""
    first = {chat(server, "chance", f"chance {number}")[1] for number in range(3)}
    assert len(first) == 3
    again = [chat(server, "chance", "replayed")[1] for _ in range(4)]
    ask(server, "POST", "/-/reset?session=replayed")
    assert [chat(server, "chance", "replayed")[1] for _ in range(4)] == again


def test_a_response_is_continued_and_read_by_any_worker(server: Served) -> None:
    first = respond(server, "hello")
    latest = first
    for turn in range(2, 8):
        latest = respond(server, "go on", previous_response_id=latest["id"])
        assert said(latest) == f"{turn} go on"
        assert ask(server, "GET", f"/v1/responses/{first['id']}") == (200, first)
    assert ask(server, "DELETE", f"/v1/responses/{first['id']}")[0] == 200
    assert {ask(server, "GET", f"/v1/responses/{first['id']}")[0] for _ in range(8)} == {404}


def test_a_conversation_has_all_that_was_said_to_it(server: Served) -> None:
    status, made = ask(server, "POST", "/v1/conversations", {})
    assert status == 200
    for _ in range(4):
        respond(server, "hello", conversation=made["id"])
    items = ask(server, "GET", f"/v1/conversations/{made['id']}/items?order=asc")[1]["data"]
    assert [item["content"][0]["text"] for item in items if item["role"] == "assistant"] == [
        f"{turn} hello" for turn in range(1, 5)
    ]


def test_a_stream_is_cancelled_from_another_worker(server: Served) -> None:
    value = {"model": "gpt-4o", "input": "slowly", "background": True, "stream": True}
    body = json.dumps(value).encode()
    with Client(server.address) as client:
        client.send(
            b"POST /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-mockllm-session: s\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        begun = client.until(b'"It "').decode()
        name = begun.partition('"id":"')[2].partition('"')[0]
        for _ in range(3):  # one of them is another worker, mostly
            assert ask(server, "POST", f"/v1/responses/{name}/cancel")[1]["status"] == "cancelled"
        client.rest()


def test_a_reset_is_for_all_workers(server: Served) -> None:
    kept = respond(server, "hello", session="reset")
    assert [chat(server, "count", "reset")[1] for _ in range(3)] == ["1", "2", "3"]
    assert ask(server, "POST", "/-/reset?session=reset")[0] == 200
    assert ask(server, "GET", f"/v1/responses/{kept['id']}", session="reset")[0] == 404
    assert chat(server, "count", "reset") == (200, "1")


def test_without_a_store_workers_say_once_that_they_share_nothing() -> None:
    environ = {"MOCKLLM_SCRIPT": str(SCRIPT), "MOCKLLM_STATE": ""}
    with serve("gunicorn", "wsgi:app", environ, "--workers", "2") as server:
        eventually(lambda: server.stderr.count("Booting worker") == 2)
        assert chat(server, "hello") == (200, "1 hello")
        assert server.stderr.count("2 workers share nothing") == 1
