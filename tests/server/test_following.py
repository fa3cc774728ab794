"""Who follows a journal hears of each entry when it begins and when it ends: in memory, and in Redis."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest

from mockllm.journal import Entry, Journal, Recorder
from mockllm.state import state_at
from tests.server.harness import PATIENCE

Make = Callable[[int], Journal]


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a journal for so many entries."""
    return state_at(request.getfixturevalue("state") if request.param == "redis" else None).journal


def begin(journal: Journal) -> Entry:
    entry = journal.begin("", "POST", "/")
    journal.answered(entry)
    return entry


def changed(journal: Journal, since: int) -> list[tuple[int, str | None]]:
    return [(entry["id"], entry["outcome"]) for entry in journal.changes(since)[1]]


def test_all_has_changed_since_the_beginning(make: Make) -> None:
    journal = make(10)
    assert journal.changes(0) == (0, [])
    first, second = begin(journal), begin(journal)
    Recorder(first).ended(0.1, "complete")
    assert changed(journal, 0) == [(second.id, None), (first.id, "complete")]


def test_each_entry_comes_once_in_the_order_of_its_last_change(make: Make) -> None:
    journal = make(10)
    first, second = begin(journal), begin(journal)
    seen, _ = journal.changes(0)
    assert changed(journal, seen) == []
    Recorder(second).ended(0.1, "complete")
    assert changed(journal, seen) == [(second.id, "complete")]
    third = begin(journal)
    Recorder(first).ended(0.2, "left")
    assert changed(journal, seen) == [(second.id, "complete"), (third.id, None), (first.id, "left")]


def test_a_bounded_journal_tells_what_it_still_has(make: Make) -> None:
    journal = make(2)
    *_, last = [begin(journal) for _ in range(3)]
    assert changed(journal, 0) == [(last.id - 1, None), (last.id, None)]
    assert [entry["id"] for entry in journal.entries()] == [last.id - 1, last.id]


def test_an_entry_by_its_id(make: Make) -> None:
    journal = make(2)
    first, last = begin(journal), begin(journal)
    assert journal.find(last.id) == last.as_json()
    begin(journal)
    assert journal.find(first.id) is None


def test_that_it_was_cleared_is_a_change_without_entries(make: Make) -> None:
    journal = make(2)
    entry = begin(journal)
    seen, _ = journal.changes(0)
    journal.clear()
    now, entries = journal.changes(seen)
    assert now > seen and entries == []
    assert journal.changes(now) == (now, [])
    Recorder(entry).ended(0.1, "complete")
    assert journal.entries() == []
    assert begin(journal).id > entry.id


def test_waiting_ends_with_a_change(make: Make) -> None:
    journal = make(2)
    heard = []

    def follow(since: int) -> None:
        for _ in range(2):
            assert journal.wait(since, PATIENCE)
            since, entries = journal.changes(since)
            heard.append([entry["outcome"] for entry in entries])

    followers = [gevent.spawn(follow, 0) for _ in range(2)]
    gevent.sleep(0)
    entry = begin(journal)
    while len(heard) < 2:
        gevent.sleep(0.001)
    assert heard == [[None], [None]]
    Recorder(entry).ended(0.1, "complete")
    gevent.joinall(followers, timeout=PATIENCE, raise_error=True)
    assert heard[2:] == [["complete"], ["complete"]]


def test_waiting_ends_at_once_after_a_change_and_in_time_without_one(make: Make) -> None:
    journal = make(2)
    assert not journal.wait(0, 0.001)
    begin(journal)
    assert journal.wait(0, PATIENCE)


def test_what_ends_before_it_is_known_is_there_once(make: Make) -> None:
    """As a wrong URL, to which no rule gives an answer."""
    journal = make(2)
    entry = journal.begin("", "POST", "/")
    Recorder(entry).ended(0.1, "complete")
    assert [(found["path"], found["outcome"]) for found in journal.entries()] == [("/", "complete")]
    assert journal.entries()[0]["id"] == entry.id > 0
