"""What requests ask of the mock by headers, and its clock, on both servers and over real sockets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.clients.asking import SCRIPTS, Kind, Wire, asked, fetch, journal, mock, parsed, without_chunks
from tests.clients.test_serving import command
from tests.server.harness import PATIENCE, Served, eventually

SCRIPT = "directions.llmock"

STREAM = {"stream": True, "stream_options": {"include_obfuscation": False}}


@pytest.fixture(scope="module")
def server(kind: Kind) -> Iterator[Served]:
    """Serves with faults switched on, and a clock for which a script's quarter of an hour is nothing."""
    options = () if kind == "gunicorn" else ("--faults", "--clock", "instant")
    environ = {"MOCKLLM_FAULTS": "1", "MOCKLLM_CLOCK": "instant"}
    with mock(kind, SCRIPTS / SCRIPT, *options, seed=7, env=environ if kind == "gunicorn" else None) as served:
        yield served
        served.kill()
        assert "Traceback" not in served.stderr


def last(server: Served, key: str) -> dict[str, Any]:
    """The session's last entry in the journal, once its answer is over."""

    def over() -> dict[str, Any] | None:
        entries = [entry for entry in journal(server) if entry["session"] == key]
        return entries[-1] if entries and entries[-1]["outcome"] else None

    return eventually(over)


def session(key: str) -> str:
    return f"x-mockllm-session: {key}"


@pytest.mark.parametrize("parameters", [{}, STREAM])
def test_an_instant_clock(server: Served, key: str, parameters: dict[str, Any]) -> None:
    status, fields, body = fetch(server, asked("slow", **parameters), session(key), "x-mockllm-plan: 1")
    assert (status, fields["x-mockllm-plan"]) == (200, "1000000,1250000,1250000")
    assert b"Hel" in body and b"lo" in body
    entry = last(server, key)
    assert (entry["planned"], entry["plan"], entry["outcome"]) == (1250.0, [1000.0, 1250.0], "complete")


@pytest.mark.parametrize("parameters", [{}, STREAM])
def test_the_seed_of_the_journal_gives_the_same_answer(
    server: Served, key: str, parameters: dict[str, Any]
) -> None:
    first = fetch(server, asked("dice", **parameters), session(key))
    other = fetch(server, asked("dice", **parameters), session(key))
    entry = next(entry for entry in journal(server) if entry["session"] == key)
    assert entry["seed"] == f"7/{key}/1"
    again = fetch(server, asked("dice", **parameters), f"x-mockllm-seed: {entry['seed']}")
    assert again[2] == first[2] != other[2]
    assert again[1]["x-request-id"] == first[1]["x-request-id"]


def test_trouble_by_header(server: Served, key: str) -> None:
    status, fields, body = fetch(
        server, asked("short"), session(key), 'x-mockllm-fault: fail 429 "Slow down." retry after 3s'
    )
    assert (status, fields["retry-after"], json.loads(body)["error"]["message"]) == (429, "3", "Slow down.")
    assert last(server, key)["rule"] == "short"


def test_trouble_amid_a_stream(server: Served, key: str) -> None:
    with Wire(server) as wire:
        wire.post(asked("short", **STREAM), session(key), "x-mockllm-fault: after 1 chunks cut")
        data, end = wire.rest()
    head, _, rest = data.partition(b"\r\n\r\n")
    body, _, whole = without_chunks(rest)
    assert (parsed(head)[0], whole, end) == (200, False, "FIN")
    assert b"Hel" in body and b'"lo"' not in body
    assert last(server, key)["outcome"] == "cut"


@pytest.mark.parametrize(
    ("path", "value"),
    [("/v1/chat/completions", asked("short")), ("/v1/responses", {"model": "gpt-4o", "input": "short"})],
)
def test_trouble_that_nobody_knows(server: Served, path: str, value: Any) -> None:
    status, _, body = fetch(server, value, "x-mockllm-fault: explode", path=path)
    error = json.loads(body)["error"]
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", "x-mockllm-fault")
    assert error["message"].startswith("Invalid 'x-mockllm-fault': ")


def test_the_headers_of_a_limit(server: Served, key: str) -> None:
    told = [fetch(server, asked("limited"), session(key)) for _ in range(3)]
    assert [status for status, _, _ in told] == [200, 200, 429]
    fields = [found for _, found, _ in told]
    assert [found["x-ratelimit-limit-requests"] for found in fields] == ["2"] * 3
    assert [found["x-ratelimit-remaining-requests"] for found in fields] == ["1", "0", "0"]
    assert re.fullmatch(r"138h53m[\d.]+s|138h5\dm[\d.]+s", fields[0]["x-ratelimit-reset-requests"])
    assert "x-ratelimit-limit-tokens" not in fields[2]
    assert 499_000 < int(fields[2]["retry-after"]) <= 500_000


def test_a_dialect(server: Served) -> None:
    _, _, body = fetch(server, asked("calls", **STREAM))
    assert b'"tool_calls":[{"id":"call_' in body
    assert b'"tool_calls":[{"function":{"arguments":"{' in body


def test_a_split(server: Served) -> None:
    with Wire(server) as wire:
        wire.post(asked("pieces", **STREAM), "connection: close")
        data, _ = wire.rest()
    assert without_chunks(data.partition(b"\r\n\r\n")[2]) == (b"Hello, world", [5, 5, 2], True)


# -- sockets ----------------------------------------------------------------------------------------------------


def dice(server: Served, *headers: tuple[str, str]) -> list[str]:
    """What two requests on one socket are answered with."""
    answers = []
    with connect(f"ws{server.url[4:]}/v1/chat", additional_headers=dict(headers)) as socket:
        for _ in range(2):
            socket.send(json.dumps(asked("dice", stream=False)))
            answers.append(str(socket.recv(PATIENCE)))
    return answers


def test_the_seed_of_a_socket(server: Served, key: str) -> None:
    first, second = dice(server, ("x-mockllm-seed", "s"), ("x-mockllm-session", key))
    assert dice(server, ("x-mockllm-seed", "s")) == [first, second]
    assert first != second
    assert [entry["seed"] for entry in journal(server) if entry["session"] == key] == ["s", "s/2"]
    assert dice(server, ("x-mockllm-seed", "s/2"))[0] == second


def test_trouble_on_a_socket_comes_before_each_answer(server: Served) -> None:
    errors = [json.loads(answer)["error"] for answer in dice(server, ("x-mockllm-fault", "503"))]
    assert [error["code"] for error in errors] == ["server_is_overloaded"] * 2


def test_trouble_on_a_socket_that_nobody_knows(server: Served) -> None:
    errors = [json.loads(answer)["error"] for answer in dice(server, ("x-mockllm-fault", "explode"))]
    assert [error["param"] for error in errors] == ["x-mockllm-fault"] * 2


def test_a_split_on_a_socket_cuts_messages_into_frames(server: Served) -> None:
    with connect(f"ws{server.url[4:]}/v1/chat") as socket:
        socket.send(json.dumps(asked("pieces")))
        assert list(socket.recv_streaming()) == ["Hello", ", wor", "ld"]


def test_binary_messages(server: Served) -> None:
    with connect(f"ws{server.url[4:]}/v1/chat") as socket:
        socket.send(json.dumps(asked("bytes")))
        assert [socket.recv(PATIENCE), socket.recv(PATIENCE)] == [b"\xff\x00", "text"]


def test_timers_go_by_the_clock(server: Served) -> None:
    with connect(f"ws{server.url[4:]}/v1/clock") as socket:
        assert json.loads(socket.recv(PATIENCE)) == {"type": "once", "elapsed": 0}


# -- other servers ----------------------------------------------------------------------------------------------


def test_trouble_that_is_not_switched_on(kind: Kind, key: str) -> None:
    with mock(kind, SCRIPTS / SCRIPT) as server:
        status, fields, _ = fetch(server, asked("short"), session(key), "x-mockllm-fault: 429")
        assert (status, fields["x-mockllm-fault"]) == (200, "ignored")
        assert last(server, key)["note"].startswith("The header x-mockllm-fault was ignored")


def test_a_fast_clock(kind: Kind, key: str) -> None:
    options = () if kind == "gunicorn" else ("--speed", "1e5")
    environ = {"MOCKLLM_SPEED": "1e5"} if kind == "gunicorn" else None
    with mock(kind, SCRIPTS / SCRIPT, *options, env=environ) as server:
        assert b"Hello" in fetch(server, asked("slow"), session(key))[2]
        entry = last(server, key)
        assert entry["planned"] == 1250.0
        assert entry["took"] >= 0.0125
        with connect(f"ws{server.url[4:]}/v1/clock") as socket:
            assert json.loads(socket.recv(PATIENCE)) == {"type": "once", "elapsed": 100_000.0}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--speed", "0"), "Error: the speed of the clock is above 0 and at most 1,000,000, not 0;"),
        (("--speed", "2", "--clock", "instant"), "Error: a clock that is `instant` has no speed"),
    ],
)
def test_a_clock_that_makes_no_sense(options: tuple[str, ...], told: str) -> None:
    status, out, err = command("serve", str(SCRIPTS / SCRIPT), "--port", "0", *options, cwd=SCRIPTS)
    assert (status, out) == (1, "")
    assert err.startswith(told)
