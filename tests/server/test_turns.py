"""Connections have their turns: none that is busy keeps the others waiting."""

from __future__ import annotations

import socket
import threading

from mockllm.mock_server import MockServer

REQUEST = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
MANY = 2_000


def test_a_client_that_has_sent_its_next_requests_already() -> None:
    """Its answers would be made one after the other, for as long as there are requests to read."""
    with MockServer('otherwise reply "Hello."') as server:
        host, _, port = server.base_url.removeprefix("http://").removesuffix("/v1").partition(":")
        with (
            socket.create_connection((host, int(port))) as busy,
            socket.create_connection((host, int(port))) as other,
        ):
            answered = 0
            arrived = threading.Event()

            def read() -> None:
                nonlocal answered
                while answered < MANY and (data := busy.recv(65536)):
                    answered += data.count(b"HTTP/1.1 200")
                    arrived.set()

            reading = threading.Thread(target=read)
            reading.start()
            busy.sendall(REQUEST * MANY)
            assert arrived.wait(30)
            other.sendall(REQUEST)
            assert other.recv(65536).startswith(b"HTTP/1.1 200")
            then = answered
            reading.join(60)
    assert answered == MANY
    assert then < MANY / 2
