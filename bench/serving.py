"""What the benchmarks start and read: a server on a free port, its memory, the machine, percentiles."""

from __future__ import annotations

import os
import platform
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Commands, as `command` takes them. In all of them `MOCKLLM_SCRIPT` names the script, too.
SERVE = "mockllm serve {script} --port {port} --quiet"
GUNICORN = "gunicorn -k geventwebsocket --bind 127.0.0.1:{port} --log-level warning wsgi:app"

# How long a server may take to listen, and how often it is asked, in seconds.
_PATIENCE, _OFTEN = 60.0, 0.002


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def command(template: str, script: Path, port: int) -> list[str]:
    """A command with its `{script}` and `{port}` filled in."""
    return [word.replace("{script}", str(script)).replace("{port}", str(port)) for word in shlex.split(template)]


@contextmanager
def running(command: Sequence[str], port: int, core: int | None = None, **environ: str) -> Iterator[int]:
    """A process that listens on a port of 127.0.0.1, by its id. It ends with all that it has started.

    Programs of this Python are found first. With `core` it runs on that one alone.

    Raises:
        SystemExit: it has ended, or does not listen within a minute.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": path, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=None if core is None else partial(os.sched_setaffinity, 0, {core}),
    )
    signal.signal(signal.SIGTERM, _leave)  # what was started must not stay
    try:
        _wait_for(process, port)
        yield process.pid
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)


def _leave(*_: object) -> None:
    sys.exit(1)


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_OFTEN)
    raise SystemExit(f"nothing listens on port {port}: {shlex.join(map(str, process.args))}")  # type: ignore[arg-type]


def allow_many_files() -> None:
    """Lets this process, and those that it starts, have as many connections as the system allows it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# -- what a server takes: Linux only, for this is read from /proc -------------------------------------------------


def memory(pid: int) -> float:
    """Resident memory of a process and all that it has started, in MB."""
    return sum(_resident(each) for each in _family(pid)) / 1024


def files(pid: int) -> int:
    """How many files a process and all that it has started have open."""
    return sum(len(os.listdir(f"/proc/{each}/fd")) for each in _family(pid))


def _resident(pid: int) -> int:
    with suppress(OSError):
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) if found else 0
    return 0


def _family(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):  # one may end meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


# -- what a result is to be read with -----------------------------------------------------------------------------


def machine() -> str:
    """The machine, the versions, and how tokens are counted, in one line: a vocabulary takes time and memory."""
    python, gevent, mockllm = platform.python_version(), version("gevent"), version("mockllm-server")
    versions = f"Python {python}, gevent {gevent}, mockllm {mockllm}, tokens {_counted()}"
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}; {versions}"


def _counted() -> str:
    with suppress(PackageNotFoundError):
        if os.environ.get("MOCKLLM_TOKENS") != "estimate":
            return f"of bpe-openai {version('bpe-openai')}"
    return "estimated"


def _processor() -> str:
    with suppress(OSError):
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def used_by_others() -> float:
    """How many seconds of all processors other programs have used, beside this one and those it has waited for."""
    user, nice, system, _idle, _waiting, *interrupts = Path("/proc/stat").read_text().split()[1:9]
    ticks = sum(map(int, (user, nice, system, *interrupts)))
    return ticks / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def percentile(values: Sequence[float], percent: float) -> float:
    """A percentile of values that are sorted, between the two that are next to it."""
    place = percent / 100 * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)
