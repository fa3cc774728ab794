"""What one answer costs inside of the process, step by step, without a server and a socket.

    .venv/bin/python -m bench.answers [--batches 40] [--markdown]

For each API and form, for a rule whose answer is the same every time and for one with a template, and for requests
that are the same to the byte (what they say, and the bytes of a constant answer, are remembered) and requests of
which each is another. `decode` makes a `Request` of a body, `match` finds the rule, `perform` makes the timeline,
`encode` the bytes of the body or of all frames. `answer` is `Mock.answer`, which does all that with a session and
the journal, and the bytes. Streams have 200 chunks.

Times are microseconds: the median of the batches, and the least. `--markdown` prints what stands in
docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from functools import partial
from itertools import count, islice, pairwise, product
from random import Random
from typing import NamedTuple

from bench.serving import machine
from dsl import compile_text, garbage
from dsl.request import Headers
from dsl.session import Session
from mockllm.apis.answer import Answer
from mockllm.apis.endpoints import Chat
from mockllm.chance import Seeded
from mockllm.journal import Journal
from mockllm.mock import Api
from mockllm.responses_api import Responses
from mockllm.serving import Mocks
from mockllm.settings import Settings
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Body, Frame, Reply

CHUNKS = 200
TEXT = "".join(f"{number:05d}" for number in range(CHUNKS))
SCRIPT = f"""\
when user contains "short constant" reply "Hi there, how can I help you?"
when user contains "short templated" reply "Hi there, {{{{ user }}}}: how can I help you?"
when user contains "long constant" reply "{TEXT}" in {CHUNKS} chunks
when user contains "long templated" reply "{{{{ user }}}} {TEXT}" in {CHUNKS} chunks
"""
HEADERS = Headers(
    {
        "host": "127.0.0.1:8000",
        "accept": "application/json",
        "authorization": "Bearer sk-mock",
        "content-type": "application/json",
        "user-agent": "OpenAI/Python 3.54.0",
    }
)
STEPS = ("decode", "match", "perform", "encode", "answer")


class Case(NamedTuple):
    api: str
    form: str
    rule: str
    requests: str

    @property
    def size(self) -> int:
        """Answers in a batch."""
        return 100 if self.form == "JSON" else 10

    def bodies(self) -> Iterator[bytes]:
        said = f"{'short' if self.form == 'JSON' else 'long'} {self.rule}"
        for number in count():
            user = said if self.requests == "same" else f"{said} {number}"
            asked = {"messages": [{"role": "user", "content": user}]} if self.api == "Chat" else {"input": user}
            yield json.dumps({"model": "gpt-4o-mini", **asked, "stream": self.form == "SSE"}).encode()


CASES = [
    Case(*each)
    for each in product(("Chat", "Responses"), ("JSON", "SSE"), ("constant", "templated"), ("same", "other"))
]


class Bench:
    """One case, on a mock of its own."""

    def __init__(self, case: Case) -> None:
        self.case = case
        settings = Settings()
        self.mock = Mocks((), Journal(settings.journal), settings).put("", compile_text(SCRIPT))
        self.path = "/v1/chat/completions" if case.api == "Chat" else "/v1/responses"

    def api(self) -> Api:
        return Chat() if self.case.api == "Chat" else Responses(self.mock.archive.shelf("default"), monotonic())

    def steps(self, bodies: list[bytes]) -> list[float]:
        """Seconds for each step of a batch."""
        script, session, apis = self.mock.script, Session(), [self.api() for _ in bodies]
        times = [time.perf_counter()]
        requests = [
            api.decode(body, path=self.path, query={}, headers=HEADERS, lenient=False)
            for api, body in zip(apis, bodies, strict=True)
        ]
        times.append(time.perf_counter())
        matches = [script.table.first(request, session) for request in requests]
        times.append(time.perf_counter())
        timelines = [
            script.perform(match, request, session, partial(Random, "1/default/1/script"), self.mock.now)
            for match, request in zip(matches, requests, strict=True)
            if match is not None
        ]
        times.append(time.perf_counter())
        for number, (api, request, timeline) in enumerate(zip(apis, requests, timelines, strict=True)):
            written(api.reply(Answer(request, timeline, Seeded(f"1/default/{number}/wire"), 1_767_225_600)))
        times.append(time.perf_counter())
        return [after - before for before, after in pairwise(times)]

    def answers(self, bodies: list[bytes]) -> float:
        """Seconds for a batch."""
        began = time.perf_counter()
        for body in bodies:
            reply, _ = self.mock.answer(self.api(), "POST", self.path, {}, HEADERS, body)
            written(reply)
        return time.perf_counter() - began


def written(reply: Reply) -> bytes:
    """All bytes of a body."""
    if isinstance(reply, Body):
        return reply.data
    return b"".join(part.data for part in reply.parts if isinstance(part, Frame))


def measured(case: Case, batches: int) -> list[list[float]]:
    """Microseconds for an answer, by step and batch."""
    bench, bodies = Bench(case), case.bodies()
    found: list[list[float]] = [[] for _ in STEPS]
    for batch in range(-2, batches):
        times = bench.steps(list(islice(bodies, case.size)))
        times.append(bench.answers(list(islice(bodies, case.size))))
        if batch >= 0:  # those before it fill what is remembered
            for step, seconds in zip(found, times, strict=True):
                step.append(seconds / case.size * 1e6)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batches", type=int, default=40, help="of 100 answers in one piece, or of 10 streams")
    parser.add_argument("--markdown", action="store_true", help="as a table for the docs")
    options = parser.parse_args()
    garbage.serve()  # as in a server
    if options.markdown:
        print(f"{machine()}. `python -m bench.answers`\n")
        print(f"| API | rule | requests | {' | '.join(STEPS)} |\n|{'---|' * (3 + len(STEPS))}")
    else:
        print(f"{machine()}\n{'':32}" + "".join(f"{step + ' µs':>18}" for step in STEPS))
    for case in CASES:
        cells = [f"{statistics.median(times):.1f} ({min(times):.1f})" for times in measured(case, options.batches)]
        if options.markdown:
            print(f"| {case.api} {case.form} | {case.rule} | {case.requests} | {' | '.join(cells)} |", flush=True)
        else:
            print(f"{' '.join(case):32}" + "".join(f"{cell:>18}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
