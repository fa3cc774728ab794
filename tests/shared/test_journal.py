"""A journal of several processes."""

from __future__ import annotations

from mockllm.journal import Entry, Recorder
from mockllm.shared.journal import SharedJournal
from mockllm.shared.store import Store
from tests.server.harness import eventually
from tests.shared.redis_server import RedisServer


def begin(journal: SharedJournal, path: str) -> Entry:
    entry = journal.begin("", "POST", path)
    journal.answered(entry)
    return entry


def test_ids_increase_across_processes(state: str) -> None:
    first, second = SharedJournal(Store(state), 3), SharedJournal(Store(state), 3)
    ids = [begin(journal, "/").id for journal in (first, second, second, first)]
    assert ids == [1, 2, 3, 4]
    assert [entry["id"] for entry in first.entries()] == [2, 3, 4] == [entry["id"] for entry in second.entries()]


def test_one_process_follows_the_others(state: str) -> None:
    first, second = SharedJournal(Store(state), 3), SharedJournal(Store(state), 3)
    entry = begin(first, "/")
    seen, (found,) = second.changes(0)
    assert found == entry.as_json()
    Recorder(entry).ended(0.1, "complete")
    assert second.wait(seen, 10)
    assert [found["outcome"] for found in second.changes(seen)[1]] == ["complete"]
    first.clear()
    assert second.entries() == []


def test_what_came_while_redis_was_gone_is_there_once() -> None:
    with RedisServer() as redis:
        journal = SharedJournal(Store(redis.url()), 3)
        before = begin(journal, "/before")
        redis.stop()
        Recorder(before).ended(0.1, "complete")
        lost = [begin(journal, f"/{number}") for number in range(4)]
        for entry in lost:
            Recorder(entry).ended(0.1, "complete")
        redis.start()
        journal._store._gone_until = 0.0
        # What Redis had forgotten is not in it, and of what waited the newest are.
        found = eventually(journal.entries)
        assert [(entry["path"], entry["outcome"]) for entry in found] == [
            (f"/{number}", "complete") for number in (1, 2, 3)
        ]


def test_versions_that_begin_anew_are_followed_anew(state: str) -> None:
    journal = SharedJournal(Store(state), 3)
    begin(journal, "/")
    assert journal.wait(1_000, 0.0)
    assert len(journal.changes(1_000)[1]) == 1


def test_a_smaller_limit_is_kept(state: str) -> None:
    many, few = SharedJournal(Store(state), 10), SharedJournal(Store(state), 3)
    for _ in range(8):
        begin(many, "/")
    begin(few, "/")
    assert [entry["id"] for entry in many.entries()] == [7, 8, 9]
