"""What a server of ours gives to clients: one figure for each thing that mock servers are compared by.

    .venv/bin/python -m bench.columns [--only json,stream] [--seconds 3] [--markdown]
    .venv/bin/python -m bench.columns --command "gunicorn -k geventwebsocket --bind 127.0.0.1:{port} wsgi:app"

    start      from the command to the first answer, with nothing kept from an earlier run and with the compiled
               script; memory after that
    json       requests a second, and how long one takes, at 1, 16 and 64 connections that are kept open; all are
               the same to the byte, and so in the columns below: what that does is seen in bench.answers
    stream     chunks of content a second: streams of 200 chunks without a pause, at 16 connections
    paced      1, 100, 500 and 1,000 streams of 150 chunks, 20 ms apart, begun within a second. Lateness: a chunk's
               arrival less that of the stream's first chunk, less its number times 20 ms. Drift: how much longer
               than 20 ms a stream takes for a chunk, on the average. Memory: what each stream adds
    rules      how long a request takes of which the last of 10, 1,000 and 10,000 rules is meant, at 1 connection
    websocket  turns of Responses a second, at 1 and 16 sockets

The server runs on one core and the clients on another, where the system lets them. The clients are Python, too.
With a server of canned bytes (`bench.canned`) they have driven 40,000 requests and 2,000,000 chunks a second, on
two cores of an AMD EPYC that others used as well; at one connection 0.1 ms of each request is theirs and the
system's. Where they are busy for more than nine tenths of the time a figure is theirs, and says so. At the end
stands what other programs used meanwhile. Rules are generated into a temporary folder, which is also where the
server keeps what it keeps between runs. All is on 127.0.0.1. Linux only, for memory is read from /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench import clients, serving
from bench.clients import BadAnswer, JsonClient, PacedClient, StreamClient, Tally, TurnClient
from bench.serving import percentile

CHUNKS, PACED, INTERVAL = 200, 150, 0.020
HELLO, STREAM, PACE = "Hello", "stream two hundred", "paced stream"


def numbers(count: int) -> str:
    return "".join(f"{number:05d}" for number in range(count))


BASIC = f"""\
when user contains "{HELLO}" reply "Hi there, how can I help you?"
when user contains "{STREAM}" reply "{numbers(CHUNKS)}" in {CHUNKS} chunks
when user contains "{PACE}" {{ pace {1 / INTERVAL:g} chunk/s; reply "{numbers(PACED)}" in {PACED} chunks }}
"""


class Figure(NamedTuple):
    """`note` says what else is to be known of it."""

    what: str
    value: str
    note: str = ""


class Served(NamedTuple):
    port: int
    pid: int


class Bench:
    """How servers are started, and for how long each figure is taken, in seconds."""

    def __init__(self, folder: Path, template: str, core: int | None, seconds: float) -> None:
        self._folder, self._template, self._core = folder, template, core
        self.seconds = seconds

    @contextmanager
    def served(self, rules: str = BASIC, kept: str = "kept") -> Iterator[Served]:
        """A server of these rules, in a process of its own; `kept` is the folder of what is kept between runs."""
        script, port = self._folder / "bench.llmock", serving.free_port()
        script.write_text(rules)
        command = serving.command(self._template, script, port)
        environ = {"MOCKLLM_SCRIPT": str(script), "XDG_CACHE_HOME": str(self._folder / kept)}
        with serving.running(command, port, self._core, **environ) as pid:
            yield Served(port, pid)

    def start(self) -> Iterator[Figure]:
        times, memory = [], []
        for _ in range(6):
            began = time.perf_counter()
            with self.served(kept="started") as server:
                first_answer(server.port)
                times.append(time.perf_counter() - began)
                time.sleep(0.15)
                memory.append(serving.memory(server.pid))
        yield Figure("first start to the first answer", f"{times[0]:.2f} s")
        yield Figure("start to the first answer", f"{statistics.median(times[1:]):.2f} s", "median of 5")
        yield Figure("memory after that", f"{statistics.median(memory):.1f} MB")

    def json(self) -> Iterator[Figure]:
        with self.served() as server:
            for connections in (1, 16, 64):
                tally = self._load(JsonClient, server, clients.chat(HELLO), connections)
                rate = f"{len(tally.times) / tally.seconds:,.0f} requests/s"
                yield Figure(f"JSON, {plural(connections, 'connection')}", rate, took(tally))

    def stream(self) -> Iterator[Figure]:
        with self.served() as server:
            tally = self._load(StreamClient, server, clients.chat(STREAM, stream=True), 16)
            yield Figure("stream, 16 connections", f"{tally.chunks / tally.seconds:,.0f} chunks/s", took(tally))

    def paced(self) -> Iterator[Figure]:
        asked = clients.chat(PACE, stream=True)
        for streams in (1, 100, 500, 1000):
            with self.served() as server:
                # What is loaded with the first request, and made for the first stream.
                asyncio.run(clients.paced(server.port, asked, 1, 0.0))
                before = serving.memory(server.pid)
                used, began = time.process_time(), time.perf_counter()
                listened, most = asyncio.run(listen(server, asked, streams))
                share = (time.process_time() - used) / (time.perf_counter() - began)
            yield from lateness(listened, limit(share))
            if streams > 1:
                yield Figure(f"memory, {streams:,} streams", f"{(most - before) * 1024 / streams:.1f} KB each")

    def rules(self) -> Iterator[Figure]:
        medians = []
        for count in (10, 1_000, 10_000):
            rules = "".join(f'when user contains "rule-{n:05d}" reply "answer-{n:05d}"\n' for n in range(count))
            with self.served(rules) as server:
                tally = self._load(JsonClient, server, clients.chat(f"rule-{count - 1:05d}"), 1)
            medians.append(percentile(tally.times, 50) * 1000)
            yield Figure(f"request, {count:,} rules", f"p50 {medians[-1]:.3f} ms", limit(tally.busy))
        yield Figure("request, 10,000 : 10 rules", f"{medians[-1] / medians[0]:.2f}")

    def websocket(self) -> Iterator[Figure]:
        with self.served() as server:
            for sockets in (1, 16):
                tally = self._load(TurnClient, server, clients.turn(HELLO), sockets)
                rate = f"{len(tally.times) / tally.seconds:,.0f} turns/s"
                yield Figure(f"WebSocket, {plural(sockets, 'socket')}", rate, took(tally))

    def _load(
        self, kind: Callable[[bytes, Tally], clients.Client], server: Served, request: bytes, connections: int
    ) -> Tally:
        return asyncio.run(clients.load(kind, server.port, request, connections, self.seconds))


COLUMNS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "start": Bench.start,
    "json": Bench.json,
    "stream": Bench.stream,
    "paced": Bench.paced,
    "rules": Bench.rules,
    "websocket": Bench.websocket,
}


def first_answer(port: int) -> None:
    head, _, body = clients.chat(HELLO).partition(b"\r\n\r\n")
    fields = dict(line.split(": ") for line in head.decode().splitlines()[1:])
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(urllib.request.Request(url, body, fields), timeout=60) as response:
        response.read()


async def listen(server: Served, request: bytes, streams: int) -> tuple[list[PacedClient], float]:
    """Paced streams, and the most memory that the server had meanwhile, in MB."""
    most = 0.0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, serving.memory(server.pid))
            await asyncio.sleep(0.25)

    watching = asyncio.create_task(watch())
    try:
        within = 1.0 if streams > 1 else 0.0
        return await clients.paced(server.port, request, streams, within), most
    finally:
        watching.cancel()


def lateness(listened: list[PacedClient], note: str) -> Iterator[Figure]:
    what = plural(len(listened), "paced stream")
    late, drift = [], []
    for client in listened:
        if len(client.came) != PACED:
            raise BadAnswer(f"a stream of {len(client.came)} chunks, and not of {PACED}")
        first = client.came[0]
        late += [(came - first - number * INTERVAL) * 1000 for number, came in enumerate(client.came)][1:]
        drift.append(((client.came[-1] - first) / (PACED - 1) - INTERVAL) * 1000)
    late.sort()
    value = f"lateness p50 {percentile(late, 50):.2f} ms, p99 {percentile(late, 99):.2f} ms"
    told = f"drift {statistics.mean(drift):.4f} ms a chunk"
    yield Figure(what, value, ", ".join(filter(None, [told, note])))


def took(tally: Tally) -> str:
    told = f"p50 {percentile(tally.times, 50) * 1000:.2f} ms, p99 {percentile(tally.times, 99) * 1000:.2f} ms"
    return ", ".join(filter(None, [told, limit(tally.busy)]))


def limit(share: float) -> str:
    """What is to be said of clients that use so much of their core."""
    return f"the clients' limit: {share:.0%} busy" if share > 0.9 else ""


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def apart() -> tuple[int | None, str]:
    """Moves this process to a core of its own; the core for the server, and what is to be said of it."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        return None, "the server and the clients share what there is: no two cores to keep them apart"
    os.sched_setaffinity(0, {cores[1]})
    return cores[0], f"the server on core {cores[0]}, the clients on core {cores[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(COLUMNS), metavar="NAME,...", help="some of these figures")
    parser.add_argument("--seconds", type=float, default=3.0, help="for how long a rate is counted")
    parser.add_argument("--command", default=serving.SERVE, help="what serves; it finds its {script} and {port}")
    parser.add_argument("--markdown", action="store_true", help="as a table for the docs")
    options = parser.parse_args()
    columns = options.only.split(",")
    if unknown := set(columns) - set(COLUMNS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(COLUMNS)}")
    serving.allow_many_files()
    core, pinned = apart()
    print(f"{serving.machine()}; {pinned}.\n\n    python -m bench.columns {shlex.join(sys.argv[1:])}\n")
    if options.markdown:
        print("| what | figure | |\n|---|---|---|")
    began, others = time.monotonic(), serving.used_by_others()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.command, core, options.seconds)
        for column in columns:
            try:
                for figure in COLUMNS[column](bench):
                    line = "| {} | {} | {} |" if options.markdown else "{:34}{:42}{}"
                    print(line.format(*figure).rstrip(), flush=True)
            except (BadAnswer, OSError) as error:
                raise SystemExit(f"{column}: {error}") from None
    cores = (serving.used_by_others() - others) / (time.monotonic() - began)
    print(f"\nOther programs used {cores:.2f} cores meanwhile.")


if __name__ == "__main__":
    main()
