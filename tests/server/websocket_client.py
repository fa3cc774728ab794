"""A WebSocket client that can say anything, and shows every frame."""

from __future__ import annotations

import json
import struct
from typing import Any

from mockllm.transports.websocket_frames import CLOSE, CONTINUATION, TEXT, unmask
from tests.server.harness import Client, Served, eventually

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ANSWER = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
MASK = b"\x01\xf2\x03\x84"

UPGRADE = ("connection: keep-alive, Upgrade", "upgrade: WebSocket")
HANDSHAKE = (*UPGRADE, "sec-websocket-version: 13", f"sec-websocket-key: {KEY}")


def frame(
    opcode: int, data: bytes = b"", *, final: bool = True, reserved: int = 0, length: int | None = None
) -> bytes:
    """A client's frame; `length` is what it declares, if not the truth."""
    length = len(data) if length is None else length
    head = bytes([final << 7 | reserved << 4 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 1 << 16:
        head += struct.pack("!BH", 0x80 | 126, length)
    else:
        head += struct.pack("!BQ", 0x80 | 127, length)
    return head + MASK + unmask(data, MASK)


def fragments(opcode: int, *pieces: bytes) -> list[bytes]:
    last = len(pieces) - 1
    return [
        frame(CONTINUATION if number else opcode, piece, final=number == last)
        for number, piece in enumerate(pieces)
    ]


def close(code: int, reason: str = "") -> bytes:
    return struct.pack("!H", code) + reason.encode()


class Raw(Client):
    """A connection on which `path` is a WebSocket."""

    def __init__(self, server: Served, path: str, receive_buffer: int | None = None) -> None:
        super().__init__(server.address, receive_buffer)
        self.get(path, *HANDSHAKE)
        assert self.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 Switching Protocols\r\n")

    def text(self, data: bytes) -> None:
        self.send(frame(TEXT, data))

    def frame(self) -> tuple[int, bytes]:
        """The next frame: its opcode and payload. It must be whole, and not masked."""
        first, length = self.exactly(2)
        assert first & 0xF0 == 0x80 and length < 0x80
        if length == 126:
            length = int.from_bytes(self.exactly(2), "big")
        elif length == 127:
            length = int.from_bytes(self.exactly(8), "big")
        return first & 0x0F, self.exactly(length)

    def closed(self) -> tuple[int, str]:
        """The code and the reason of the close frame, which comes next and last."""
        opcode, payload = self.frame()
        assert opcode == CLOSE
        self.half_close()
        assert self.rest()[0] == b""
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    def half_close(self) -> None:
        self._socket.shutdown(1)


def told(server: Served, take: str, what: str) -> Any:
    """What the server tells of a take, once it can: its `outcomes` and `size`, or how its socket was `closed`."""

    def over() -> Any:
        with Client(server.address) as client:
            client.get(f"/takes/{take}", "connection: close")
            found = json.loads(client.rest()[0].partition(b"\r\n\r\n")[2])
        return found if found[what] else None

    return eventually(over)
