"""What a raw socket sees of an answer, in a few words: "200, whole", "200, short, RST", "nothing, open".

A whole answer is not read past its end. Any other is read until the connection ends, or until nothing more comes
although, as the journal has it, all that was planned is over: then it is open.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from tests.clients.asking import journal
from tests.server.harness import PATIENCE, Served

# For how long nothing comes from a server that has nothing more to send, in seconds.
QUIET = 0.7

_LAST = {"response.completed", "response.incomplete", "response.failed", "error"}


# -- HTTP -------------------------------------------------------------------------------------------------------


@dataclass
class Head:
    status: int
    fields: list[tuple[str, str]]

    def values(self, name: str) -> list[str]:
        return [value for each, value in self.fields if each == name]


def ask(server: Served, path: str, value: Any, key: str) -> str:
    """Posts a JSON value, and says what comes back."""
    body = json.dumps(value).encode()
    fields = ["host: test", "content-type: application/json", f"x-mockllm-session: {key}"]
    head = "\r\n".join([f"POST {path} HTTP/1.1", *fields, f"content-length: {len(body)}", "", ""])
    with socket.create_connection(server.address, PATIENCE) as client:
        client.sendall(head.encode() + body)
        return _told(*_read(client, server, key), stream=value.get("stream") is True)


def _read(client: socket.socket, server: Served, key: str) -> tuple[bytes, str]:
    """All that comes until the answer is whole, and else how the connection ended."""
    data, quiet = b"", False
    client.settimeout(QUIET)
    while True:
        try:
            piece = client.recv(1 << 16)
        except TimeoutError:
            if quiet:
                return data, "open"
            quiet = is_over(server, key)
            continue
        except ConnectionResetError:
            return data, "RST"
        if not piece:
            return data, "FIN"
        data, quiet = data + piece, False
        if _framing(data) == "whole":
            return data, ""


def is_over(server: Served, key: str) -> bool:
    """Whether all that a session's answer was to send should have come a while ago."""
    for entry in journal(server):
        if entry["session"] == key and entry["planned"] is not None:
            began = datetime.fromisoformat(entry["time"]).timestamp()
            return time.time() > began + float(entry["planned"]) + QUIET
    return False


def _parsed(data: bytes) -> tuple[Head | None, bytes]:
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return None, b""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(int(first.split()[1]), [(name.lower(), value.strip()) for name, _, value in pairs]), body


def _framing(data: bytes) -> str:
    """What HTTP's framing says of a body."""
    head, body = _parsed(data)
    if head is None:
        return "nothing"
    lengths = head.values("content-length")
    if "chunked" in head.values("transfer-encoding"):
        return _unchunked(body)[1]
    if head.status in (204, 304):
        return "no body"
    if len(lengths) != 1:
        return "two lengths" if lengths else "no length"
    length = int(lengths[0])
    if not body and length:
        return "head only"
    if len(body) > length:
        return "surplus"
    # The server closes behind a length that is the script's own, and only then is it known what has come.
    own = "close" in head.values("connection")
    return "short" if len(body) < length else "whole to the end" if own else "whole"


def _unchunked(data: bytes) -> tuple[bytes, str]:
    """The content of the HTTP chunks, and whether they are well-formed and all there."""
    body = b""
    if not data:
        return body, "head only"
    while data:
        size, found, rest = data.partition(b"\r\n")
        if not found:
            return body, "short"
        try:
            count = int(size, 16)
        except ValueError:
            return body, "malformed chunks"
        if count == 0:
            return body, "whole"
        if len(rest) < count + 2:
            return body + rest[:count], "short"
        if rest[count : count + 2] != b"\r\n":
            return body, "malformed chunks"
        body, data = body + rest[:count], rest[count + 2 :]
    return body, "short"


def _told(data: bytes, end: str, *, stream: bool) -> str:
    head, body = _parsed(data)
    framing = _framing(data)
    if head is None:
        return f"nothing, {end}"
    if "chunked" in head.values("transfer-encoding"):
        body = _unchunked(body)[0]
    told = [str(head.status), framing.removesuffix(" to the end")]
    if stream and "text/event-stream" in " ".join(head.values("content-type")):
        told.append(_terminals(body))
    elif framing.startswith("whole"):
        told += _content(body)
    if end:
        told.append(end)
    return ", ".join(told)


def _terminals(body: bytes) -> str:
    """What a stream ends with."""
    lines = body.replace(b"\r\n", b"\n").split(b"\n")
    data = [line[5:].strip() for line in lines if line.startswith(b"data:")]
    done = data.count(b"[DONE]")
    if done:
        return "`[DONE]`" if done == 1 else f"`[DONE]` × {done}"
    for kind in ("response.completed", "response.incomplete", "response.failed", "error"):
        if f"event: {kind}".encode() in lines:
            return f"`{kind}`"
    if any(line.startswith(b'{"error"') for line in data):
        return "error"
    return "no terminal"


def _content(body: bytes) -> list[str]:
    if not body:
        return ["empty"]
    try:
        value = json.loads(body)
    except ValueError:
        return ["not JSON"]
    return ["error"] if isinstance(value, dict) and value.get("error") else []


# -- WebSocket --------------------------------------------------------------------------------------------------


def talk(server: Served, path: str, value: Any, key: str) -> str:
    """Sends a frame, and says what frames come back and how the connection ends."""
    protocol = ClientProtocol(parse_uri(f"ws{server.url[4:]}{path}"), max_size=None)
    with socket.create_connection(server.address, PATIENCE) as client:
        request = protocol.connect()
        request.headers["x-mockllm-session"] = key
        protocol.send_request(request)
        _push(protocol, client)
        seen = _Seen()
        asked = False
        while True:
            for event in _events(protocol, client, seen, lambda: is_over(server, key)):
                if isinstance(event, Response):
                    protocol.send_text(json.dumps(value).encode())
                elif isinstance(event, Frame):
                    seen.take(event)
            if seen.end:
                return seen.told()
            if (seen.last or seen.quiet) and not asked:
                asked = True
                protocol.send_ping(b"there?")
            _push(protocol, client)


class _Seen:
    """The frames of an answer."""

    def __init__(self) -> None:
        self.last = False  # its last event has come
        self.quiet = False  # nothing came for a while
        self.end = ""
        self._terminal = "no terminal"
        self._extra: list[str] = []
        self._opcode = Opcode.TEXT
        self._pieces: list[bytes] = []
        self._dropped = False

    def take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self.end = "open"
        elif frame.opcode is Opcode.CLOSE:
            self.end = _close(bytes(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._opcode, self._pieces = frame.opcode, []
            self._pieces.append(bytes(frame.data))
            if frame.fin:
                self._message(b"".join(self._pieces))

    def _message(self, data: bytes) -> None:
        if len(self._pieces) > 1:
            self._note("fragmented")
        if len(data) > 1 << 20:
            self._note("huge frame")
        if self._opcode is Opcode.BINARY:
            self._note("binary frame")
            return
        if data == b"[DONE]":
            self._end("`[DONE]`")
            return
        try:
            value = json.loads(data)
        except ValueError:
            self._note("not JSON")
            return
        kind = value.get("type")
        if kind in _LAST:
            self._end(f"`{kind}`")
        elif "error" in value:
            self._end("error")

    def _end(self, terminal: str) -> None:
        self._terminal, self.last = terminal, True

    def _note(self, extra: str) -> None:
        if extra not in self._extra:
            self._extra.append(extra)

    def told(self) -> str:
        return ", ".join([*self._extra, self._terminal, self.end])


def _events(
    protocol: ClientProtocol, client: socket.socket, seen: _Seen, is_over: Callable[[], bool]
) -> list[Any]:
    client.settimeout(QUIET)
    try:
        data = client.recv(1 << 20)
    except TimeoutError:
        if is_over():
            if seen.quiet:
                seen.end = "silent"
            seen.quiet = True
        return []
    except ConnectionResetError:
        seen.end = "RST"
        return []
    if data:
        protocol.receive_data(data)
    else:
        seen.end = seen.end or "FIN"
    return protocol.events_received()


def _push(protocol: ClientProtocol, client: socket.socket) -> None:
    for data in protocol.data_to_send():
        if data:
            try:
                client.sendall(data)
            except OSError:
                return


def _close(payload: bytes) -> str:
    code = int.from_bytes(payload[:2], "big")
    reason = payload[2:].decode()
    return f"close {code or 'without a code'}" + (f" “{reason}”" if reason else "")
