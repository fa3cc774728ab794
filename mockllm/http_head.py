"""The head of an HTTP request, parsed by llhttp, the parser of Node.

It refuses what two parsers could read differently (RFC 9112, 11.2: two lengths, a length beside a transfer coding,
a blank in a field name, a folded line, ...), so no proxy in front can be made to see other requests than we do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from dsl.request import Headers

# What a head may have, in bytes and in fields; the same as in http.client.
LARGEST = 65536
MOST_FIELDS = 100

_END = b"\r\n\r\n"
_MOST_NAMES = 1000


class BadHead(ValueError):
    """A head that is malformed, or too long. Its text says what is wrong, for a log."""


class Head:
    """A parsed head.

    Attributes:
        method: of the request.
        target: the request target as it was sent.
        version: "1.1" or "1.0".
        fields: those of the header as WSGI calls them, `HTTP_ACCEPT` or `CONTENT_TYPE`. Of those that came more
            than once the values are joined. Fields with an underscore in their name are dropped: they would be
            taken for others.
        content_length: in bytes; None where none was sent.
        chunked: whether the body comes in chunks.
        environ: what WSGI's environ has of it.
        header: its fields as scripts see them.

    Raises:
        BadHead: it is none.
    """

    __slots__ = (
        "_count",
        "_url",
        "chunked",
        "content_length",
        "environ",
        "fields",
        "header",
        "method",
        "target",
        "version",
    )

    def __init__(self, data: bytes) -> None:
        self.fields: dict[str, str] = {}
        self._url = b""
        self._count = 0
        parser = HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade:
            pass
        except HttpParserError as error:
            raise BadHead(_reason(error)) from None
        self.method: str = parser.get_method().decode("ascii")
        self.version: str = parser.get_http_version()
        if self.version not in ("1.1", "1.0"):
            raise BadHead(f"unknown version {self.version}")
        if data.count(b" ", 0, data.find(b"\r\n")) != 2:
            raise BadHead("more than one blank in the request line")
        self.target = self._url.decode("latin-1")
        length = self.fields.get("CONTENT_LENGTH")
        coding = self.fields.get("HTTP_TRANSFER_ENCODING")
        if coding is not None and (coding.lower() != "chunked" or self.version != "1.1"):
            raise BadHead(f"unknown transfer coding {coding!r}")
        self.chunked = coding is not None
        self.content_length = None if length is None else int(length)
        target, host = origin_form(self.target)
        path, _, query = target.partition("?")
        self.environ = self.fields | {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": f"HTTP/{self.version}",
        }
        if host is not None:
            self.environ["HTTP_HOST"] = host
        # As Werkzeug finds them in an environ.
        self.header = Headers.of_lower(
            {_name(key): value for key, value in self.environ.items() if key.startswith("HTTP_")}
            | {_name(key): self.fields[key] for key in _CONTENT if self.fields.get(key)}
        )

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count += 1
        if self._count > MOST_FIELDS:
            raise BadHead(f"more than {MOST_FIELDS} header fields")
        key = _keys.get(name)
        if key is None:
            key = _key(name)
        if not key:
            return
        text = value.rstrip(b" \t").decode("latin-1")  # llhttp takes blanks away in front of it only
        if key in self.fields:
            if key == "HTTP_HOST":
                raise BadHead("two hosts")  # RFC 9112, 3.2
            text = f"{self.fields[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        self.fields[key] = text


# A client sends the same head again and again. Heads of more bytes than this are rare, and not kept.
_LARGEST_KEPT = 2048


def parsed(data: bytes) -> Head:
    """The head in `data`: one object for all that are the same. Nobody may change it.

    Raises:
        BadHead: it is none.
    """
    return _kept(data) if len(data) <= _LARGEST_KEPT else Head(data)


_kept = lru_cache(maxsize=256)(Head)


def read(stream: BinaryIO, first: bytes) -> bytes:
    """The rest of a head behind its `first` line, up to and with the empty line.

    Raises:
        BadHead: it is too long.
        OSError: the connection broke before the empty line had come.
    """
    peeked: Any = getattr(stream, "peek", None)
    if peeked is not None:
        # Mostly the whole head came in one piece.
        held: bytes = peeked(1) if len(first) > 2 else b""
        end = (first[-2:] + held).find(_END)
        if end >= 0:
            return first + stream.read(end + len(_END) - 2)
    lines = [first]
    size = len(first)
    while lines[-1] not in (b"\r\n", b"\n"):
        line = stream.readline(LARGEST + 1)
        if not line:
            raise ConnectionResetError("the client has left amid a head")
        size += len(line)
        if size > LARGEST:
            raise BadHead("the head is too long")
        lines.append(line)
    return b"".join(lines)


def origin_form(target: str) -> tuple[str, str | None]:
    """A request target without the scheme and the host that a client sends to a proxy, and that host if it does.

    It is the one that counts then, and not that of the header (RFC 9112, 3.2.2).
    """
    _, scheme, rest = target.partition("://")
    if target.startswith("/") or not scheme:
        return target, None
    host = rest.split("/", 1)[0].split("?", 1)[0]
    path = rest[len(host) :]
    return path if path.startswith("/") else f"/{path}", host


_CONTENT = ("CONTENT_TYPE", "CONTENT_LENGTH")


def _name(key: str) -> str:
    return key.removeprefix("HTTP_").replace("_", "-").lower()


# The names of fields by what clients send; some clients send any number of different ones.
_keys: dict[bytes, str] = {}


def _key(name: bytes) -> str:
    """The name of a field in WSGI; empty if it has none there."""
    text = name.decode("latin-1")
    key = "" if "_" in text else text.replace("-", "_").upper()
    if key and key not in _CONTENT:
        key = f"HTTP_{key}"
    if len(_keys) < _MOST_NAMES:
        _keys[name] = key
    return key


def _reason(error: HttpParserError) -> str:
    cause = error.__context__
    return str(cause) if isinstance(cause, BadHead) else str(error)
