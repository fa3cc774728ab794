"""An application for tests: plays scripted answers, and tells how they ended."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import gevent
from flask import Flask, Response, request

from dsl.timeline import ByteLimit, ByteRate, Cut, End, Hang, Reset, Split
from mockllm.transports.clock import request_began
from mockllm.transports.connection import CONNECTION
from mockllm.transports.frames import Binary, Body, Ending, Frame, Headers, Part, Stream
from mockllm.transports.json import JsonPlayer
from mockllm.transports.player import Player
from mockllm.transports.sse import SsePlayer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HOUR = 3600.0
TEXT = b'{"text":"hello"}'
ONE, TWO = b"data: 1\n\n", b"data: 2\n\n"
FLOOD = 1 << 30


def body(ending: Ending, data: bytes = TEXT, status: int = 200, headers: Headers = (), **more: Any) -> Body:
    return Body(status, (("content-type", "application/json"), *headers), data, ending, **more)


def stream(*parts: Part, status: int = 200, headers: Headers = (), split: Split | None = None) -> Stream:
    return Stream(status, (("content-type", "text/event-stream"), *headers), iter(parts), split)


def broken(*parts: Part) -> Stream:
    def encoded() -> Iterator[Part]:
        yield from parts
        raise ValueError("no such encoding")

    return Stream(200, (("content-type", "text/event-stream"),), encoded())


def flood() -> Stream:
    return Stream(200, (), _flooding())


def _flooding() -> Iterator[Part]:
    piece = bytes(1 << 16)
    for _ in range(FLOOD // len(piece)):
        flooded[0] += 1
        yield Frame(0, piece)
    yield End(0)


# How many frames of floods have been encoded.
flooded = [0]

LONG = (("content-length", "3"),)
SHORT = (("Content-Length", "9"),)
CHUNKED = (("transfer-encoding", "chunked"),)
KEPT = (("Connection", "keep-alive"),)
CLOSED = (("connection", "Close"),)

BODIES: dict[str, Callable[[], Body]] = {
    "whole": lambda: body(End(0)),
    "late": lambda: body(End(0.02)),
    "empty": lambda: body(End(0), b""),
    "unnamed-status": lambda: body(End(0), status=529),
    "no-content": lambda: body(End(0), status=204),
    "cut": lambda: body(Cut(0), b"12345"),
    "cut-short": lambda: body(Cut(0), b"1"),
    "reset": lambda: body(Reset(0)),
    "hang": lambda: body(Hang(0)),
    "hang-briefly": lambda: body(Hang(0, 0.02)),
    "limit-cut": lambda: body(End(0), b"12345", limit=ByteLimit(0, 3, Cut(0))),
    "limit-reset": lambda: body(End(0), b"12345", limit=ByteLimit(0, 3, Reset(0))),
    "limit-hang": lambda: body(End(0), b"12345", limit=ByteLimit(0, 3, Hang(0))),
    "limit-nothing": lambda: body(End(0), b"12345", limit=ByteLimit(0, 0, Cut(0))),
    "limit-unreached": lambda: body(End(0), b"12345", limit=ByteLimit(0, 5, Reset(0))),
    "limit-before-reset": lambda: body(Reset(0), b"12345", limit=ByteLimit(0, 3, Cut(0))),
    "drip": lambda: body(End(0), bytes(200), rate=10_000),
    "drip-cut": lambda: body(Cut(0), b"1234", rate=500),
    "drip-interrupted": lambda: body(End(0), b"1234567890", rate=100, interrupted=Cut(0.05)),
    "drip-interrupted-at-first": lambda: body(End(0.01), b"12345", rate=100, interrupted=Cut(0.01)),
    "drip-in-time": lambda: body(End(0), b"12345", rate=1000, interrupted=Reset(HOUR)),
    "interrupted-while-it-waits": lambda: body(End(HOUR), interrupted=Reset(0.01)),
    "split": lambda: body(End(0), b"12345", split=Split(every=2)),
    "crlf": lambda: body(End(0), b"{\n}\n", split=Split()),
    "long": lambda: body(End(0), b"12345", headers=LONG),
    "short": lambda: body(End(0), b"12345", headers=SHORT),
    "chunked": lambda: body(End(0), b"no chunks", headers=CHUNKED),
    "two-lengths": lambda: body(End(0), b"12345", headers=(*LONG, *SHORT)),
    "both": lambda: body(End(0), b"12345", headers=(*LONG, *CHUNKED)),
    "long-kept": lambda: body(End(0), b"12345", headers=(*LONG, *KEPT)),
    "no-content-long": lambda: body(End(0), b"12345", 204, LONG),
    "not-modified-long": lambda: body(End(0), b"12345", 304, LONG),
    "kept": lambda: body(End(0), headers=KEPT),
    "closed": lambda: body(End(0), headers=CLOSED),
}

STREAMS: dict[str, Callable[[], Stream]] = {
    "whole": lambda: stream(Frame(0, ONE), Frame(0.02, TWO), End(0.02)),
    "at-once": lambda: stream(Frame(0, ONE), Frame(0, TWO), End(0)),
    "empty": lambda: stream(End(0)),
    "no-content": lambda: stream(Frame(0, ONE), Frame(0.01, TWO), End(0), status=204),
    "cut": lambda: stream(Frame(0, ONE), Cut(0)),
    "reset": lambda: stream(Frame(0, ONE), Reset(0)),
    "hang": lambda: stream(Frame(0, ONE), Hang(0)),
    "hang-briefly": lambda: stream(Frame(0, ONE), Hang(0, 0.02)),
    "cut-first": lambda: stream(Cut(0)),
    "reset-first": lambda: stream(Reset(0)),
    "hang-first": lambda: stream(Hang(0)),
    "late": lambda: stream(Frame(HOUR, ONE), End(HOUR)),
    "pause": lambda: stream(Frame(0, ONE), Frame(HOUR, TWO), End(HOUR)),
    "second": lambda: stream(Frame(0, ONE), Frame(1, TWO), End(1)),
    "limit-cut": lambda: stream(Frame(0, ONE), ByteLimit(0, 3, Cut(0)), Frame(0, TWO), End(0)),
    "limit-reset": lambda: stream(ByteLimit(0, 3, Reset(0)), Frame(0, ONE), End(0)),
    "limit-hang": lambda: stream(ByteLimit(0, 9, Hang(0)), Frame(0, ONE), End(0)),
    "limit-nothing": lambda: stream(ByteLimit(0, 0, Cut(0)), Frame(0, ONE), End(0)),
    "limit-unreached": lambda: stream(ByteLimit(0, 10, Cut(0)), Frame(0, ONE), End(0)),
    "drip": lambda: stream(ByteRate(0, 500), Frame(0, b"12345678"), ByteRate(0, None), Frame(0, ONE), End(0)),
    "drip-limit": lambda: stream(ByteRate(0, 100), ByteLimit(0, 2, Cut(0)), Frame(0, ONE), End(0)),
    "drip-interrupted": lambda: stream(
        ByteRate(0, 100, Cut(0.2)),
        Frame(0, ONE),
        Frame(0.05, TWO),
        ByteRate(0.05, None),
        Frame(0.05, ONE),
        Cut(0.2),
    ),
    "drip-interrupted-between": lambda: stream(
        ByteRate(0, 500, Reset(0.05)), Frame(0, ONE), Frame(0.04, TWO), Reset(0.05)
    ),
    "drip-interrupted-after": lambda: stream(ByteRate(0, 500, Cut(0.05)), Frame(0, ONE), End(0.05)),
    "drip-interrupted-before": lambda: stream(
        ByteRate(0, 500, Cut(0.02)), Frame(0, ONE), ByteRate(0, None), Frame(0.01, TWO), Cut(0.02)
    ),
    "drip-for-ever": lambda: stream(ByteRate(0, 100), Frame(0, bytes(1 << 20)), End(0)),
    "split-every": lambda: stream(Frame(0, ONE), Frame(0, TWO), End(0), split=Split(every=4)),
    "split-at": lambda: stream(Frame(0, ONE), Frame(0, TWO), End(0), split=Split(at=11)),
    "split-crlf": lambda: stream(Frame(0, ONE), Frame(0, b"a\r\nb\r"), Frame(0, b"\nc\n"), End(0), split=Split()),
    "split-crlf-cut": lambda: stream(Frame(0, ONE), Cut(0), split=Split()),
    "split-limit": lambda: stream(ByteLimit(0, 9, Cut(0)), Frame(0, ONE), Frame(0, TWO), End(0), split=Split()),
    "split-drip": lambda: stream(ByteRate(0, 500), Frame(0, b"12345678"), End(0), split=Split(every=3)),
    "split-for-ever": lambda: stream(Frame(0, bytes(1 << 24)), End(0), split=Split(every=1)),
    "binary": lambda: stream(Binary(0, b"\x00\xff"), End(0)),
    "long": lambda: stream(Frame(0, ONE), Frame(0.02, TWO), End(0.02), headers=LONG),
    "chunked": lambda: stream(Frame(0, ONE), Frame(0.02, TWO), End(0.02), headers=CHUNKED),
    "kept": lambda: stream(Frame(0, ONE), End(0), headers=KEPT),
    "closed": lambda: stream(Frame(0, ONE), End(0), headers=CLOSED),
    "steady": lambda: stream(*(Frame(number / 1000, ONE) for number in range(100)), End(0.1)),
    "broken": lambda: broken(Frame(0, ONE)),
    "broken-at-first": lambda: broken(ByteRate(0, 5)),
    "flood": flood,
}


class Take:
    """Remembers how an answer was played."""

    def __init__(self) -> None:
        self.size = 0
        self.frames = 0
        self.outcomes: list[str] = []

    def sent(self, at: float, size: int, frames: int) -> None:
        self.size += size
        self.frames += frames

    def ended(self, at: float, outcome: str) -> None:
        self.outcomes.append(outcome)


class Played(Response):
    """A response that a player gives: outside Flask's own `try`, where `Disconnect` may be raised."""

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._player(environ, start_response)


def resources() -> dict[str, int]:
    """What connections take, and must give back."""
    return {
        "greenlets": sum(isinstance(thing, gevent.Greenlet) and not thing.dead for thing in gc.get_objects()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "watchers": gevent.get_hub().loop.activecnt,
    }


app = Flask(__name__)
# With a limit, Werkzeug watches how the body is read, and answers 400 to a malformed one.
app.config["MAX_CONTENT_LENGTH"] = 1 << 20
takes: dict[str, Take] = {}


@app.route("/host")
def host() -> str:
    return request.host


@app.route("/json/<scene>", methods=["GET", "POST"])
def play_json(scene: str) -> Response:
    take = takes.setdefault(request.args.get("take", ""), Take())
    return Played(JsonPlayer(BODIES[scene](), request_began(request.environ), take))


@app.route("/sse/<scene>", methods=["GET", "POST"])
def play_sse(scene: str) -> Response:
    take = takes.setdefault(request.args.get("take", ""), Take())
    try:
        return Played(SsePlayer(STREAMS[scene](), request_began(request.environ), take))
    except ValueError as error:
        return Response(f"envelope: {error}", 500)


@app.get("/takes/<name>")
def tell(name: str) -> dict[str, Any]:
    take = takes.get(name, Take())
    return {"size": take.size, "frames": take.frames, "outcomes": take.outcomes}


@app.post("/echo")
def echo() -> bytes:
    return request.get_data()


@app.post("/unread")
def leave_the_body_unread() -> str:
    return "unread"


@app.get("/greenlets")
def count_greenlets() -> str:
    return str(resources()["greenlets"])


@app.get("/resources")
def count_resources() -> dict[str, int]:
    return resources()


@app.get("/flooded")
def count_flooded() -> str:
    return str(flooded[0])


@app.get("/nodelay")
def nodelay() -> str:
    client = request.environ[CONNECTION]._socket
    return str(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
