"""Serving: what a server answers where no rule does, folders of mocks, and the two commands themselves."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mockllm import __version__
from mockllm.cli import main
from tests.clients.asking import MODEL, SCRIPTS, Kind, Sync, Wire, asked, fetch, get, mock
from tests.server.harness import CHECKOUT, PATIENCE, Served, running, tool

SCRIPT = "serving.llmock"

BAD = """\
rule weather when usr contains "weather" reply "Sunny."
rule time when user contains "time" reply "{{ clock }}"
"""
WARNED = """\
otherwise reply "?"
rule late when user is "hello" reply "Too late."
"""


def error(answer: tuple[int, dict[str, str], bytes]) -> dict[str, Any]:
    """The error in an answer, which has the API's envelope."""
    status, fields, body = answer
    assert fields["content-type"].startswith("application/json")
    found: dict[str, Any] = json.loads(body)["error"]
    assert list(found) == ["message", "type", "param", "code"]
    return {"status": status, **found}


def place(server: Served, line: int) -> str:
    return f"{SCRIPTS / SCRIPT}:{line}"


# -- where no rule answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (
            asked("the weather in Rome"),
            '`weather` ({}:5): `user contains "weather in Paris"` does not hold: `user` is "the weather in Rome".',
        ),
        (
            asked("the weather in Paris", model="o3"),
            '`weather` ({}:5): `model is "gpt-4o-mini"` does not hold: `model` is "o3".',
        ),
        (
            asked("measure", model="o3", temperature=0.5),
            "`cold` ({}:9): `temperature < 0.1` does not hold: `temperature` is 0.5.",
        ),
        (
            asked("measure", model="o3"),
            "`cold` ({}:9): `temperature < 0.1` does not hold: the request has no `temperature`.",
        ),
    ],
)
def test_a_miss_explains_itself(server: Served, request_: dict[str, Any], told: str, streamed: bool) -> None:
    assert error(fetch(server, request_ | {"stream": streamed})) == {
        "status": 404,
        "message": f"No rule matched. The nearest is {told.format(SCRIPTS / SCRIPT)}",
        "type": "invalid_request_error",
        "param": None,
        "code": "no_rule_matched",
    }


@pytest.mark.parametrize("streamed", [False, True])
def test_a_template_that_fails(server: Served, streamed: bool) -> None:
    failed = error(fetch(server, asked("template", stream=streamed)))
    assert (failed["status"], failed["type"], failed["code"]) == (500, "server_error", "script_error")
    assert failed["message"].startswith(f"A rule failed, `lost` ({SCRIPTS / SCRIPT}:13:")
    assert "metadata" in failed["message"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v1/nope", (404, None, None)),
        ("GET", "/nope", (404, None, None)),
        ("GET", "/v1/chat/completions", (405, None, "method_not_supported")),
        ("DELETE", "/models", (405, None, "method_not_supported")),
        ("GET", "/models/nope", (404, "model", "model_not_found")),
    ],
)
def test_what_is_not_there(
    server: Served, method: str, path: str, expected: tuple[int, str | None, str | None]
) -> None:
    answer = fetch(server, b"", method=method, path=path)
    told = error(answer)
    assert (told["status"], told["param"], told["code"]) == expected
    assert told["status"] != 405 or answer[1]["allow"]


def test_a_body_that_is_too_large(server: Served) -> None:
    with Wire(server) as wire:
        wire.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-length: %d\r\n\r\n" % (1 << 27))
        assert error(wire.answer())["code"] == "request_too_large"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff", b'{"model": NaN}', b"[" * 100_000])
def test_a_body_that_is_not_json(server: Served, body: bytes) -> None:
    told = error(fetch(server, body))
    assert (told["status"], told["param"], told["code"]) == (400, None, None)
    assert told["message"].startswith("We could not parse the JSON body")


@pytest.mark.parametrize("path", ["/v1", ""])
def test_both_paths(server: Served, key: str, path: str) -> None:
    sdk = Sync(server.url + path, key)
    assert sdk.create("hello").choices[0].message.content == "Hello from /v1/chat/completions."
    assert sdk.models() == [MODEL, "o3"]
    assert error(fetch(server, asked("hello", model="nope"), path=f"{path}/chat/completions"))["status"] == 404


def test_a_person_sees_where_to_go(server: Served) -> None:
    status, fields, body = fetch(server, b"", path="/", method="GET")
    assert (status, fields["content-type"]) == (200, "text/plain; charset=utf-8")
    assert b"base URL  http://localhost/v1\n" in body


# -- a folder ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("mocks")
    for name in ("Alpha", "beta-2"):
        (path / f"{name}.llmock").write_text(f'otherwise sequence {{ reply "{name} 1"; reply "{name} 2" }}\n')
    (path / "notes.txt").write_text("not a script")
    (path / "lib").mkdir()
    (path / "lib" / "more.llmock").write_text("no script either, for this folder")
    with mock(kind, path) as served:
        yield served
        served.kill()


def ask(server: Served, path: str, host: str, key: str) -> str:
    """The text of the answer at a path of a host, or the status of an error."""
    body = json.dumps(asked("hi")).encode()
    with Wire(server) as wire:
        head = f"POST {path}/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
        wire.send(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        status, _, answer = wire.answer()
    return str(json.loads(answer)["choices"][0]["message"]["content"]) if status == 200 else str(status)


@pytest.mark.parametrize(
    ("path", "host", "answer"),
    [
        ("/Alpha/v1", "test", "Alpha 1"),
        ("/aLPHa/v1", "test", "Alpha 1"),
        ("/BETA-2", "test", "beta-2 1"),
        ("/v1", "alpha.localhost", "Alpha 1"),
        ("", "BETA-2.LocalHost:8000", "beta-2 1"),
        ("/v1", "test", "404"),
        ("/gamma/v1", "test", "404"),
        ("/v1", "gamma.localhost", "404"),
        ("/v1", "alpha.example.com", "404"),
        ("/notes/v1", "test", "404"),
        ("/more/v1", "test", "404"),
    ],
)
def test_a_mock_is_named_by_path_or_host(folder: Served, key: str, path: str, host: str, answer: str) -> None:
    assert ask(folder, path, host, key) == answer


def test_mocks_of_a_folder_share_no_session(folder: Served, key: str) -> None:
    assert [ask(folder, path, "test", key) for path in ("/alpha/v1", "/beta-2/v1", "/alpha/v1")] == [
        "Alpha 1",
        "beta-2 1",
        "Alpha 2",
    ]
    entries = [entry["mock"] for entry in get(folder, "/-/journal")[2]["entries"]]
    assert entries[-3:] == ["Alpha", "beta-2", "Alpha"]


# -- the command ------------------------------------------------------------------------------------------------


def command(*arguments: str, cwd: Path = CHECKOUT) -> tuple[int, str, str]:
    """The exit status and the two outputs of `mockllm` with these arguments."""
    done = subprocess.run(
        [tool("mockllm"), *arguments], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    for name, text in {"bad": BAD, "warned": WARNED, "good": 'otherwise reply "?"\n'}.items():
        (tmp_path / f"{name}.llmock").write_text(text)
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_the_version() -> None:
    assert command("--version") == (0, f"mockllm {__version__}\n", "")


def test_a_bad_script_is_not_served(scripts: Path) -> None:
    status, out, err = command("serve", "bad.llmock", "--port", "0", cwd=scripts)
    assert (status, out) == (1, "")
    assert "error[E201]: unknown field `usr`\n --> bad.llmock:1:19\n" in err
    assert "error[E301]" in err
    assert err.endswith("2 errors: nothing is served\n")


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("nope.llmock", 2, "Path 'nope.llmock' does not exist.\n"),
        ("empty", 1, "Error: there is no .llmock script in empty\n"),
    ],
)
def test_nothing_to_serve(scripts: Path, path: str, status: int, told: str) -> None:
    ended, out, err = command("serve", path, "--port", "0", cwd=scripts)
    assert (ended, out) == (status, "")
    assert err.endswith(told)


def test_a_port_in_use(scripts: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = f"Error: port {port} on 127.0.0.1 is already in use\n"
        assert command("serve", "good.llmock", "--port", str(port), cwd=scripts) == (1, "", told)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["good.llmock"], 0),
        (["warned.llmock"], 0),
        (["warned.llmock", "--strict"], 1),
        (["bad.llmock"], 1),
        (["."], 1),
        (["empty"], 1),
        (["nope.llmock"], 2),
        ([], 2),
    ],
)
def test_the_exit_status_of_a_check(
    scripts: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int
) -> None:
    monkeypatch.chdir(scripts)
    assert CliRunner().invoke(main, ["check", *arguments]).exit_code == status


def test_the_forms_of_a_check(scripts: Path) -> None:
    _, text, _ = command("check", "bad.llmock", "warned.llmock", cwd=scripts)
    assert text.startswith(
        "error[E201]: unknown field `usr`\n --> bad.llmock:1:19\n  |\n1 | rule weather when usr "
    )
    assert text.endswith("\n\n2 errors, 1 warning; `mockllm check --explain E201` tells more\n")
    _, lines, _ = command("check", "--format", "line", "bad.llmock", "warned.llmock", cwd=scripts)
    assert [line.split("`")[0] for line in lines.splitlines()] == [
        "bad.llmock:1:19: error[E201]: unknown field ",
        "bad.llmock:2:47: error[E301]: undefined template variable ",
        "warned.llmock:2:16: warning[W401]: this rule can never answer; move it above that rule, or remove it",
    ]
    _, found, _ = command("check", "--format", "json", "bad.llmock", "warned.llmock", cwd=scripts)
    first, _, last = json.loads(found)
    assert (first["code"], first["severity"], first["help"]) == ("E201", "error", "did you mean `user`?")
    assert (last["severity"], last["primary"]["file"]) == ("warning", "warned.llmock")
    assert (first["primary"]["line"], first["primary"]["column"], first["primary"]["end_column"]) == (1, 19, 22)


def test_one_line_for_each_request() -> None:
    with mock("command", SCRIPTS / SCRIPT, seed=7) as server:
        for value in (asked("hello"), asked("hello", stream=True), asked("two\nlines"), asked("template"), b"{"):
            fetch(server, value)
        server.stop()
        start, console, *lines = server.stdout.splitlines()
        assert start == f"mockllm {__version__}  {server.url}/v1  4 rules, seed 7"
        assert console == f"console  {server.url}/-/"
        assert server.stderr == ""
    expected = [
        f"200  json  greeting ({place(server, 16)})",
        f"200  sse  greeting ({place(server, 16)})",
        "404  json  No rule matched.",
        f"500  json  A rule failed, `lost` ({place(server, 13)}:",
        "400  -  We could not parse",
    ]
    assert len(lines) == len(expected)
    for line, told in zip(lines, expected, strict=True):
        assert f"POST /v1/chat/completions  {told}" in line


def test_quiet(scripts: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Its address is not told, so the port cannot be left to it; somebody else may take it meanwhile, hardly.
    quiet = [tool("mockllm"), "serve", str(scripts / "warned.llmock"), "--port", str(port), "--quiet"]
    url = f"http://127.0.0.1:{port}"
    with running(quiet, url=url) as server:
        assert fetch(server, asked("hello"))[0] == 200
        assert server.stop() == 0
        assert (server.stdout, server.stderr) == ("", "")


# -- gunicorn ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"MOCKLLM_SCRIPT": "bad.llmock"}, "error[E201]: unknown field `usr`\n --> "),
        ({"MOCKLLM_SCRIPT": "nope.llmock"}, "nope.llmock cannot be read: no such file or directory\n"),
        ({"MOCKLLM_SCRIPT": "good.llmock", "MOCKLLM_SEED": "x"}, "MOCKLLM_SEED is a whole number, not 'x'\n"),
    ],
)
def test_gunicorn_with_nothing_to_serve(scripts: Path, settings: dict[str, str], told: str) -> None:
    settings = settings | {"MOCKLLM_SCRIPT": str(scripts / settings["MOCKLLM_SCRIPT"])}
    done = subprocess.run(
        [tool("gunicorn"), "-k", "geventwebsocket", "--bind", "127.0.0.1:0", "wsgi:app"],
        cwd=CHECKOUT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode != 0
    assert told in done.stderr
    assert done.stderr.count("Booting worker") == 1
    assert "Traceback" not in done.stderr
