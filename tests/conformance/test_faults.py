"""Every fault of the examples, on every transport, under both servers, and to the SDK, is what the documents say.

`--rewrite` writes down what is seen now. The columns of Node are observed by `scripts/test-node`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.clients.asking import Kind, mock
from tests.conformance import sdk, table, wire
from tests.conformance.table import COLUMNS, FAULTS, Fault
from tests.server.harness import Served

ALL = table.faults()


@pytest.fixture(scope="module", params=["command", "gunicorn"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    kind: Kind = request.param
    with mock(kind, FAULTS) as served:
        yield served
        served.kill()


def _body(column: str, user: str) -> dict[str, Any]:
    stream = column.endswith(("sse", "ws"))
    if column.startswith("chat"):
        return {"model": "gpt-4o", "messages": [{"role": "user", "content": user}], "stream": stream}
    if column.endswith("ws"):
        return {"type": "response.create", "model": "gpt-4o", "input": user}
    return {"model": "gpt-4o", "input": user, "stream": stream}


def _look(served: Served, fault: Fault, column: str) -> str:
    path = f"/{fault.file}/v1/"
    body, key = _body(column, fault.name), str(uuid4())
    if column.endswith("ws"):
        return wire.talk(served, path + column.partition(" ")[0], body, key)
    where = "chat/completions" if column.startswith("chat") else "responses"
    return wire.ask(served, path + where, body, key)


def _seen(
    columns: dict[str, str], look: Callable[[Fault, str], str], faults: list[Fault]
) -> dict[tuple[str, str], dict[str, str]]:
    """What is seen of each fault in each of these columns, several at once: many of them wait."""
    asked = [(fault, column) for fault in faults for column in COLUMNS[fault.file] if column in columns]
    with ThreadPoolExecutor(16) as pool:
        told = pool.map(lambda each: look(*each), asked)
        seen: dict[tuple[str, str], dict[str, str]] = {}
        for (fault, column), text in zip(asked, told, strict=True):
            seen.setdefault((fault.file, fault.name), {})[column] = text
    return seen


def _compare(seen: dict[tuple[str, str], dict[str, str]], rewrite: bool) -> None:
    if rewrite:
        table.record(seen)
    known = table.observed()
    expected = {
        (file, name): {column: known.get(file, {}).get(name, {}).get(column) for column in columns}
        for (file, name), columns in seen.items()
    }
    assert seen == expected


@pytest.mark.parametrize("file", list(COLUMNS))
def test_what_a_raw_socket_sees(served: Served, file: str, pytestconfig: pytest.Config) -> None:
    faults = [fault for fault in ALL if fault.file == file]
    seen = _seen(table.WIRE, lambda fault, column: _look(served, fault, column), faults)
    if seen:
        _compare(seen, pytestconfig.getoption("--rewrite"))


_ASKED = {
    "python chat": sdk.chat,
    "python chat stream": sdk.chat_stream,
    "python chat helper": sdk.chat_helper,
    "python responses": sdk.responses,
    "python responses stream": sdk.responses_stream,
    "python responses ws": sdk.responses_socket,
}


# The SDK leaves the sockets of answers that it has given up to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("file", list(COLUMNS))
def test_what_the_sdk_makes_of_it(served: Served, file: str, pytestconfig: pytest.Config) -> None:
    def look(fault: Fault, column: str) -> str:
        url = f"{served.url}/{fault.file}/v1"
        return asyncio.run(sdk.outcome(url, str(uuid4()), _ASKED[column], fault.name))

    seen = _seen(table.PYTHON, look, [fault for fault in ALL if fault.file == file])
    _compare(seen, pytestconfig.getoption("--rewrite"))


def test_the_page_shows_what_was_observed() -> None:
    assert table.PAGE.read_text() == table.page()


def test_every_cell_was_observed() -> None:
    known = table.observed()
    missing = [
        (fault.name, column)
        for fault in ALL
        for column in COLUMNS[fault.file]
        if not known.get(fault.file, {}).get(fault.name, {}).get(column)
    ]
    assert missing == []
