"""Clients that keep a connection and send nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from mockllm import server
from mockllm.mock_server import MockServer

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n"
BODY = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}'.ljust(90)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(server, "IDLE_TIMEOUT", 0.2)
    with MockServer("otherwise hang") as mock:
        host, _, port = mock.base_url.removeprefix("http://").removesuffix("/v1").partition(":")
        yield host, int(port)


@pytest.mark.parametrize("sent", [b"", b"POST", HEAD[:40], HEAD, HEAD + BODY[:-1]])
def test_who_sends_nothing_more_is_dropped(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address, 30) as client:
        client.sendall(sent)
        assert client.recv(1) == b""


def test_who_waits_for_an_answer_is_not(address: tuple[str, int]) -> None:
    with socket.create_connection(address, 30) as client:
        client.sendall(HEAD + BODY)
        time.sleep(0.6)
        client.settimeout(0)
        with pytest.raises(BlockingIOError):
            client.recv(1)
