"""Clients that behave badly, beside clients whose streams must not suffer from them.

    .venv/bin/python -m bench.streams vanish --streams 1000 --waves 3
    .venv/bin/python -m bench.streams deaf --streams 100 --deaf 200

`vanish`: so many paced streams, half of whose clients leave at random moments. `deaf`: so many paced streams
beside clients that ask for a flood and never read. The streams begin within a second. Both serve
bench/paced.llmock on a free port of 127.0.0.1, and tell how late the chunks of the clients that stayed came,
against an absolute schedule from each stream's first chunk, and the server's memory and open files before, during
and after each of so many waves. The client is Python, too, and late itself: compare with `deaf --deaf 0`. With
`--gunicorn` the server is `gunicorn -k geventwebsocket wsgi:app`. Linux only, for it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import time
from dataclasses import dataclass, field

from bench.serving import (
    GUNICORN,
    ROOT,
    SERVE,
    allow_many_files,
    command,
    files,
    free_port,
    memory,
    percentile,
    running,
)

SCRIPT = ROOT / "bench" / "paced.llmock"
CHUNKS, INTERVAL = 150, 0.020
MARK = b'"content":"tick "'


def body(user: str) -> bytes:
    value = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": user}]}
    data = json.dumps(value).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-length: %d\r\n\r\n" % len(data) + data


@dataclass
class Figures:
    lateness: list[float] = field(default_factory=list)  # of every chunk, in seconds
    drift: list[float] = field(default_factory=list)  # of the last chunk of each stream
    whole: int = 0


async def stream(port: int, figures: Figures, leaves_after: float | None, begins: float = 0.0) -> None:
    """One paced stream; its client leaves so many seconds after it began, if not None."""
    await asyncio.sleep(begins)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(body("paced"))
    try:
        async with asyncio.timeout(leaves_after):
            await _read(reader, figures)
    except TimeoutError:
        pass
    if random.random() < 0.5:
        writer.transport.abort()
    else:
        writer.close()


async def _read(reader: asyncio.StreamReader, figures: Figures) -> None:
    times: list[float] = []
    while data := await reader.readline():
        if MARK in data:
            times.append(time.monotonic())
        if data.startswith(b"data: [DONE]"):
            break
    late = [at - times[0] - number * INTERVAL for number, at in enumerate(times)]
    figures.lateness += late
    figures.drift.append(late[-1])
    figures.whole += len(times) == CHUNKS


async def deaf(port: int) -> asyncio.StreamWriter:
    """A client that asks for a flood and never reads."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=2)
    writer.write(body("flood"))
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    return writer


async def vanish(port: int, pid: int, streams: int, figures: Figures) -> None:
    asked = [
        stream(port, figures, random.uniform(0.1, CHUNKS * INTERVAL) if number % 2 else None, number / streams)
        for number in range(streams)
    ]
    watching = asyncio.create_task(watch(pid))
    await asyncio.gather(*asked)
    print(f"during   memory up to {await stop(watching):.1f} MB")


async def beside_deaf(port: int, pid: int, streams: int, clients: int, figures: Figures) -> None:
    writers = [await deaf(port) for _ in range(clients)]
    await asyncio.sleep(1)
    watching = asyncio.create_task(watch(pid))
    await asyncio.gather(*(stream(port, figures, None, number / streams) for number in range(streams)))
    print(f"during   memory up to {await stop(watching):.1f} MB")
    for writer in writers:
        writer.transport.abort()


async def watch(pid: int) -> float:
    most = 0.0
    try:
        while True:
            most = max(most, memory(pid))
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        return most


async def stop(task: asyncio.Task[float]) -> float:
    task.cancel()
    return await task


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["vanish", "deaf"])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--deaf", type=int, default=200)
    parser.add_argument("--waves", type=int, default=1)
    parser.add_argument("--gunicorn", action="store_true")
    options = parser.parse_args()
    allow_many_files()
    port = free_port()
    serve = command(GUNICORN if options.gunicorn else SERVE, SCRIPT, port)
    with running(serve, port, MOCKLLM_SCRIPT=str(SCRIPT)) as pid:
        await stream(port, Figures(), None)  # what is loaded with the first request
        print(f"before   memory {memory(pid):.1f} MB, {files(pid)} open files")
        figures = Figures()
        for _ in range(options.waves):
            if options.what == "vanish":
                await vanish(port, pid, options.streams, figures)
            else:
                await beside_deaf(port, pid, options.streams, options.deaf, figures)
            await asyncio.sleep(2)
            print(f"after    memory {memory(pid):.1f} MB, {files(pid)} open files")
    late = sorted(value * 1000 for value in figures.lateness)
    print(f"streams  {len(figures.drift)} to their end, {figures.whole} of them whole")
    told = [("p50", percentile(late, 50)), ("p99", percentile(late, 99)), ("worst", late[-1])]
    print("lateness " + ", ".join(f"{name} {value:.2f} ms" for name, value in told))
    print(f"drift    median {statistics.median(figures.drift) * 1000:.2f} ms at the last chunk")


if __name__ == "__main__":
    asyncio.run(main())
