"""Redis goes away and comes back, and the server goes on: the one that `mockllm serve` starts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.sync.client import connect

from mockllm import MockServer
from mockllm.settings import Settings
from tests.server.harness import CHECKOUT, Client, Served, eventually, running, tool
from tests.shared.asking import SCRIPT, ask, chat, journal, respond, said
from tests.shared.redis_server import RedisServer


@contextmanager
def served(url: str) -> Iterator[Served]:
    with running([tool("mockllm"), "serve", str(SCRIPT), "--port", "0", "--state", url]) as server:
        yield server
        assert "Traceback" not in server.stdout + server.stderr


def errors(server: Served) -> list[dict[str, Any]]:
    """What each kind of endpoint that needs the state says."""
    value = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    asked = [
        ("POST", "/v1/chat/completions", value),
        ("POST", "/v1/chat/completions", value | {"stream": True}),
        ("POST", "/v1/responses", {"model": "gpt-4o", "input": "hello"}),
        ("POST", "/v1/responses", {"model": "gpt-4o", "input": "hello", "previous_response_id": "resp_1"}),
        ("GET", "/v1/responses/resp_1", None),
        ("POST", "/v1/conversations", {}),
        ("GET", "/-/journal", None),
        ("POST", "/-/reset", None),
    ]
    found = []
    for method, path, body in asked:
        status, answer = ask(server, method, path, body)
        assert (status, answer["error"]["type"], answer["error"]["param"]) == (503, "server_error", None), path
        found.append(answer["error"])
    return found


def test_redis_is_killed_and_started_again() -> None:
    with RedisServer() as redis, served(redis.url()) as server:
        first = respond(server, "hello")
        redis.stop()
        told = errors(server)
        assert {error["code"] for error in told} == {"state_unavailable"}
        assert f"redis://127.0.0.1:{redis.port}/0 cannot be had" in told[0]["message"]
        assert ask(server, "GET", "/-/healthy")[0] == 200
        redis.start()
        eventually(lambda: chat(server, "count") == (200, "1") or None)
        assert said(respond(server, "hello")) == "1 hello"
        assert ask(server, "GET", f"/v1/responses/{first['id']}")[0] == 404, "it was in the memory of Redis alone"
        eventually(lambda: 503 in [entry["status"] for entry in journal(server)])
        lines = server.stdout.splitlines() + server.stderr.splitlines()
        assert len([line for line in lines if line.startswith("The shared state") and "had" in line]) == 1
        assert len([line for line in lines if line.endswith("is back.")]) == 1


def test_a_socket_is_told_and_stays_open() -> None:
    frame = json.dumps({"type": "response.create", "model": "gpt-4o", "input": "hello"})
    with RedisServer() as redis, served(redis.url()) as server:
        address = server.url.replace("http", "ws")
        with connect(f"{address}/v1/responses") as socket:
            redis.stop()
            socket.send(frame)
            refused = json.loads(socket.recv())
            assert (refused["type"], refused["status"]) == ("error", 503)
            assert refused["error"]["code"] == "state_unavailable"
            redis.start()

            def answered() -> bool | None:
                socket.send(frame)
                while (event := json.loads(socket.recv()))["type"] not in ("error", "response.completed"):
                    pass
                return bool(event["type"] == "response.completed")

            eventually(answered)


def test_a_redis_that_says_nothing_holds_up_nobody_else() -> None:
    """A stream goes on to its end while others wait for Redis in vain."""
    body = json.dumps(
        {"model": "gpt-4o", "messages": [{"role": "user", "content": "dripping"}], "stream": True}
    ).encode()
    with RedisServer() as redis, served(redis.url()) as server, Client(server.address) as client:
        client.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        client.until(b'"content":"0')
        redis.freeze()
        with ThreadPoolExecutor(1) as others:
            waiting = others.submit(chat, server, "hello")
            data, _ = client.rest()
            assert b"[DONE]" in data and not waiting.done()
            assert waiting.result() == (503, "state_unavailable")
        redis.thaw()
        eventually(lambda: chat(server, "hello")[0] == 200)
        eventually(lambda: {"complete"} == {entry["outcome"] for entry in journal(server)})


def test_a_server_in_a_test_shares_its_state(state: str) -> None:
    settings = Settings(state=state)
    with MockServer(SCRIPT, settings) as first, MockServer(SCRIPT, settings) as second:
        servers = [Served(each.base_url.removesuffix("/v1"), None, SCRIPT, SCRIPT) for each in (first, second)]  # type: ignore[arg-type]
        assert [chat(each, "count") for each in servers] == [(200, "1"), (200, "2")]
        assert len(first.journal()) == len(second.journal()) == 2
        first.reset()
        assert second.journal() == []
        assert chat(servers[1], "count") == (200, "1")
    assert len(first.journal()) == 1


@pytest.mark.parametrize("command", ["serve", "gunicorn"])
def test_a_server_does_not_start_without_its_redis(command: str) -> None:
    url = "redis://127.0.0.1:1"
    argv = [tool("mockllm"), "serve", str(SCRIPT), "--port", "0", "--state", url]
    if command == "gunicorn":
        argv = [
            tool("gunicorn"),
            "-k",
            "geventwebsocket",
            "--bind",
            "127.0.0.1:0",
            "--env",
            f"MOCKLLM_STATE={url}",
        ]
        argv.append("wsgi:app")
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=50)
    assert done.returncode != 0
    assert "The shared state at redis://127.0.0.1:1 cannot be had: " in done.stderr
