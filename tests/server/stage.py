"""An application for tests: plays scripted answers, and tells how they ended."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import gevent
from flask import Flask, Response, request

from dsl.timeline import ByteLimit, ByteRate, Cut, End, Hang, Reset
from mockllm.transports.clock import request_began
from mockllm.transports.connection import CONNECTION
from mockllm.transports.frames import Body, Ending, Frame, Part, Stream
from mockllm.transports.json import JsonPlayer
from mockllm.transports.player import Player
from mockllm.transports.sse import SsePlayer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HOUR = 3600.0
TEXT = b'{"text":"hello"}'
ONE, TWO = b"data: 1\n\n", b"data: 2\n\n"
FLOOD = 1 << 30


def body(ending: Ending, data: bytes = TEXT, status: int = 200, **more: Any) -> Body:
    return Body(status, (("content-type", "application/json"),), data, ending, **more)


def stream(*parts: Part, status: int = 200) -> Stream:
    return Stream(status, (("content-type", "text/event-stream"),), iter(parts))


def broken(*parts: Part) -> Stream:
    def encoded() -> Iterator[Part]:
        yield from parts
        raise ValueError("no such encoding")

    return Stream(200, (("content-type", "text/event-stream"),), encoded())


def flood() -> Stream:
    piece = bytes(1 << 16)
    frames = (Frame(0, piece) for _ in range(FLOOD // len(piece)))
    return Stream(200, (), _chain(frames, [End(0)]))


def _chain(*parts: Iterable[Part]) -> Iterator[Part]:
    for some in parts:
        yield from some


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
    "broken": lambda: broken(Frame(0, ONE)),
    "broken-at-first": lambda: broken(ByteRate(0, 5)),
    "flood": flood,
}


class Take:
    """Remembers how an answer was played."""

    def __init__(self) -> None:
        self.size = 0
        self.outcomes: list[str] = []

    def sent(self, at: float, size: int) -> None:
        self.size += size

    def ended(self, at: float, outcome: str) -> None:
        self.outcomes.append(outcome)


class Played(Response):
    """A response that a player gives: outside Flask's own `try`, where `Disconnect` may be raised."""

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._player(environ, start_response)


app = Flask(__name__)
# With a limit, Werkzeug watches how the body is read, and answers 400 to a malformed one.
app.config["MAX_CONTENT_LENGTH"] = 1 << 20
takes: dict[str, Take] = {}


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
    return {"size": take.size, "outcomes": take.outcomes}


@app.post("/echo")
def echo() -> bytes:
    return request.get_data()


@app.post("/unread")
def leave_the_body_unread() -> str:
    return "unread"


@app.get("/greenlets")
def count_greenlets() -> str:
    return str(sum(isinstance(thing, gevent.Greenlet) and not thing.dead for thing in gc.get_objects()))


@app.get("/nodelay")
def nodelay() -> str:
    client = request.environ[CONNECTION]._socket
    return str(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
