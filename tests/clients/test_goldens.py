"""Scripts that make a server say, byte for byte, what the recordings of the real API's wire hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.asking import SCRIPTS, Kind, asked, fetch, mock
from tests.server.harness import Served
from tests.wire.answering import GOLDEN, MODEL, PLAIN, STREAM
from tests.wire.normalise import normalise

GOLDENS = sorted(GOLDEN.glob("chat_*"))
FOLDER = SCRIPTS / "goldens"


@pytest.fixture(scope="module")
def served(kind: Kind) -> Iterator[Served]:
    with mock(kind, FOLDER) as server:
        yield server
        server.kill()


def parameters(golden: Path) -> dict[str, Any]:
    if golden.suffix == ".json":
        return {}
    match golden.stem:
        case "chat_text_stream_plain":
            return PLAIN
        case "chat_n2_stream":
            return STREAM | {"n": 2}
        case "chat_logprobs_stream":
            return STREAM | {"logprobs": True, "top_logprobs": 1}
        case _:
            return STREAM


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_a_script_says_what_was_recorded(served: Served, golden: Path) -> None:
    request = asked("Hi", **parameters(golden)) | {"model": MODEL}
    name = golden.stem.replace("_", "-")
    status, fields, body = fetch(served, request, path=f"/{name}/v1/chat/completions")
    streamed = golden.suffix == ".sse"
    assert status == 200
    assert fields["content-type"] == ("text/event-stream; charset=utf-8" if streamed else "application/json")
    assert normalise(body) == normalise(golden.read_bytes())


def test_no_script_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {golden.stem.replace("_", "-") for golden in GOLDENS}
