"""Mocks that come, change and go while they are served, without a server around them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from dsl import compile_text
from mockllm.app import create_app
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.reading import read
from mockllm.reloading import watch
from mockllm.serving import LoadError, Mocks, load
from mockllm.settings import SettingError, Settings
from mockllm.state import Memory


def write(path: Path, text: str) -> None:
    """Write a file so that its time differs, however coarse the clock of the file system is."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    later = max(path.stat().st_mtime_ns, before + 1_000_000_000)
    os.utime(path, ns=(later, later))


class Asked:
    """The application around mocks, asked without a server."""

    def __init__(self, mocks: Mocks) -> None:
        self.mocks = mocks
        self._client = create_app(mocks).test_client()

    def say(self, user: str = "hello", mock: str = "") -> str:
        """What is answered; the code of the error if there is one."""
        body = {"model": "m", "messages": [{"role": "user", "content": user}]}
        prefix = f"/{mock}" if mock else ""
        value = self._client.post(f"{prefix}/v1/chat/completions", json=body).json
        assert value is not None
        said: str = (
            value["choices"][0]["message"]["content"] if "choices" in value else str(value["error"]["code"])
        )
        return said

    def reload(self) -> tuple[int, dict[str, Any]]:
        answer = self._client.post("/-/reload")
        value: dict[str, Any] = json.loads(answer.data)
        return answer.status_code, value


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "a.llmock"
    write(path, 'otherwise reply "one"')
    return path


@pytest.fixture
def asked(script: Path) -> Asked:
    return Asked(load(script, Settings()))


def reloaded(**changes: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "status": "reloaded", "changed": [], "added": [], "removed": [], "kept": [], "diagnostics": [],
        "troubles": [],
    }  # fmt: skip
    return {**empty, **changes}


# -- put and remove ---------------------------------------------------------------------------------------------


def served(text: str = "otherwise reply 'one'", **settings: Any) -> Mocks:
    chosen = Settings(**settings)
    journal = Journal(10)
    return Mocks([Mock("", compile_text(text), chosen, journal)], journal, chosen)


def test_put_swaps_a_script_and_keeps_the_mock() -> None:
    asked = Asked(served())
    mock = asked.mocks.root
    assert asked.say() == "one"
    assert asked.mocks.put("", compile_text("otherwise reply 'two'")) is mock
    assert asked.say() == "two"
    assert len(asked.mocks.journal.entries()) == 2


def test_put_keeps_what_a_session_remembers() -> None:
    text = "rule counted when user is 'x' sequence {{ reply '1{0}' reply '2{0}' reply '3{0}' }}"
    asked = Asked(served(text.format("")))
    assert asked.say("x") == "1"
    asked.mocks.put("", compile_text(text.format("b")))
    assert asked.say("x") == "2b"


def test_put_adds_a_mock_beside_the_one_at_the_root() -> None:
    asked = Asked(served())
    asked.mocks.put("Second", compile_text("otherwise reply 'two'"))
    assert (asked.say(), asked.say(mock="second")) == ("one", "two")


def test_the_mock_at_the_root_is_added_too() -> None:
    mocks = served()
    mocks.remove("")
    assert mocks.root is None
    asked = Asked(mocks)
    assert asked.say() == "None"  # the error of an unknown URL has no code
    mocks.put("", compile_text("otherwise reply 'two'"))
    assert asked.say() == "two"


@pytest.mark.parametrize("name", ["a b", "a/b", "-", "ä"])
def test_names_that_no_mock_can_have(name: str) -> None:
    with pytest.raises(LoadError, match="no mock can be called"):
        served().put(name, compile_text("otherwise reply 'x'"))


def test_removing_what_is_not_there() -> None:
    with pytest.raises(KeyError):
        served().remove("nope")


def test_the_seed_of_a_new_script_counts_unless_one_was_chosen() -> None:
    seeded = compile_text("defaults { seed 7 } otherwise reply 'x'")
    mocks = served()
    drawn = mocks.put("", compile_text("otherwise reply 'x'")).seed
    assert mocks.put("", seeded).seed == 7
    assert mocks.put("", compile_text("otherwise reply 'x'")).seed == drawn
    assert served(seed=3).put("", seeded).seed == 3


def test_paths_of_a_new_script() -> None:
    mocks = served()
    client = create_app(mocks).test_client()
    assert client.post("/v1/moderations", json={}).status_code == 404
    mocks.put("", compile_text("when path is '/v1/moderations' raw '{}'"))
    assert client.post("/v1/moderations", json={}).data == b"{}"


def test_sockets_of_a_new_script() -> None:
    mocks = served()
    client = create_app(mocks).test_client()
    assert client.get("/v1/live").status_code == 404
    mocks.put("", compile_text("socket '/v1/live' { on connect push { a: 1 } } otherwise reply 'x'"))
    assert client.get("/v1/live").status_code == 426
    assert client.get("/live").status_code == 426


def test_a_mock_of_a_file_knows_it(script: Path) -> None:
    mocks = load(script, Settings())
    assert (mocks.path, mocks.source("")) == (script, script)
    mocks.put("second", compile_text("otherwise reply 'two'"))
    assert mocks.source("second") is None


# -- reload -----------------------------------------------------------------------------------------------------


def test_what_has_not_changed_is_not_read(asked: Asked) -> None:
    script = asked.mocks.by_name[""].script
    assert asked.reload() == (200, reloaded())
    assert asked.mocks.by_name[""].script is script


def test_a_changed_script_is_served(asked: Asked, script: Path) -> None:
    write(script, 'otherwise reply "two"')
    assert asked.reload() == (200, reloaded(changed=[""]))
    assert asked.say() == "two"


def test_a_script_with_errors_leaves_the_old_one(asked: Asked, script: Path) -> None:
    write(script, 'otherwise reply "two')
    for _ in range(2):  # it is told as long as it is so
        status, told = asked.reload()
        assert (status, told["status"], told["kept"]) == (422, "failed", [""])
        assert [(found["code"], found["primary"]["line"]) for found in told["diagnostics"]] == [("E102", 1)]
    assert asked.say() == "one"
    write(script, 'otherwise reply "three"')
    assert asked.reload() == (200, reloaded(changed=[""]))
    assert asked.say() == "three"


def test_warnings_are_told_and_hold_nothing_up(asked: Asked, script: Path) -> None:
    write(script, 'otherwise reply "two"\nwhen user is "x" reply "never"')
    status, told = asked.reload()
    assert (status, told["changed"]) == (200, [""])
    assert [found["severity"] for found in told["diagnostics"]] == ["warning"]


def test_a_script_that_is_gone_is_served_on(asked: Asked, script: Path) -> None:
    script.unlink()
    status, told = asked.reload()
    assert (status, told["kept"], told["troubles"]) == (
        422,
        [""],
        [f"{script} cannot be read: no such file or directory"],
    )
    assert asked.say() == "one"


def test_a_script_that_is_no_text(asked: Asked, script: Path) -> None:
    script.write_bytes(b"\xff\xfe\xff")
    assert asked.reload()[1]["troubles"] == [f"{script} is not UTF-8 text"]


@pytest.mark.parametrize(
    ("name", "use", "before", "after"),
    [
        ("b.llmock", 'include "b.llmock"', 'when user is "x" reply "1"', 'when user is "x" reply "2"'),
        ("b.csv", 'for each row in "b.csv" { when user is row.q reply "{{ row.a }}" }', "q,a\nx,1", "q,a\nx,2"),
    ],
)
def test_what_a_script_reads_is_read_again(script: Path, name: str, use: str, before: str, after: str) -> None:
    other = script.with_name(name)
    write(other, before)
    write(script, f'{use}\notherwise reply "else"')
    asked = Asked(load(script, Settings()))
    assert asked.say("x") == "1"
    write(other, after)
    assert asked.reload() == (200, reloaded(changed=[""]))
    assert asked.say("x") == "2"
    other.unlink()
    assert asked.reload()[0] == 422
    assert asked.say("x") == "2"
    write(other, before)  # the script itself has not changed since
    assert asked.reload() == (200, reloaded(changed=[""]))
    assert asked.say("x") == "1"


def test_a_script_that_was_put_stays_until_its_file_changes(asked: Asked, script: Path) -> None:
    asked.mocks.put("", compile_text("otherwise reply 'put'"))
    assert asked.reload() == (200, reloaded())
    assert asked.say() == "put"
    write(script, 'otherwise reply "two"')
    asked.reload()
    assert asked.say() == "two"


def test_where_nothing_is_in_files() -> None:
    assert Asked(served()).reload() == (200, reloaded())


# -- folders ----------------------------------------------------------------------------------------------------


def test_scripts_come_and_go_in_a_folder(script: Path) -> None:
    asked = Asked(load(script.parent, Settings()))
    write(script.with_name("b.llmock"), 'otherwise reply "b"')
    assert asked.reload() == (200, reloaded(added=["b"]))
    assert (asked.say(mock="a"), asked.say(mock="b")) == ("one", "b")
    script.unlink()
    assert asked.reload() == (200, reloaded(removed=["a"]))
    assert (asked.say(mock="a"), asked.say(mock="b")) == ("None", "b")
    write(script, 'otherwise reply "again"')
    assert asked.reload() == (200, reloaded(added=["a"]))
    assert asked.say(mock="a") == "again"


def test_mocks_of_a_folder_are_each_on_their_own(script: Path) -> None:
    second = script.with_name("b.llmock")
    write(second, 'otherwise reply "b"')
    asked = Asked(load(script.parent, Settings()))
    write(script, "otherwise")
    write(second, 'otherwise reply "b2"')
    write(script.with_name("c.llmock"), "otherwise")
    status, told = asked.reload()
    assert (status, told["changed"], told["kept"]) == (422, ["b"], ["a", "c"])
    assert (asked.say(mock="a"), asked.say(mock="b"), asked.say(mock="c")) == ("one", "b2", "None")
    script.with_name("c.llmock").unlink()
    script.unlink()
    assert asked.reload() == (200, reloaded(removed=["a"]))


def test_a_script_that_cannot_be_called_holds_nothing_up(script: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked(load(script.parent, Settings()))
    bad = script.with_name("a copy.llmock")
    before = asked.mocks.stamps()
    write(bad, 'otherwise reply "b"')
    assert asked.mocks.stamps() != before
    for said in ("two", "three"):  # it is told as long as it is so, and logged once
        write(script, f'otherwise reply "{said}"')
        trouble = f"{bad} cannot be served: a mock's name has letters, digits and hyphens"
        assert asked.reload() == (422, reloaded(status="failed", changed=["a"], troubles=[trouble]))
        assert asked.say(mock="a") == said
    assert [record.message for record in caplog.records].count(trouble) == 1
    bad.unlink()
    assert asked.reload() == (200, reloaded())


def test_a_script_that_would_be_a_mock_there_is_holds_nothing_up(script: Path) -> None:
    asked = Asked(load(script.parent, Settings()))
    other = script.with_name("A.llmock")
    write(other, 'otherwise reply "other"')
    if other.samefile(
        script
    ):  # where the names of files are the same in any case there is one, and it has changed
        assert asked.reload()[0] == 200
        assert asked.say(mock="a") == "other"
        return
    write(script, 'otherwise reply "two"')
    status, told = asked.reload()
    assert (status, told["changed"], len(told["troubles"])) == (422, ["a"], 1)
    assert asked.say(mock="a") == "two"
    script.unlink()
    assert asked.reload()[0] == 200
    assert asked.say(mock="a") == "other"


def test_a_server_does_not_start_with_a_script_that_cannot_be_called(script: Path) -> None:
    write(script.with_name("a copy.llmock"), 'otherwise reply "b"')
    with pytest.raises(LoadError, match="cannot be served"):
        load(script.parent, Settings())


def test_files_that_begin_with_a_dot_are_no_scripts(script: Path) -> None:
    script.with_name("._a.llmock").write_bytes(b"\xff")
    asked = Asked(load(script.parent, Settings()))
    assert list(asked.mocks.by_name) == ["a"]
    assert asked.reload() == (200, reloaded())


def test_a_script_that_is_deleted_while_it_is_compiled_is_not_served(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(load(script.parent, Settings()))

    def read_and_delete(path: Path, *, index: bool) -> Any:
        found = read(path, index=index)
        script.unlink()
        asked.mocks.remove("a")
        return found

    monkeypatch.setattr("mockllm.serving.read", read_and_delete)
    write(script, 'otherwise reply "two"')
    assert asked.reload() == (200, reloaded())
    assert asked.say(mock="a") == "None"


class GoneForNow(Memory):
    """A shared state that cannot be reached for a while."""

    gone = False

    def seed(self, mock: str, drawn: int) -> int:
        if self.gone:
            raise SettingError("there is no Redis")
        return drawn


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> GoneForNow:
    state = GoneForNow()
    monkeypatch.setattr("mockllm.serving.state_at", lambda url: state)
    return state


def test_a_new_mock_waits_for_the_shared_state(
    script: Path, state: GoneForNow, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Asked(load(script.parent, Settings()))
    second = script.with_name("b.llmock")
    write(second, 'otherwise reply "b"')
    write(script, 'otherwise reply "two"')
    state.gone = True
    trouble = f"{second} cannot be served: there is no Redis"
    for changed in (["a"], []):
        expected = reloaded(status="failed", changed=changed, kept=["b"], troubles=[trouble])
        assert asked.reload() == (422, expected)
    assert [record.message for record in caplog.records].count(trouble) == 1
    assert asked.say(mock="a") == "two"
    state.gone = False
    assert asked.reload() == (200, reloaded(added=["b"]))
    assert asked.say(mock="b") == "b"


def test_a_mock_that_was_removed_is_back_when_its_file_changes(script: Path) -> None:
    asked = Asked(load(script.parent, Settings()))
    asked.mocks.remove("a")
    assert asked.reload() == (200, reloaded())
    assert asked.say(mock="a") == "None"
    write(script, 'otherwise reply "two"')
    assert asked.reload() == (200, reloaded(added=["a"]))


def test_a_folder_that_is_gone_is_served_on(script: Path) -> None:
    asked = Asked(load(script.parent, Settings()))
    script.unlink()
    script.parent.rmdir()
    status, told = asked.reload()
    assert (status, told["troubles"]) == (
        422,
        [f"{script.parent} cannot be read: no such file or directory"],
    )
    assert asked.say(mock="a") == "one"


# -- watching ---------------------------------------------------------------------------------------------------


def until(held: Callable[[], bool]) -> None:
    with gevent.Timeout(20):
        while not held():
            gevent.sleep(0.01)


@pytest.fixture
def watched(script: Path, state: GoneForNow, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mocks]:
    monkeypatch.setattr("mockllm.reloading._EVERY", 0.01)
    mocks = load(script.parent, Settings())
    watcher = gevent.spawn(watch, mocks)
    yield mocks
    watcher.kill()


def test_the_watcher_waits_for_the_shared_state(script: Path, state: GoneForNow, watched: Mocks) -> None:
    state.gone = True
    write(script.with_name("b.llmock"), 'otherwise reply "b"')
    write(script, 'otherwise reply "two"')
    until(lambda: Asked(watched).say(mock="a") == "two")
    state.gone = False
    until(lambda: "b" in watched.by_name)


def test_the_watcher_survives_what_fails(
    script: Path, watched: Mocks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(watched, "reload", lambda: 1 / 0)
        write(script, 'otherwise reply "two"')
        until(lambda: "watched on" in caplog.text)
    write(script, 'otherwise reply "three"')
    until(lambda: Asked(watched).say(mock="a") == "three")
