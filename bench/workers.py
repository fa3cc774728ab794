"""How many requests a second several workers answer, with a state in Redis and without.

    .venv/bin/python -m bench.workers
    .venv/bin/python -m bench.workers --workers 1 2 8 --clients 64 --seconds 5

Serves one rule that counts (`otherwise reply "Hello {{ nth }}."`) by `gunicorn -k geventwebsocket -w N wsgi:app`,
and starts a Redis of its own. Each client keeps a connection and asks one request after the other; each has a
session of its own, or all have one (`hot`). The clients are processes of this machine, too: with as many cores as
workers the figures tell what both cost together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.serving import GUNICORN, command, free_port, running

SCRIPT = 'otherwise reply "Hello {{ nth }}."\n'


def request(session: str) -> bytes:
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nx-mockllm-session: {session}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def client(port: int, data: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.monotonic() < until:
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = next(
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        await reader.readexactly(length)
        count += 1
    writer.close()
    return count


def clients(port: int, names: list[str], seconds: float) -> int:
    async def all_of_them() -> int:
        until = time.monotonic() + seconds
        return sum(await asyncio.gather(*(client(port, request(name), until) for name in names)))

    return asyncio.run(all_of_them())


def measure(port: int, count: int, seconds: float, hot: bool) -> float:
    """Requests a second, of two processes of clients."""
    names = ["hot" if hot else f"s{number}" for number in range(count)]
    # A pool ends its processes by SIGTERM, which must not mean there what it means here.
    with multiprocessing.Pool(2, signal.signal, (signal.SIGTERM, signal.SIG_DFL)) as pool:
        pool.starmap(clients, [(port, [f"warm{number}"], 1.0) for number in range(2)])
        done = pool.starmap(clients, [(port, names[::2], seconds), (port, names[1::2], seconds)])
    return sum(done) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    redis = shutil.which("redis-server") or sys.exit("there is no redis-server here")
    print("workers  state   sessions  requests/s")
    with tempfile.TemporaryDirectory() as folder:
        script, store = Path(folder, "hello.llmock"), free_port()
        script.write_text(SCRIPT)
        with running([redis, "--port", str(store), "--save", "", "--dir", folder], store):
            for workers in asked.workers:
                for state in ("memory", "redis"):
                    port = free_port()
                    serve = [*command(GUNICORN, script, port), "-w", str(workers)]
                    url = f"redis://127.0.0.1:{store}/0?prefix=w{workers}" if state == "redis" else ""
                    with running(serve, port, MOCKLLM_SCRIPT=str(script), MOCKLLM_STATE=url):
                        for hot in (False, True):
                            rate = measure(port, asked.clients, asked.seconds, hot)
                            print(
                                f"{workers:>7}  {state:<6}  {'hot' if hot else 'own':<8}  {rate:>10,.0f}",
                                flush=True,
                            )


if __name__ == "__main__":
    main()
