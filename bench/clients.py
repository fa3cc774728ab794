"""Clients that ask a server as often as it answers, or listen to when its chunks come.

Raw sockets under asyncio, in one process. Each client looks for as little in what arrives as it takes to know that
an answer is whole, so that all of them together ask more than the server can answer: see `bench.canned`.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

# What is asked first only warms up the server, in seconds; and for no longer than is counted.
_WARM = 0.5

# How long an answer may take, in seconds.
_PATIENCE = 30.0

# In each chunk of the answers that are asked for, once: their texts are numbers that begin with 0.
CONTENT = b'"content":"0'
COMPLETED = b'"type":"response.completed"'

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


C = TypeVar("C", bound="Client")


class BadAnswer(Exception):
    """The server has not answered as it should. Its text is what came instead."""


@dataclass
class Tally:
    """What clients have got.

    Attributes:
        times: of each answer, in seconds.
        chunks: of content.
        seconds: for how long was counted.
        busy: the share of that in which this process has used its processor.
    """

    times: list[float] = field(default_factory=list)
    chunks: int = 0
    seconds: float = 0.0
    busy: float = 0.0
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str = ""

    def clear(self) -> None:
        self.times.clear()
        self.chunks = 0

    def fail(self, failure: str) -> None:
        self.failure = self.failure or failure
        self.failed.set()


class Client(asyncio.Protocol):
    """One connection. It asks, and asks again when the answer is whole."""

    transport: asyncio.Transport

    def __init__(self, request: bytes, tally: Tally) -> None:
        self.request, self.tally = request, tally
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over:
            self.tally.fail(f"the connection was closed ({exc})")

    def ask(self) -> None:
        self.data = b""
        self.began = time.perf_counter()
        self.transport.write(self.request)

    def answered(self) -> None:
        self.tally.times.append(time.perf_counter() - self.began)
        self.ask()

    def end(self) -> None:
        self.over = True
        self.transport.abort()


class JsonClient(Client):
    def data_received(self, data: bytes) -> None:
        self.data += data
        head = self.data.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self.data, 0, head)
        if length is None or not self.data.startswith(b"HTTP/1.1 200 "):
            self.tally.fail(self.data[:500].decode(errors="replace"))
        elif len(self.data) >= head + 4 + int(length[1]):
            self.answered()


class StreamClient(Client):
    """Counts chunks of content. `data` is the end of what has arrived, in which the next may have begun."""

    def data_received(self, data: bytes) -> None:
        if not self.data and not data.startswith(b"HTTP/1.1 200 "):
            self.tally.fail(data[:500].decode(errors="replace"))
            return
        arrived = self.data + data
        self.got(arrived.count(CONTENT))
        if arrived.endswith(_LAST_CHUNK):
            self.answered()
        else:
            self.data = arrived[1 - len(CONTENT) :]

    def got(self, chunks: int) -> None:
        self.tally.chunks += chunks


class PacedClient(StreamClient):
    """One stream, and when its chunks came."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        super().__init__(request, tally)
        self.came: list[float] = []

    def got(self, chunks: int) -> None:
        self.came += [time.perf_counter()] * chunks

    def answered(self) -> None:
        self.end()


class TurnClient(Client):
    """Turns of Responses on a WebSocket: each an event of the client, answered when a response is completed."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        super().__init__(handshake("/v1/responses"), tally)
        self.turn = text_frame(request)

    def data_received(self, data: bytes) -> None:
        self.data += data
        if self.request is not self.turn:
            if not self.data.startswith(b"HTTP/1.1 101 "[: len(self.data)]):
                self.tally.fail(self.data[:500].decode(errors="replace"))
            elif b"\r\n\r\n" in self.data:
                self.request = self.turn
                self.ask()
        elif COMPLETED in self.data:
            self.answered()
        elif b'"type":"error"' in self.data:
            self.tally.fail(self.data[:500].decode(errors="replace"))


# -- what they send ----------------------------------------------------------------------------------------------


def post(path: str, value: dict[str, Any]) -> bytes:
    body = json.dumps(value).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer sk-mock\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def chat(user: str, *, stream: bool = False) -> bytes:
    message = {"role": "user", "content": user}
    return post("/v1/chat/completions", {"model": "gpt-4o-mini", "messages": [message], "stream": stream})


def turn(user: str) -> bytes:
    return json.dumps({"type": "response.create", "model": "gpt-4o-mini", "input": user}).encode()


def handshake(path: str) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer sk-mock\r\nupgrade: websocket\r\n"
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    return f"{head}connection: Upgrade\r\nsec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n\r\n".encode()


def text_frame(data: bytes) -> bytes:
    """A text of at most 65,535 bytes as a client's frame (RFC 6455, 5.2), masked with zeros."""
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
    return b"\x81" + length + bytes(4) + data


# -- all of them -------------------------------------------------------------------------------------------------


async def load(
    kind: Callable[[bytes, Tally], Client], port: int, request: bytes, connections: int, seconds: float
) -> Tally:
    """What so many clients get in so many seconds (or until one gets its first answer), after a warm-up.

    Raises:
        BadAnswer: one of them got something else than it asked for, or none got anything.
    """
    tally = Tally()
    clients = await _connected(kind, port, request, connections, tally)
    try:
        await _answered(tally, min(_WARM, seconds))
        tally.clear()
        began, used = time.perf_counter(), time.process_time()
        await _answered(tally, seconds)
        tally.seconds = time.perf_counter() - began
        tally.busy = (time.process_time() - used) / tally.seconds
    finally:
        for client in clients:
            client.end()
    tally.times.sort()
    return tally


async def paced(port: int, request: bytes, streams: int, within: float) -> list[PacedClient]:
    """So many streams, begun `within` so many seconds, when they are whole.

    Raises:
        BadAnswer: one of them got something else, or is not whole in time.
    """
    tally = Tally()
    clients: list[PacedClient] = []
    began = time.perf_counter()
    try:
        for number in range(streams):
            await asyncio.sleep(began + within * number / streams - time.perf_counter())
            clients += await _connected(PacedClient, port, request, 1, tally)
        until = time.perf_counter() + _PATIENCE
        while missing := sum(not client.over for client in clients):
            if time.perf_counter() > until:
                raise BadAnswer(f"{missing} of {streams} streams are not whole after {_PATIENCE:g} s")
            await _unless_failed(tally, 0.1)
    finally:
        for client in clients:
            client.end()
    return clients


async def _connected(
    kind: Callable[[bytes, Tally], C], port: int, request: bytes, connections: int, tally: Tally
) -> list[C]:
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: kind(request, tally), "127.0.0.1", port) for _ in range(connections)
    ]
    return [client for _, client in made]


async def _answered(tally: Tally, seconds: float) -> None:
    """Waits for so many seconds, and for an answer if there has been none by then."""
    until = time.perf_counter() + seconds + _PATIENCE
    await _unless_failed(tally, seconds)
    while not tally.times:
        if time.perf_counter() > until:
            raise BadAnswer(f"no answer within {seconds + _PATIENCE:g} s")
        await _unless_failed(tally, 0.1)


async def _unless_failed(tally: Tally, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(tally.failed.wait(), seconds)
        raise BadAnswer(tally.failure)
