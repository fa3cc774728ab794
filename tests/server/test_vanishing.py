"""Clients that do not read, and clients that vanish: what they leave behind, which is nothing."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Literal

import gevent.socket
import pytest

from mockllm.transports import connection
from tests.server.harness import Client, Kind, Served, eventually, serve
from tests.server.stage import FLOOD, ONE
from tests.server.test_json_player import outcome, told
from tests.server.websocket_client import Raw
from tests.server.websocket_client import told as told_of_socket

DEAF, READING = 50, 20
HOW: tuple[Literal["FIN", "RST"], ...] = ("FIN", "RST")
_LOGGED = re.compile(r"\[\d{4}-.*")


@pytest.fixture(scope="module")
def sockets(kind: Kind) -> Iterator[Served]:
    with serve(kind, "tests.server.websocket_stage:app") as served:
        yield served
        assert [line for line in served.stderr.splitlines() if not _LOGGED.fullmatch(line)] == []


def resources(server: Served) -> dict[str, int]:
    found: dict[str, int] = json.loads(Client.body_of(server.address, "/resources"))
    return found


def given_back(server: Served, before: dict[str, int]) -> None:
    """All that was taken since `before` is there again."""
    eventually(lambda: all(count <= before[kind] for kind, count in resources(server).items()))


def test_clients_that_never_read_keep_nobody_waiting_and_fill_no_memory(server: Served) -> None:
    before = resources(server)
    encoded = int(Client.body_of(server.address, "/flooded"))
    with ExitStack() as stack:
        for number in range(DEAF):
            deaf = stack.enter_context(Client(server.address, receive_buffer=4096))
            deaf.get(f"/sse/flood?take=deaf-{number}")
        reading = [stack.enter_context(Client(server.address)) for _ in range(READING)]
        for client in reading:
            client.get("/sse/steady", "connection: close", version="1.0")
        for client in reading:
            assert client.rest()[0].endswith(b"\r\n\r\n" + ONE * 100)
        encoded = int(Client.body_of(server.address, "/flooded")) - encoded
        sent = sum(told(server, f"deaf-{number}")["frames"] for number in range(DEAF))
        # Of each stream one frame waits for the client, and one for it.
        assert encoded - sent <= 2 * DEAF
        assert sent << 16 < FLOOD / 4
    assert [outcome(server, f"deaf-{number}")[1] for number in range(DEAF)] == [["left"]] * DEAF
    given_back(server, before)


@pytest.mark.parametrize(
    ("path", "outcomes"),
    [
        ("sse/pause", ["left"]),
        ("sse/flood", ["left"]),
        ("sse/drip-for-ever", ["left"]),
        ("sse/split-for-ever", ["left"]),
        ("sse/hang", ["hang"]),
        ("json/limit-hang", ["hang"]),
    ],
)
@pytest.mark.parametrize("how", HOW)
def test_what_a_client_that_vanishes_amid_a_stream_gives_back(
    server: Served, path: str, outcomes: list[str], how: Literal["FIN", "RST"]
) -> None:
    before = resources(server)
    takes = [f"{path}-{how}-{number}".replace("/", "-") for number in range(5)]
    clients = [Client(server.address) for _ in takes]
    for client, take in zip(clients, takes, strict=True):
        client.get(f"/{path}?take={take}")
        assert client.until(b"\r\n\r\n")
    for client in clients:
        client.vanish(how)
    assert [outcome(server, take)[1] for take in takes] == [outcomes] * len(takes)
    given_back(server, before)


@pytest.mark.parametrize(("scene", "outcomes"), [("pause", ["left"]), ("flood", ["left"]), ("hang", ["hang"])])
@pytest.mark.parametrize("how", HOW)
def test_what_a_client_that_vanishes_amid_a_socket_gives_back(
    sockets: Served, scene: str, outcomes: list[str], how: Literal["FIN", "RST"]
) -> None:
    before = resources(sockets)
    takes = [f"{scene}-{how}-{number}" for number in range(5)]
    clients = [Raw(sockets, f"/play/{scene}?take={take}") for take in takes]
    for client in clients:
        client.frame()
    for client in clients:
        client.vanish(how)
    assert [told_of_socket(sockets, take, "outcomes")["outcomes"] for take in takes] == [outcomes] * len(takes)
    given_back(sockets, before)


def test_a_client_that_reads_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SEND_TIMEOUT", 0.01)
    ours, theirs = gevent.socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError):
        connection.send_all(ours, bytes(1 << 24))


def test_a_client_that_reads_slowly_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = gevent.socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    data = bytes(range(256)) * 4096
    with ours, theirs:
        sending = gevent.spawn(connection.send_all, ours, data)
        read = b""
        while len(read) < len(data):
            read += theirs.recv(10_000)
        sending.get()
    assert read == data
