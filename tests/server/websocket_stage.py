"""An application for tests: WebSockets that echo, play scripted answers and tell how they went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import gevent
from flask import Flask, Response, abort, request
from geventwebsocket.exceptions import WebSocketError

from dsl.timeline import ByteLimit, ByteRate, Close, Cut, End, Hang, Reset, Split
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Binary, Frame, Part, Ping
from mockllm.transports.websocket import BadHandshake, Socket, socket_of
from mockllm.transports.websocket_player import SocketPlayer
from tests.server.stage import HOUR, Take, resources

ONE, TWO = b"one", "zwöi".encode()
FLOOD = 1 << 30


def broken() -> Iterator[Part]:
    yield Frame(0, ONE)
    raise ValueError("no such encoding")


def flood() -> Iterator[Part]:
    yield from (Frame(0, b"x" * (1 << 16)) for _ in range(FLOOD >> 16))
    yield End(0)


SCENES: dict[str, Callable[[], Iterator[Part]]] = {
    name: (lambda parts=parts: iter(parts))
    for name, parts in {
        "whole": (Frame(0, ONE), Frame(0.02, TWO), End(0.02)),
        "ping": (Frame(0, ONE), Ping(0, b"still there?"), Frame(0, TWO), End(0)),
        "cut": (Frame(0, ONE), Cut(0)),
        "reset": (Frame(0, ONE), Reset(0)),
        "hang": (Frame(0, ONE), Hang(0)),
        "hang-briefly": (Frame(0, ONE), Hang(0, 0.02)),
        "large": (*(Frame(0, b"x" * (1 << 20)) for _ in range(4)), End(0)),
        "pause": (Frame(0, ONE), Frame(HOUR, TWO), End(HOUR)),
        "second": (Frame(0, ONE), Frame(1, TWO), End(1)),
        "limit-cut": (Frame(0, ONE), ByteLimit(0, 3, Cut(0)), Frame(0, TWO), End(0)),
        "limit-reset": (ByteLimit(0, 4, Reset(0)), Frame(0, ONE), Frame(0, TWO), End(0)),
        "limit-nothing": (Frame(0, ONE), ByteLimit(0, 0, Cut(0)), Frame(0, TWO), End(0)),
        "limit-unreached": (ByteLimit(0, 3, Cut(0)), Frame(0, ONE), End(0)),
        "binary": (Binary(0, ONE), Frame(0, TWO), End(0)),
        "interrupted": (ByteRate(0, 100, Cut(0.05)), Frame(0, ONE), Frame(0, TWO), Frame(0, ONE), Cut(0.05)),
        "rate": (ByteRate(0, 200), Frame(0, ONE), ByteRate(0, None), Frame(0, TWO), End(0)),
    }.items()
} | {"broken": broken, "flood": flood}

app = Flask(__name__)
takes: dict[str, Take] = {}
sockets: dict[str, Socket] = {}


@app.errorhandler(BadHandshake)
def refuse(bad: BadHandshake) -> Response:
    return Response(f"refused: {bad}", bad.status, bad.headers)


def accepted() -> Socket:
    socket = socket_of(request.environ)
    socket.accept(next(iter(socket.subprotocols), None))
    sockets[request.args.get("take", "")] = socket
    return socket


@app.route("/echo", websocket=True)
def echo() -> str:
    socket = accepted()
    while (message := socket.receive()) is not None:
        try:
            socket.send(message)
        except WebSocketError:
            break
    return "nobody sees this"


@app.post("/echo")
def post() -> bytes:
    return request.get_data()


@app.route("/refuse", websocket=True)
def unauthorized() -> tuple[dict[str, str], int]:
    return {"error": "who are you?"}, 401


@app.route("/measure", websocket=True)
def measure() -> str:
    socket = accepted()
    while (message := socket.receive()) is not None:
        socket.send(str(len(message)))
    return ""


@app.route("/close/<int:code>", websocket=True)
def close(code: int) -> str:
    socket = accepted()
    socket.close(code, request.args.get("reason", ""))
    return ""


@app.route("/fail", websocket=True)
def fail() -> NoReturn:
    accepted()
    abort(500)


@app.route("/return", websocket=True)
def return_at_once() -> str:
    accepted()
    return ""


@app.route("/play/<scene>", websocket=True)
def play(scene: str) -> str:
    """Plays the scene, twice at once with `?lanes=2`; any message of the client cancels the first.

    Messages leave in frames of `?every` bytes, if that is there.
    """
    socket = accepted()
    end = Close(0, int(request.args["end"]), "that was all") if "end" in request.args else None
    take = takes.setdefault(request.args.get("take", ""), Take())
    split = Split(every=int(request.args["every"])) if "every" in request.args else None
    players = [
        SocketPlayer(socket, SCENES[scene](), monotonic(), take, end, split)
        for _ in range(int(request.args.get("lanes", "1")))
    ]
    playing = [gevent.spawn(player.play) for player in players]
    try:
        while socket.receive() is not None:
            players[0].cancel("cut")
        for player in players:
            player.cancel()
    finally:
        gevent.killall(playing)
    return ""


@app.get("/takes/<name>")
def tell(name: str) -> dict[str, Any]:
    take = takes.get(name, Take())
    socket = sockets.get(name)
    closed = [socket.close_code, socket.close_reason] if socket and socket.closed else None
    return {"size": take.size, "frames": take.frames, "outcomes": take.outcomes, "closed": closed}


@app.get("/resources")
def count_resources() -> dict[str, int]:
    return resources()
