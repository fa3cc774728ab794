"""WebSocket frames as bytes (RFC 6455, sections 5 and 7.4), without a socket.

A `Reader` turns a client's bytes into messages. It trusts no length: a payload is read in pieces as it comes,
and a message over the limit is refused at the head of the frame that would exceed it, before any of it is kept.
Each piece is unmasked and, in a text, checked for UTF-8 right away, so that both cost one pass and an invalid
text is refused at its first bad byte. What is kept of a message is one growing buffer, for a client may cut it
into any number of fragments, empty ones among them.

A frame that breaks the protocol is `Failed`, with the close code that the RFC wants for it.
"""

from __future__ import annotations

import codecs
import io
import itertools
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from dsl.timeline import Split

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

NORMAL, GOING_AWAY, PROTOCOL_ERROR, INVALID_DATA, TOO_BIG, INTERNAL_ERROR = 1000, 1001, 1002, 1007, 1009, 1011
POLICY_VIOLATION = 1008

# Never on the wire by themselves: a close frame without a code, and a connection that ended without a close frame.
NO_CODE, ABNORMAL = 1005, 1006

_FIN, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_LONGEST_CONTROL = 125
_LONGEST_HEAD = 10

# After about so many bytes of small frames the others have their turn.
_ONE_WRITE = 65536
_LONGEST_REASON = _LONGEST_CONTROL - 2

# Payloads are read by so many bytes: a multiple of the mask's 4, and small enough for a processor's cache.
_PIECE = 65536

_Utf8Decoder = codecs.getincrementaldecoder("utf-8")


class Failed(Exception):
    """The connection must be failed (7.1.7): `code` and `reason` are those of the close frame that says so."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Reader:
    """Reads what a client sends.

    Args:
        read: gives that many bytes, fewer only where the stream ends.
        limit: the longest message, in bytes.
    """

    __slots__ = ("_decoder", "_limit", "_message", "_read", "_size")

    def __init__(self, read: Callable[[int], bytes], limit: int) -> None:
        self._read = read
        self._limit = limit
        # The message of which fragments have come: its decoder is None if it is a binary one.
        self._message: io.StringIO | io.BytesIO | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._size = 0

    def next(self) -> tuple[int, str | bytes]:
        """The next message or control frame, which may come between two fragments of a message.

        Returns: the opcode, never `CONTINUATION`; and the text of a `TEXT`, the payload of all others.

        Raises:
            Failed: the client broke the protocol, or the limit.
            EOFError: the stream ended.
            OSError: the connection broke.
        """
        while True:
            final, opcode, length = self._head()
            mask = self._exactly(4)
            if opcode >= CLOSE:
                return opcode, unmask(self._exactly(length), mask)
            if final and opcode != CONTINUATION and length <= _PIECE:  # nearly all messages are such
                data = unmask(self._exactly(length), mask)
                return opcode, _text(data) if opcode == TEXT else data
            if opcode != CONTINUATION:
                self._open(opcode)
            self._payload(length, mask, final)
            if final:
                return self._taken()

    def _head(self) -> tuple[bool, int, int]:
        first, second = self._exactly(2)
        final, opcode, length = bool(first & _FIN), first & _OPCODE, second & _LENGTH
        if first & _RESERVED:
            raise Failed(PROTOCOL_ERROR, "a reserved bit is set")
        if not second & _MASKED:
            raise Failed(PROTOCOL_ERROR, "the frame is not masked")
        if BINARY < opcode < CLOSE or opcode > PONG:
            raise Failed(PROTOCOL_ERROR, f"there is no opcode {opcode}")
        if opcode >= CLOSE:
            if not final:
                raise Failed(PROTOCOL_ERROR, "a control frame is fragmented")
            if length > _LONGEST_CONTROL:
                raise Failed(PROTOCOL_ERROR, "a control frame is longer than 125 bytes")
        else:
            length = self._long(length)
            self._begin(opcode, length)
        return final, opcode, length

    def _long(self, length: int) -> int:
        """The length of a frame of which the head's second byte says `length`."""
        if length <= _LONGEST_CONTROL:
            return length
        size, least = (2, 126) if length == 126 else (8, 1 << 16)
        length = int.from_bytes(self._exactly(size), "big")
        if length < least:
            raise Failed(PROTOCOL_ERROR, "a length is not in its shortest form")
        if length >> 63:
            raise Failed(PROTOCOL_ERROR, "the first bit of a length is set")
        return length

    def _begin(self, opcode: int, length: int) -> None:
        """Checks that a data frame may come now."""
        if opcode == CONTINUATION:
            if self._message is None:
                raise Failed(PROTOCOL_ERROR, "there is nothing to continue")
        elif self._message is not None:
            raise Failed(PROTOCOL_ERROR, "a message begins before the last one has ended")
        if self._size + length > self._limit:
            raise Failed(TOO_BIG, f"a message may have {self._limit} bytes")

    def _open(self, opcode: int) -> None:
        """Makes ready for the pieces of a message."""
        if opcode == TEXT:
            self._message, self._decoder = io.StringIO(newline=""), _Utf8Decoder()
        else:
            self._message, self._decoder = io.BytesIO(), None

    def _payload(self, length: int, mask: bytes, final: bool) -> None:
        self._size += length
        key = _key(mask, min(length, _PIECE))
        for start in range(0, length or 1, _PIECE):  # an empty payload is one empty piece: it may be the last
            left = length - start
            if left < _PIECE < length:
                key = _key(mask, left)
            self._keep(_xor(self._exactly(min(left, _PIECE)), key), final and left <= _PIECE)

    def _keep(self, data: bytes, final: bool) -> None:
        if self._decoder is None:
            self._message.write(data)  # type: ignore[union-attr, arg-type]  # a message without a decoder is bytes
            return
        try:
            self._message.write(self._decoder.decode(data, final))  # type: ignore[union-attr, arg-type]
        except UnicodeDecodeError:
            raise Failed(INVALID_DATA, "the text is not UTF-8") from None

    def _taken(self) -> tuple[int, str | bytes]:
        message, opcode = self._message, BINARY if self._decoder is None else TEXT
        self._message, self._decoder, self._size = None, None, 0
        return opcode, message.getvalue()  # type: ignore[union-attr]  # there is one: it has just been completed

    def _exactly(self, count: int) -> bytes:
        data = self._read(count)
        if len(data) < count:
            raise EOFError
        return data


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Failed(INVALID_DATA, "the text is not UTF-8") from None


def unmask(data: bytes, mask: bytes) -> bytes:
    """`data` with every byte XORed with the mask's (5.3)."""
    return _xor(data, _key(mask, len(data)))


def _xor(data: bytes, key: int) -> bytes:
    """All bytes at once, as one operation on two very large numbers: there is nothing faster without C."""
    return (int.from_bytes(data, "little") ^ key).to_bytes(len(data), "little")


def _key(mask: bytes, count: int) -> int:
    """The mask, repeated for `count` bytes, as `_xor` needs it."""
    return int.from_bytes((mask * (count // 4 + 1))[:count], "little")


@lru_cache(maxsize=4096)
def head(opcode: int, length: int, final: bool = True) -> bytes:
    """The head of a server's frame, which is not masked. `final`: whether its message ends with it."""
    first = opcode | _FIN if final else opcode
    if length <= _LONGEST_CONTROL:
        return bytes((first, length))
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)


def message_frames(opcode: int, data: bytes, split: Split | None = None) -> Iterator[bytes]:
    """A message as a server sends it: in one frame, or in those into which `split` cuts its payload (5.4).

    `every` N bytes are a frame; `at` N bytes the message is cut in two. A split at line ends is a matter of
    streams, and does nothing here.

    Returns: the frames, many small ones at once: what can be written in one go.
    """
    if split is None:
        cuts: Iterable[int] = ()
    elif split.every is not None:
        cuts = range(split.every, len(data), split.every)
    else:
        cuts = (split.at,) if split.at is not None and 0 < split.at < len(data) else ()
    frames: list[bytes] = []
    size = 0
    for start, stop in itertools.pairwise(itertools.chain((0,), cuts, (len(data),))):
        frames += (head(CONTINUATION if start else opcode, stop - start, stop == len(data)), data[start:stop])
        size += stop - start + _LONGEST_HEAD
        if size > _ONE_WRITE:
            yield b"".join(frames)
            frames.clear()
            size = 0
    if frames:
        yield b"".join(frames)


def close_payload(code: int, reason: str = "") -> bytes:
    """What a close frame carries: nothing for `NO_CODE`. A reason that is too long is cut to whole characters.

    Any other code is packed as it is, also those that no close frame may carry (7.4): a script may break the
    protocol.

    Raises:
        ValueError: the code does not fit into two bytes.
    """
    if code == NO_CODE:
        return b""
    if not 0 <= code < 1 << 16:
        raise ValueError(f"a close code is a number up to 65535, and {code} is none")
    text = reason.encode("utf-8", "replace")[:_LONGEST_REASON].decode("utf-8", "ignore")
    return struct.pack("!H", code) + text.encode("utf-8")


def parse_close(payload: bytes) -> tuple[int, str]:
    """The code and the reason of a client's close frame; the code is `NO_CODE` if it has none.

    Raises:
        Failed: a close frame must not look so.
    """
    if not payload:
        return NO_CODE, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not _is_close_code(code):
        raise Failed(PROTOCOL_ERROR, "the close frame has no valid code")
    try:
        return code, payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        raise Failed(INVALID_DATA, "the reason of the close frame is not UTF-8") from None


def _is_close_code(code: int) -> bool:
    """Whether the RFC or the registry of close codes names it, or it is one of the 2,000 that are free to use."""
    return code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014 or 3000 <= code <= 4999
