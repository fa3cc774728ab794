"""Real servers for tests, and a client that shows every byte and how the connection ended."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeVar

T = TypeVar("T")

CHECKOUT = Path(__file__).parents[2]

# Only to fail in place of hanging: nothing here takes nearly as long.
PATIENCE = 20.0

Kind = Literal["embedded", "gunicorn"]
KINDS: tuple[Kind, ...] = ("embedded", "gunicorn")

_EMBEDDED = """
import importlib, sys
from mockllm.server import Server
module, _, name = sys.argv[1].partition(":")
server = Server(getattr(importlib.import_module(module), name))
print(server.url, flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class Served:
    """A server that runs. `url` is its base address."""

    url: str
    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def stdout(self) -> str:
        return self.out.read_text()

    @property
    def stderr(self) -> str:
        return self.err.read_text()

    def kill(self) -> None:
        """Ends the server at once, and not gracefully: for tests that are done with it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Asks the server to stop; returns its exit status."""
        self.process.send_signal(signum)
        return self.process.wait(PATIENCE)


@contextmanager
def serve(kind: Kind, app: str, env: Mapping[str, str] | None = None, *options: str) -> Iterator[Served]:
    """Serves `app` ("module:name") from the checkout on a free port, and leaves no process behind.

    Args:
        env: is added to the environment.
        options: more arguments for gunicorn.
    """
    if kind == "embedded":
        command = [sys.executable, "-c", _EMBEDDED, app]
    else:
        command = [tool("gunicorn"), "-k", "geventwebsocket", "--bind", "127.0.0.1:0", *options, app]
    with running(command, env) as served:
        yield served


def tool(name: str) -> str:
    """The command `name` of this Python's environment."""
    return str(Path(sys.executable).with_name(name))


@contextmanager
def running(
    command: Sequence[str], env: Mapping[str, str] | None = None, url: str | None = None
) -> Iterator[Served]:
    """A server that `command` starts in the checkout; it leaves no process behind.

    Args:
        env: is added to the environment.
        url: the server's address, if it does not tell it.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            yield Served(_url(process, out, err, url), process, out, err)
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE)
        finally:
            # The whole session: gunicorn's workers are in it too.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)


def _url(process: subprocess.Popen[bytes], out: Path, err: Path, url: str | None) -> str:
    def found() -> str | None:
        if process.poll() is not None:
            raise RuntimeError(f"the server did not start:\n{err.read_text()}")
        if url is not None:
            return url if _listens(url) else None
        match = re.search(r"(http://[^\s/]+:\d+)[\s/]", out.read_text() + err.read_text())
        return match and match[1]

    return eventually(found)


def _listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def eventually(probe: Callable[[], T | None]) -> T:
    """What the probe finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE
    while not (result := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen")
        time.sleep(0.01)
    return result


class Client:
    """One connection."""

    def __init__(self, address: tuple[str, int], receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def vanish(self, how: Literal["FIN", "RST"]) -> None:
        if how == "RST":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def get(self, path: str, *fields: str, version: str = "1.1") -> None:
        head = [f"GET {path} HTTP/{version}", "host: localhost", *fields, "", ""]
        self.send("\r\n".join(head).encode())

    def some(self) -> bytes:
        """The bytes that one read gets."""
        return self._socket.recv(1 << 20)

    def exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self._socket.recv(count - len(data)) or self._short(data)
        return data

    def until(self, end: bytes) -> bytes:
        """All bytes up to `end` and with it, and nothing more."""
        data = b""
        while not data.endswith(end):
            data += self._socket.recv(1) or self._short(data)
        return data

    def rest(self) -> tuple[bytes, Literal["FIN", "RST"]]:
        """All bytes to come, and how the connection ended."""
        data = b""
        try:
            while piece := self._socket.recv(1 << 16):
                data += piece
        except ConnectionResetError:
            return data, "RST"
        return data, "FIN"

    def silent(self, seconds: float = 0.05) -> bool:
        """Whether nothing comes, not even an end."""
        return not select.select([self._socket], [], [], seconds)[0]

    @classmethod
    def body_of(cls, address: tuple[str, int], path: str) -> bytes:
        """The body of the answer to a GET request of its own."""
        with cls(address) as client:
            client.get(path, "connection: close")
            return client.rest()[0].partition(b"\r\n\r\n")[2]

    @staticmethod
    def _short(data: bytes) -> bytes:
        raise EOFError(f"the connection ended after {data!r}")
