"""Sessions in Redis: what one process has moved, all see; and no two move one at once."""

from __future__ import annotations

from contextlib import suppress

import gevent
import pytest

from dsl.session import Session
from mockllm.archive import Conversation
from mockllm.settings import SettingError
from mockllm.shared import sessions as shared_sessions
from mockllm.shared import shared_state
from mockllm.shared.sessions import SharedSessions
from mockllm.shared.store import DAY, Store
from mockllm.state import StateUnavailable
from tests.server.harness import PATIENCE
from tests.shared.redis_server import RedisServer


def sessions(state: str, limit: int = 10) -> SharedSessions:
    """The sessions as a process of its own has them."""
    return SharedSessions(Store(state), "", limit)


def test_what_one_process_remembers_all_know(state: str) -> None:
    with sessions(state).use("a") as session:
        assert session.advance("\0answers") == 1
        session.memory["item"] = {"list": [1, 2.5, None, True], "text": "ü\ud800"}
        session.go("order", "paid")
        session.take("bucket", 3, capacity=10, period=3600, now=session.clock())
    with sessions(state).use("a") as session:
        assert session.advance("\0answers") == 2
        assert session.memory["item"] == {"list": [1, 2.5, None, True], "text": "ü\ud800"}
        assert session.state("order") == "paid"
        taken, left = session.take("bucket", 1, capacity=10, period=3600, now=session.clock())
        assert taken and 6 <= left < 6.1
    with sessions(state).use("b") as session:
        assert session.count("\0answers") == 0


def test_the_clock_is_the_same_for_all(state: str) -> None:
    with sessions(state).use("a") as session:
        first = session.clock()
    with sessions(state).use("b") as session:
        assert 0 < session.clock() - first < PATIENCE


def test_parts_are_kept_one_by_one(state: str) -> None:
    with sessions(state).use("a") as session:
        for user in ("x", "y"):
            session.part("order", user).advance("n")
        session.part("order", "z")  # was only looked at
    with sessions(state).use("a") as session:
        assert session.part("order", "x").advance("n") == 2
        assert session.part("order", "y").count("n") == 1
    seen = sessions(state).look("a")
    assert {key: part.counters for key, part in seen.parts.items()} == {
        ("order", "x"): {"n": 2},
        ("order", "y"): {"n": 1},
    }


def test_there_are_no_endless_parts(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_sessions, "MOST_PARTS", 3)
    for user in range(9):
        with sessions(state).use("a") as session:
            session.advance("n")
            session.part("order", str(user)).advance("n")
    seen = sessions(state).look("a")
    assert seen.count("n") == 9 and 3 <= len(seen.parts) <= 5


def test_looking_moves_nothing(state: str) -> None:
    session = sessions(state).look("a")
    session.advance("n")
    assert sessions(state).names() == [] and sessions(state).look("a").count("n") == 0


def test_the_longest_unused_are_forgotten_first(state: str) -> None:
    kept = sessions(state, limit=2)
    for name in ("a", "b", "a", "c"):
        gevent.sleep(0.002)  # Redis tells the time of a use in milliseconds
        with kept.use(name) as session:
            session.advance("n")
    assert kept.names() == ["a", "c"]
    assert [kept.look(name).count("n") for name in "abc"] == [2, 0, 1]


def test_what_moved_counts_though_the_answer_failed(state: str) -> None:
    with suppress(ZeroDivisionError), sessions(state).use("a") as session:
        session.advance("n")
        raise ZeroDivisionError
    assert sessions(state).look("a").count("n") == 1


def test_one_after_the_other(state: str) -> None:
    """Twenty greenlets each of three processes that dawdle while they have it."""

    def move(kept: SharedSessions) -> None:
        with kept.use("a") as session:
            before = session.count("n")
            gevent.sleep(0.001)
            session.counters["n"] = before + 1

    processes = [sessions(state) for _ in range(3)]
    gevent.joinall([gevent.spawn(move, processes[number % 3]) for number in range(60)], PATIENCE, raise_error=True)
    assert processes[0].look("a").count("n") == 60


def test_of_a_process_that_has_died_it_is_free_again(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_sessions, "_HELD", 0.05)
    dead = sessions(state)
    dead._enter("a")
    with sessions(state).use("a") as session:
        assert session.advance("n") == 1


def test_who_was_killed_while_he_waited_holds_nothing(state: str) -> None:
    kept = sessions(state)
    with kept.use("a"):
        waiting = gevent.spawn(sessions(state).use("a").__enter__)
        gevent.sleep(0.05)
        waiting.kill()
    with kept.use("a") as session:
        assert session.advance("n") == 1


def test_who_was_killed_while_he_left_holds_nothing(state: str) -> None:
    kept = sessions(state)

    def move() -> None:
        with kept.use("a") as session:
            session.advance("n")
            gevent.spawn(leaving.kill)

    leaving = gevent.spawn(move)
    behind = gevent.spawn(move)  # so that it is handed on
    gevent.joinall([leaving, behind], PATIENCE)
    with sessions(state).use("a") as session:
        assert session.count("n") in (1, 2)


def test_who_took_too_long_has_moved_nothing(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_sessions, "_HELD", 0.02)
    with pytest.raises(StateUnavailable, match="this answer took"), sessions(state).use("a") as late:
        late.advance("n")
        gevent.sleep(0.03)
        with sessions(state).use("a") as session:
            session.advance("n")
    assert sessions(state).look("a").count("n") == 1


def test_who_waits_for_ever_is_told(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_sessions, "_PATIENCE", 0.05)
    monkeypatch.setattr(shared_sessions, "_NAP", 0.1)
    with (
        sessions(state).use("a"),
        pytest.raises(StateUnavailable, match="'a' was used by others"),
        sessions(state).use("a"),
    ):
        pass


def test_who_has_stood_in_line_hands_it_on(state: str) -> None:
    """More of them than one process has in a row; and the one behind in line may go away."""
    first, second = sessions(state), sessions(state)
    told = []

    def move(kept: SharedSessions, who: str) -> None:
        with kept.use("a") as session:
            told.append(who)
            session.advance("n")

    with first.use("a"):
        waiting = [gevent.spawn(move, first, "first") for _ in range(20)]
        waiting += [gevent.spawn(move, second, "second")]
        gevent.sleep(0.05)
    gevent.joinall(waiting, PATIENCE, raise_error=True)
    assert told.index("second") < 20 and len(told) == 21
    assert first.look("a").count("n") == 21
    with first.use("a"):
        gone = gevent.spawn(move, first, "first")
        gevent.sleep(0)
        gevent.spawn_later(0, gone.kill)
    with second.use("a") as session:
        assert session.count("n") in (21, 22)


def test_what_was_cleared_meanwhile_stays_cleared(state: str) -> None:
    for name in ("a", None):
        with sessions(state).use("a") as session:
            session.advance("n")
            sessions(state).clear(name)
        assert sessions(state).look("a").count("n") == 0


def test_a_session_that_is_forgotten_is_not_listed(state: str) -> None:
    for name in ("a", "b"):
        with sessions(state).use(name) as session:
            session.advance("n")
    sessions(state).clear("a")
    assert sessions(state).names() == ["b"]


def test_what_is_no_json_is_remembered_as_text_or_refused(state: str) -> None:
    with sessions(state).use("a") as session:
        session.memory["set"] = {1}
    assert sessions(state).look("a").memory == {"set": "{1}"}
    with pytest.raises(Exception, match="is no JSON"), sessions(state).use("a") as session:
        session.memory["bad"] = {(1, 2): 3}
    with sessions(state).use("a") as session:
        assert session.memory == {"set": "{1}"}


def test_a_copy_is_a_copy(state: str) -> None:
    with sessions(state).use("a") as session:
        session.part("order", "x").advance("n")
    seen = sessions(state).look("a")
    twin = seen.twin()
    assert isinstance(twin, Session) and twin.part("order", "x").advance("n") == 2
    assert seen.part("order", "x").count("n") == 1


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1", "not 'http://127.0.0.1'"),
        ("redis://127.0.0.1:99999", "not 'redis://127.0.0.1:99999'"),
        ("rediss://user:secret@127.0.0.1", "not 'rediss://127.0.0.1'"),
        ("redis:user:secret@127.0.0.1", "not '127.0.0.1'"),
        ("redis://user:a://secret@127.0.0.1", "not 'redis://127.0.0.1'"),
        ("redis://user:secret/1@127.0.0.1", "not 'redis://127.0.0.1'"),
        ("redis://user:secret?1@127.0.0.1", "not 'redis://…'"),
        ("redis://user:secret@[127.0.0.1", "not 'redis://[127.0.0.1'"),
        ("http://127.0.0.1?password=secret", "not 'http://127.0.0.1'"),
        ("redis://127.0.0.1?timeout=1", "no option `timeout`"),
        ("redis://user:secret@127.0.0.1:1", "at redis://127.0.0.1:1 cannot be had"),
    ],
)
def test_a_bad_url_is_told_at_the_start(url: str, told: str) -> None:
    with pytest.raises(SettingError) as caught:
        shared_state(url)
    assert told in str(caught.value) and "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_by_a_socket_in_the_file_system_it_is_the_same(redis: RedisServer) -> None:
    with sessions(redis.unix_url("unix")).use("a") as session:
        session.advance("n")
    assert sessions(redis.url("unix")).look("a").count("n") == 1


def test_drawn_seeds_are_shared(state: str) -> None:
    assert [shared_state(state).seed("a", drawn) for drawn in (7, 8)] == [7, 7]
    assert shared_state(state).seed("b", 9) == 9


def test_all_keys_have_the_prefix_and_end_some_day(state: str) -> None:
    store, shared = Store(state), shared_state(state)
    with shared.sessions("m", 10).use("a") as session:
        session.advance("n")
    journal, archive = shared.journal(10), shared.archive("m", 10, False)
    journal.answered(journal.begin("m", "POST", "/"))
    archive.keep_conversation("a", Conversation("conv_1", "stem", 0, {}, [{"id": "msg_1"}]))
    keys = store.call("KEYS", f"{store.prefix}:*")
    kinds = ["conversation", "conversations", "items", "journal", "session", "sessions", "stem"]
    assert sorted({key.removeprefix(store.prefix).split(":")[1] for key in keys}) == kinds
    assert {0 < store.call("TTL", key) <= DAY for key in keys} == {True}
