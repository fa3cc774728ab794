"""Mocks are made, read, replaced and taken away; what is put is checked, served and written down."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockllm.serving import load
from mockllm.settings import Settings
from tests.clients.asking import Wire, mock
from tests.control.serving import error, in_folder, in_memory, said, say, serving

ONE = 'otherwise reply "One."\n'
TWO = 'otherwise reply "Two."\n'
BAD = 'rule a when user mentions "x" repli "Three."\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    served = tmp_path / "served"
    served.mkdir()
    return served


@pytest.fixture
def client(folder: Path) -> Iterator[httpx.Client]:
    """A client of a server of a folder with one script."""
    with serving(in_folder(folder, alpha=ONE)) as client:
        yield client


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_a_mock_by_name(client: httpx.Client, folder: Path) -> None:
    made = client.post("/-/mocks", json={"name": "Beta", "script": TWO})
    assert (made.status_code, made.headers["location"]) == (201, "/-/mocks/beta")
    value = made.json()
    assert (value["id"], value["name"], value["stored"]) == ("beta", "Beta", True)
    assert value["path"] == str(folder / "Beta.llmock")
    port = client.base_url.port
    assert value["base_urls"] == {
        "path": f"http://127.0.0.1:{port}/Beta/v1",
        "subdomain": f"http://beta.localhost:{port}/v1",
    }
    assert files(folder) == {"alpha.llmock": ONE, "Beta.llmock": TWO}
    assert said(say(client, "x", "/Beta")) == said(say(client, "x", host="beta.localhost")) == "Two."


def test_a_mock_by_curl(client: httpx.Client, folder: Path) -> None:
    """`curl -T` sends a file as it is, without a type."""
    answer = client.put("/-/mocks/gamma", content=TWO.encode())
    assert answer.status_code == 201
    assert said(say(client, "x", "/gamma")) == "Two."
    assert client.put("/-/mocks/gamma", content=ONE.encode()).status_code == 200
    assert said(say(client, "x", "/gamma")) == "One."
    assert files(folder)["gamma.llmock"] == ONE


def test_what_a_mock_is(client: httpx.Client) -> None:
    script = (
        '# é😀\nlet a when user is "a"\nrule first when a reply "A."\notherwise reply "B."\n\n'
        'scenario s by user { state one { when user is "1" go two } state two { when user is "2" go one } }\n'
        'socket "/v1/x" { on connect push { a: 1 } }\ntest "t" { request { user: "a" } expect text is "A." }\n'
    )
    value = client.put("/-/mocks/alpha", json={"script": script}).json()
    assert value["script"] == script
    assert [(rule["name"], rule["head"]) for rule in value["rules"][:2]] == [("first", "a"), (None, "otherwise")]
    span = value["rules"][0]["span"]
    units = script.encode("utf-16-le")
    assert units[2 * span["from"] : 2 * span["to"]].decode("utf-16-le") == 'rule first when a reply "A."'
    assert (span["here"], span["line"], span["column"]) == (True, 3, 1)
    assert value["scenarios"] == [{"name": "s", "by": "user", "states": ["one", "two"]}]
    assert value["sockets"] == ["/v1/x"]
    assert [test["name"] for test in value["tests"]] == ["t"]
    assert value["warning_count"] == len(value["warnings"])


def test_a_bad_script_is_refused_and_the_old_one_serves_on(client: httpx.Client, folder: Path) -> None:
    before = client.get("/-/mocks/alpha").json()
    answer = client.put("/-/mocks/alpha", json={"script": BAD})
    assert error(answer) == (422, "bad_script")
    (found,) = answer.json()["error"]["diagnostics"]
    assert (found["code"], found["severity"], found["help"]) == ("E105", "error", "did you mean `reply`?")
    assert BAD[found["primary"]["from"] : found["primary"]["to"]] == "repli"
    assert said(say(client, "x", "/alpha")) == "One."
    assert client.get("/-/mocks/alpha").json() == before
    assert files(folder) == {"alpha.llmock": ONE}
    assert error(client.post("/-/mocks", json={"name": "new", "script": BAD})) == (422, "bad_script")
    assert files(folder) == {"alpha.llmock": ONE}


def test_sessions_outlive_a_script(client: httpx.Client) -> None:
    named = 'rule a when user is "x" and nth > 1 reply "More."\notherwise reply "First."\n'
    client.put("/-/mocks/alpha", json={"script": named})
    assert said(say(client, "x", "/alpha")) == "First."
    client.put("/-/mocks/alpha", json={"script": named.replace("More.", "Still more.")})
    assert said(say(client, "x", "/alpha")) == "Still more."
    assert client.get("/-/mocks/alpha/sessions").json()["total"] == 1


def test_an_answer_under_way_goes_on_with_the_old_script(client: httpx.Client) -> None:
    client.put("/-/mocks/alpha", json={"script": 'otherwise {\n chunk "a"\n wait 300ms\n chunk "b"\n}\n'})
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    with client.stream("POST", "/alpha/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        while '"a"' not in next(lines):
            pass
        with httpx.Client(base_url=client.base_url, trust_env=False) as other:
            other.put("/-/mocks/alpha", json={"script": TWO})
            assert said(say(other, "x", "/alpha")) == "Two."
        assert any('"b"' in line for line in lines)


def test_who_has_read_an_old_script_does_not_overwrite_a_new_one(client: httpx.Client) -> None:
    etag = client.get("/-/mocks/alpha").headers["etag"]
    assert client.put("/-/mocks/alpha", json={"script": TWO}, headers={"if-match": etag}).status_code == 200
    again = client.put("/-/mocks/alpha", json={"script": ONE}, headers={"if-match": etag})
    assert error(again) == (412, "changed")
    assert said(say(client, "x", "/alpha")) == "Two."
    assert error(client.put("/-/mocks/none", json={"script": ONE}, headers={"if-match": "*"})) == (412, "changed")


def test_what_was_edited_on_disk_is_not_overwritten(client: httpx.Client, folder: Path) -> None:
    etag = {"if-match": client.get("/-/mocks/alpha").headers["etag"]}
    (folder / "alpha.llmock").write_text(BAD)
    assert client.get("/-/mocks/alpha").json()["stored"] is False
    assert error(client.put("/-/mocks/alpha", json={"script": TWO}, headers=etag)) == (412, "changed")
    assert files(folder) == {"alpha.llmock": BAD}
    forced = client.put("/-/mocks/alpha", json={"script": TWO}, headers={"if-match": "*"})
    assert (forced.status_code, forced.json()["stored"]) == (200, True)
    (folder / "alpha.llmock").write_bytes(b"\xef\xbb\xbf" + TWO.replace("\n", "\r\n").encode())
    etag = {"if-match": forced.headers["etag"]}
    assert client.put("/-/mocks/alpha", json={"script": ONE}, headers=etag).status_code == 200


def test_two_at_once(client: httpx.Client, folder: Path) -> None:
    """One of them wins, and what is served is what is written."""

    def put(script: str) -> None:
        with httpx.Client(base_url=client.base_url, trust_env=False) as own:
            assert own.put("/-/mocks/alpha", json={"script": script}).status_code in (200, 409)

    threads = [threading.Thread(target=put, args=(f'otherwise reply "{n}"\n',)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("/-/mocks/alpha").json()["script"] == files(folder)["alpha.llmock"]


def test_a_mock_is_taken_away(client: httpx.Client, folder: Path) -> None:
    assert client.delete("/-/mocks/ALPHA").status_code == 204
    assert files(folder) == {}
    assert say(client, "x", "/alpha").status_code == 404
    assert error(client.delete("/-/mocks/alpha")) == (404, "not_found")
    assert client.get("/-/ready").status_code == 503


def test_names_are_the_same_in_any_case(client: httpx.Client, folder: Path) -> None:
    assert error(client.post("/-/mocks", json={"name": "ALPHA", "script": TWO})) == (409, "conflict")
    assert client.put("/-/mocks/ALPHA", json={"script": TWO}).status_code == 200
    assert files(folder) == {"alpha.llmock": TWO}


def test_a_file_that_is_there_is_not_made_anew(client: httpx.Client, folder: Path) -> None:
    (folder / "beta.llmock").write_text(BAD)
    assert error(client.post("/-/mocks", json={"name": "beta", "script": TWO})) == (409, "conflict")
    assert files(folder)["beta.llmock"] == BAD
    assert client.put("/-/mocks/beta", json={"script": TWO}).status_code == 201


def test_a_file_that_is_there_in_another_case(client: httpx.Client, folder: Path) -> None:
    (folder / "Beta.llmock").write_text(BAD)
    assert error(client.post("/-/mocks", json={"name": "beta", "script": TWO})) == (409, "conflict")
    assert client.put("/-/mocks/beta", json={"script": TWO}).json()["name"] == "Beta"
    assert files(folder) == {"Beta.llmock": TWO, "alpha.llmock": ONE}


def test_a_new_file_that_cannot_be_served_is_not_kept(
    client: httpx.Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mockllm.serving.Mocks.reload", lambda _: None)  # as where the folder cannot be read
    assert error(client.post("/-/mocks", json={"name": "beta", "script": TWO})) == (409, "conflict")
    assert error(client.put("/-/mocks/alpha", json={"script": TWO})) == (409, "conflict")
    assert files(folder) == {"alpha.llmock": TWO}


def test_includes_are_looked_for_where_the_script_will_be(
    client: httpx.Client, folder: Path, tmp_path: Path
) -> None:
    (folder / "lib").mkdir()
    (folder / "lib" / "common.llmock").write_text('rule shared when user is "s" reply "Shared."\n')
    including = f'include "lib/common.llmock"\n\n{ONE}'
    value = client.put("/-/mocks/alpha", json={"script": including}).json()
    assert said(say(client, "s", "/alpha")) == "Shared."
    assert [rule["span"]["here"] for rule in value["rules"]] == [False, True]
    (tmp_path / "secret.llmock").write_text("a secret\n")
    for path in ("../secret.llmock", str(tmp_path / "secret.llmock")):
        for answer in (
            client.post("/-/check", json={"script": f'include "{path}"\n', "mock": "alpha"}),
            client.put("/-/mocks/alpha", json={"script": f'include "{path}"\n'}),
        ):
            assert "secret\\n" not in answer.text and "a secret" not in answer.text
            assert '"severity":"error"' in answer.text.replace(" ", "")
    linked = folder / "lib" / "linked.llmock"
    linked.symlink_to(tmp_path / "secret.llmock")
    answer = client.post("/-/check", json={"script": 'include "lib/linked.llmock"\n', "mock": "alpha"})
    assert "a secret" not in answer.text and not answer.json()["ok"]


# -- names and paths that are none ----------------------------------------------------------------------------


NAMES = [
    "..",
    "../evil",
    "a/b",
    "a\\b",
    ".hidden",
    "a.llmock",
    "a b",
    "a\0b",
    "-a",
    "a-",
    "é",
    "a" * 64,
    "a" * 100_000,
    "",
    "con\n",
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:20]))
def test_a_name_that_is_none(client: httpx.Client, folder: Path, name: str) -> None:
    status, code = error(client.post("/-/mocks", json={"name": name, "script": TWO}))
    assert (status, code) in ((400, "bad_name"), (409, "conflict"))
    assert files(folder) == {"alpha.llmock": ONE}


@pytest.mark.parametrize(
    "path",
    [
        "/-/mocks/..%2fevil",
        "/-/mocks/../evil",
        "/-/mocks/%2e%2e%2fevil",
        "/-/mocks/%2e%2e/evil",
        "/-/mocks/..%5cevil",
        "/-/mocks/%00",
        "/-/mocks/a%00.llmock",
        "/-/mocks/%2fetc%2fpasswd",
        "/-/mocks//etc/passwd",
        "/-/mocks/%252e%252e%252fevil",
        "/-/mocks/alpha%0d%0ax",
        "/-/mocks/.",
        "/-/mocks/" + "a" * 5_000,
        "/-/mocks/%ff%fe",
    ],
)
def test_a_path_that_leaves_the_folder(client: httpx.Client, folder: Path, tmp_path: Path, path: str) -> None:
    port = client.base_url.port or 0
    with Wire(_Address(port)) as wire:  # type: ignore[arg-type]
        wire.send(
            f"PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(TWO)}\r\n\r\n{TWO}".encode("latin-1")
        )
        assert wire.until(b"\r\n").split()[1] in (b"400", b"404", b"405", b"308", b"414")
    assert files(folder) == {"alpha.llmock": ONE}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["served"]


@pytest.mark.parametrize(
    "name", ["../outside/x", "../outside", "a/../../outside/x", "/etc/passwd", "a\0", "..", "./x"]
)
def test_a_name_that_leads_includes_elsewhere(client: httpx.Client, tmp_path: Path, name: str) -> None:
    """A text that is only checked or tried could read files, too."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.llmock").write_text("a secret\n")
    script = 'include "secret.llmock"\n'
    for path in ("check", "format", "test"):
        answer = client.post(f"/-/{path}", json={"script": script, "mock": name})
        assert error(answer) == (400, "bad_name")
    for path in ("try", "explain"):
        asked = {"mock": name, "message": "x"} | ({"script": script} if path == "try" else {})
        assert error(client.post(f"/-/{path}", json=asked)) == (404, "not_found")


class _Address:
    def __init__(self, port: int) -> None:
        self.address = ("127.0.0.1", port)


def test_a_link_is_replaced_and_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.llmock"
    outside.write_text(ONE)
    (folder / "linked.llmock").symlink_to(outside)
    with serving(in_folder(folder, alpha=ONE)) as client:
        assert client.put("/-/mocks/linked", json={"script": TWO}).status_code == 200
        assert said(say(client, "x", "/linked")) == "Two."
        assert outside.read_text() == ONE and not (folder / "linked.llmock").is_symlink()
        (folder / "gone.llmock").symlink_to(tmp_path / "nowhere.llmock")
        assert error(client.post("/-/mocks", json={"name": "gone", "script": TWO})) == (409, "conflict")
        assert client.put("/-/mocks/gone", json={"script": TWO}).status_code == 201
        assert not (tmp_path / "nowhere.llmock").exists()
        assert client.delete("/-/mocks/linked").status_code == 204
        assert outside.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"name": 1, "script": ""}',
        b'{"name": "x"}',
        b'{"name": "x", "script": 1}',
        b'{"name": "x", "script": "", "more": 1}',
        b'{"name": "x", "script": "\\ud800"}',
        b'{"name": "x", "name": "y", "script": null}',
        b"\xff",
        b"[" * 100_000,
    ],
    ids=range(13),
)
def test_a_body_that_is_none(client: httpx.Client, folder: Path, body: bytes) -> None:
    answer = client.post("/-/mocks", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 415), answer.text
    assert files(folder) == {"alpha.llmock": ONE}


def test_a_script_that_is_huge(client: httpx.Client, folder: Path) -> None:
    huge = "# " + "x" * (17 * 1024 * 1024)
    assert client.put("/-/mocks/huge", content=huge.encode()).status_code == 413
    assert error(client.put("/-/mocks/bytes", content=b"\xff\xfe"))[0] == 400
    assert files(folder) == {"alpha.llmock": ONE}


# -- under gunicorn, whose workers are patched ------------------------------------------------------------------


def test_many_at_once_under_gunicorn(tmp_path: Path) -> None:
    """Texts are compiled in threads aside, also where gevent has taken the place of threads."""
    (tmp_path / "alpha.llmock").write_text(ONE)
    texts = [f'otherwise reply "{n}"\n' for n in range(8)]
    with mock("gunicorn", tmp_path) as served, ThreadPoolExecutor(8) as pool:

        def put(number: int) -> int:
            return httpx.put(f"{served.url}/-/mocks/m{number}", content=texts[number].encode()).status_code

        def check(_: int) -> bool:
            ok: bool = httpx.post(f"{served.url}/-/check", json={"script": BAD}).json()["ok"]
            return ok

        assert list(pool.map(put, range(8))) == [201] * 8
        assert list(pool.map(check, range(8))) == [False] * 8
    assert len(files(tmp_path)) == 9


# -- where nothing is written ---------------------------------------------------------------------------------


def test_in_memory() -> None:
    with serving(in_memory(ONE)) as client:
        made = client.post("/-/mocks", json={"name": "beta", "script": TWO}).json()
        assert (made["path"], made["stored"]) == (None, False)
        assert said(say(client, "x", "/beta")) == "Two."
        assert said(say(client, "x")) == "One."
        assert client.put("/-/mocks/-", json={"script": TWO}).json()["stored"] is False
        assert said(say(client, "x")) == "Two."
        assert error(client.delete("/-/mocks/-")) == (409, "conflict")
        assert client.delete("/-/mocks/beta").status_code == 204


@pytest.mark.parametrize("name", ["v1", "V1", "chat", "responses", "models", "embeddings", "conversations"])
def test_no_mock_takes_the_paths_of_the_one_at_the_root(name: str) -> None:
    with serving(in_memory(ONE)) as client:
        assert error(client.post("/-/mocks", json={"name": name, "script": TWO})) == (409, "conflict")
        assert error(client.put(f"/-/mocks/{name}", json={"script": TWO})) == (409, "conflict")
        assert said(say(client, "x")) == "One."


def test_one_file(tmp_path: Path) -> None:
    file = tmp_path / "faq.llmock"
    file.write_text(ONE)
    os.chmod(file, 0o640)
    with serving(load(file, Settings(seed=1))) as client:
        value = client.put("/-/mocks/-", json={"script": TWO}).json()
        assert (value["path"], value["stored"]) == (str(file), True)
        assert file.read_text() == TWO and file.stat().st_mode & 0o777 == 0o640
        made = client.post("/-/mocks", json={"name": "beta", "script": ONE}).json()
        assert (made["path"], made["stored"]) == (None, False)
        assert client.post("/-/reload").json()["removed"] == []
        assert said(say(client, "x", "/beta")) == "One."
        assert sorted(path.name for path in tmp_path.iterdir()) == ["faq.llmock"]
        assert client.get("/-/server").json()["serves"] == "file"


def test_a_folder_that_cannot_be_written(
    client: httpx.Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    value = client.put("/-/mocks/alpha", json={"script": TWO}).json()
    assert value["stored"] is False and said(say(client, "x", "/alpha")) == "Two."
    assert files(folder) == {"alpha.llmock": ONE}
    again = {"if-match": f'"{value["revision"]}"'}
    answer = client.put("/-/mocks/alpha", json={"script": f"{TWO}# 2\n"}, headers=again)
    assert answer.status_code == 200
    (folder / "alpha.llmock").write_text(BAD)
    again = {"if-match": answer.headers["etag"]}
    assert error(client.put("/-/mocks/alpha", json={"script": ONE}, headers=again)) == (412, "changed")
    monkeypatch.undo()
    assert client.put("/-/mocks/alpha", json={"script": TWO}).json()["stored"] is True


def test_line_ends_and_marks(client: httpx.Client, folder: Path) -> None:
    value = client.put("/-/mocks/alpha", content="\ufeff# one\r\notherwise reply 'x'\r\n".encode()).json()
    assert value["script"] == "# one\notherwise reply 'x'\n" == files(folder)["alpha.llmock"]
