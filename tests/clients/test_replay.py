"""The same seed gives the same bytes, chaos included, and a run can be replayed from the journal alone."""

from __future__ import annotations

from typing import Any

from tests.clients.asking import MODEL, SCRIPTS, Kind, Wire, asked, journal, mock, parsed, without_chunks
from tests.server.harness import Served, eventually

SCRIPT = SCRIPTS / "chaos.llmock"

Seen = tuple[int, dict[str, str], bytes, str]


def see(server: Served, path: str, body: Any, *fields: str) -> Seen:
    """The status, the fields, the body and the end of an answer: all but what the time of day is in."""
    with Wire(server) as wire:
        wire.post(body, *fields, "connection: close", path=path)
        data, end = wire.rest()
    head, _, content = data.partition(b"\r\n\r\n")
    status, found = parsed(head)
    found.pop("date")
    if "transfer-encoding" in found:
        content = without_chunks(content)[0]
    return status, found, content, end


def run(server: Served) -> list[Seen]:
    """Requests of three sessions, on both endpoints, streamed and not."""
    seen = []
    for number in range(60):
        user = ("anything", "order", "mood")[number % 3]
        fields = [f"x-mockllm-session: {'abc'[number % 3]}", *(["x-mood: brave"] if user == "mood" else [])]
        stream = number % 2 == 0
        if number % 5 == 0:
            seen.append(see(server, "/v1/responses", {"model": MODEL, "input": user, "stream": stream}, *fields))
        else:
            seen.append(see(server, "/v1/chat/completions", asked(user, stream=stream), *fields))
    return seen


def over(server: Served) -> list[dict[str, Any]]:
    """The journal's entries, oldest first, when all answers are over."""

    def ended() -> list[dict[str, Any]] | None:
        entries = journal(server)
        return entries if all(entry["outcome"] for entry in entries) else None

    return eventually(ended)


def test_the_same_seed_gives_the_same_bytes(kind: Kind) -> None:
    with mock(kind, SCRIPT) as first, mock(kind, SCRIPT) as second:
        before = run(first)
        assert before == run(second)
        outcomes = [entry["outcome"] for entry in over(first)]
    # There was chaos.
    assert {200, 503} <= {status for status, *_ in before}
    assert {"complete", "cut"} <= set(outcomes)


def test_a_run_is_replayed_from_the_journal_alone(kind: Kind) -> None:
    with mock(kind, SCRIPT) as first:
        before = run(first)
        entries = over(first)
    # Another server, with a seed of its own: what replays the run is in the entries.
    with mock(kind, SCRIPT, seed=1) as second:
        after = []
        for entry in entries:
            kept = [f"{name}: {value}" for name, value in entry["headers"].items() if name.startswith("x-")]
            after.append(see(second, entry["path"], entry["body"], *kept, f"x-mockllm-seed: {entry['seed']}"))
    assert after == before
