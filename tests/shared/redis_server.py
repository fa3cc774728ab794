"""A Redis of the tests' own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import closing
from types import TracebackType
from typing import Self

from tests.server.harness import PATIENCE, eventually


class RedisServer:
    """Redis on a free port of this machine, in a temporary folder, while it is entered.

    It can be stopped and started.

    Raises:
        RuntimeError: there is no Redis here.
    """

    def __init__(self) -> None:
        self._program = shutil.which("redis-server")
        if self._program is None:
            raise RuntimeError("these tests need redis-server; on Debian `scripts/system-packages` installs it")
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, prefix: str = "mockllm") -> str:
        return f"redis://127.0.0.1:{self.port}/0?prefix={prefix}"

    def unix_url(self, prefix: str) -> str:
        """The same, by its socket in the file system."""
        return f"unix://{self._folder.name}/socket?db=0&prefix={prefix}"

    def start(self) -> None:
        assert self._program is not None
        options = f"--port {self.port} --bind 127.0.0.1 --unixsocket socket --appendonly no"
        self._process = subprocess.Popen(
            [self._program, *options.split(), "--save", ""],
            cwd=self._folder.name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        eventually(self._listens)

    def stop(self) -> None:
        """All that it knew is gone with it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def freeze(self) -> None:
        """It takes connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def _listens(self) -> bool:
        assert self._process is not None and self._process.poll() is None, "redis-server did not start"
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
