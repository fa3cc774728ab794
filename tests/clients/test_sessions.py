"""What a seed decides, what a session remembers, and what the journal tells."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mockllm import __version__
from mockllm.settings import Settings
from tests.clients.asking import MODEL, SCRIPTS, Kind, Wire, asked, fetch, get, journal, mock, without_chunks
from tests.server.harness import Served, eventually

SCRIPT = "sessions.llmock"

NO_STREAM: dict[str, Any] = {}
STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


def text(answer: tuple[int, dict[str, str], bytes]) -> str:
    found = re.search(rb'"content": "([^"]*)"', answer[2])
    assert found, answer
    return found[1].decode()


def says(server: Served, user: str, *fields: str) -> str:
    return text(fetch(server, asked(user), *fields))


def bearer(key: str) -> str:
    return f"authorization: Bearer {key}"


def reset(server: Served, query: str = "") -> int:
    return fetch(server, b"", path=f"/-/reset{query}")[0]


# -- seed -------------------------------------------------------------------------------------------------------

# Every wire and outcome, in sessions of their own and in one.
ASKED: list[tuple[str, dict[str, Any]]] = [
    *[("dice", parameters) for parameters in (NO_STREAM, STREAM, {"n": 2}) for _ in range(4)],
    *[("unlucky", parameters) for parameters in (NO_STREAM, STREAM) for _ in range(4)],
    ("sequence", {}),
    ("nobody answers this", {}),
    ("sequence", {"temperature": 9}),
    ("template", {}),
]


def everything(kind: Kind, seed: int) -> list[bytes]:
    """All that a fresh server answers, but for the date and for HTTP's chunks, which follow the clock."""
    answers = []
    with mock(kind, SCRIPTS / SCRIPT, seed=seed) as server:
        for number, (user, parameters) in enumerate(ASKED):
            with Wire(server) as wire:
                wire.post(asked(user, **parameters), bearer(f"sk-{number % 3}"), "connection: close")
                data, _ = wire.rest()
            head, _, body = re.sub(rb"\r\nDate: [^\r]*", b"", data).partition(b"\r\n\r\n")
            answers.append(head + (without_chunks(body)[0] if b"\r\nTransfer-Encoding: chunked" in head else body))
        server.kill()
    return answers


def test_one_seed_gives_the_same_bytes() -> None:
    first, other = everything("command", 7), everything("command", 8)
    assert everything("command", 7) == first
    assert everything("gunicorn", 7) == first
    assert all(one != another for one, another in zip(first, other, strict=True))
    assert {int(answer.split(b" ", 2)[1]) for answer in first} == {200, 400, 404, 500, 503}
    assert any(b'"name":"roll"' in answer for answer in first)
    assert len(set(first)) == len(first)


# -- sessions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field", ["authorization: Bearer {}", "x-mockllm-session: {}", "x-talk: {}"], ids=["key", "session", "talk"]
)
def test_sessions_do_not_disturb_each_other(server: Served, key: str, field: str) -> None:
    mine, other = field.format(key), field.format(f"{key}-2")
    assert [says(server, "sequence", mine) for _ in range(4)] == ["one", "two", "three", "three"]
    assert says(server, "sequence", other) == "one"
    assert [says(server, "cycle", mine) for _ in range(3)] == ["green", "red", "green"]
    assert says(server, "cycle", other) == "green"
    assert [says(server, "count", mine) for _ in range(3)] == ["nth 1", "the second", "nth 2"]
    assert says(server, "count", other) == "nth 1"
    assert says(server, "my name is Ada", mine) == "Noted."
    assert [says(server, "who am I?", each) for each in (mine, other)] == ["Ada", "Nobody I know."]


def test_which_name_of_a_session_wins(server: Served, key: str) -> None:
    talk, session = f"x-talk: {key}-talk", f"x-mockllm-session: {key}-session"
    assert says(server, "session", bearer(key), session, talk) == f"{key}-talk"
    assert says(server, "session", bearer(key), session) == f"{key}-session"
    assert re.fullmatch("key-[0-9a-f]{12}", says(server, "session", bearer(key)))
    assert says(server, "session") == "default"


def test_a_reset_forgets_one_session(server: Served, key: str) -> None:
    fields = [f"x-mockllm-session: {key}-{name}" for name in "ab"]
    assert [says(server, "sequence", field) for field in fields] == ["one", "one"]
    assert reset(server, f"?session={key}-a") == 200
    assert [says(server, "sequence", field) for field in fields] == ["one", "two"]
    assert [entry["session"] for entry in journal(server)].count(f"{key}-a") == 2


def test_a_reset_forgets_everything(kind: Kind) -> None:
    with mock(kind, SCRIPTS / SCRIPT) as server:
        assert [says(server, "sequence", bearer(key)) for key in "aba"] == ["one", "one", "two"]
        assert len(journal(server)) == 3
        assert reset(server) == 200
        assert journal(server) == []
        assert [says(server, "sequence", bearer(key)) for key in "ab"] == ["one", "one"]
        assert get(server, "/-/reset")[0] == 405
        server.kill()


# -- journal ----------------------------------------------------------------------------------------------------


def entry_of(server: Served, session: str) -> dict[str, Any]:
    """The session's last entry, once its answer is over."""

    def over() -> dict[str, Any] | None:
        entries = [entry for entry in journal(server) if entry["session"] == session]
        return entries[-1] if entries and entries[-1]["outcome"] else None

    return eventually(over)


def test_what_the_journal_tells(server: Served, key: str) -> None:
    body = asked("dice", **STREAM)
    fetch(server, body, f"x-mockllm-session: {key}")
    entry = entry_of(server, key)
    line = (SCRIPTS / SCRIPT).read_text().splitlines().index('rule dice when user is "dice" {') + 1
    expected = {
        "mock": "",
        "method": "POST",
        "path": "/v1/chat/completions",
        "endpoint": "chat",
        "transport": "sse",
        "model": MODEL,
        "ordinal": 1,
        "rule": "dice",
        "place": f"{SCRIPTS / SCRIPT}:{line}",
        "status": 200,
        "error": None,
        "outcome": "complete",
        "body": body,
    }
    assert {name: entry[name] for name in expected} == expected
    assert entry["sent"] > 500
    assert entry["planned"] > 0
    assert entry["took"] > 0


@pytest.mark.parametrize(
    ("value", "status", "rule", "error"),
    [
        (asked("nobody answers this"), 404, None, "No rule matched."),
        (asked("dice", temperature=9), 400, None, "Invalid 'temperature'"),
        (asked("template"), 500, "lost", "A rule failed, `lost`"),
        (b"{", 400, None, "We could not parse the JSON body"),
    ],
)
def test_the_journal_has_what_went_wrong(
    server: Served, key: str, value: Any, status: int, rule: str | None, error: str
) -> None:
    assert fetch(server, value, f"x-mockllm-session: {key}")[0] == status
    entry = entry_of(server, key)
    assert (entry["status"], entry["rule"], entry["outcome"]) == (status, rule, "complete")
    assert entry["error"].startswith(error)


def test_a_client_that_goes_away_amid_a_stream(server: Served, key: str) -> None:
    with Wire(server) as wire:
        wire.post(asked("talk", **STREAM), f"x-mockllm-session: {key}")
        wire.until(b"I was ab")
        ((status, outcome),) = [
            (entry["status"], entry["outcome"]) for entry in journal(server) if entry["session"] == key
        ]
        assert (status, outcome) == (200, None)
    assert entry_of(server, key)["outcome"] == "left"


def test_the_journal_is_bounded() -> None:
    limit = Settings().journal
    with mock("command", SCRIPTS / SCRIPT, seed=1) as server:
        with Wire(server) as wire:
            for _ in range(limit):
                wire.post(b"{")
            wire.post(b"{", "connection: close")
            wire.rest()
        assert [entry["id"] for entry in journal(server)] == list(range(2, limit + 2))


def test_a_key_is_in_no_journal_and_no_log(kind: Kind, key: str) -> None:
    with mock(kind, SCRIPTS / SCRIPT) as server:
        for field in ("authorization: Bearer {}", "Authorization: bearer  {}", "authorization: {}"):
            for value in (asked("dice"), asked("nobody answers this"), b"{"):
                fetch(server, value, field.format(key))
        entries = str(journal(server))
        assert entries.count("'outcome': 'complete'") == 9
        server.stop()
        assert key not in entries + server.stdout + server.stderr


def test_it_is_healthy(server: Served) -> None:
    status, fields, body = get(server, "/-/healthy")
    assert (status, body) == (200, {"status": "ok", "version": __version__})
    assert fields["content-type"] == "application/json"
