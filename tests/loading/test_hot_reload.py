"""Scripts that change under a server that runs: what it answers then, and what it prints."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

from tests.clients.asking import Wire, asked, fetch, mock
from tests.loading.test_mocks import write
from tests.server.harness import Served, eventually, running, tool


def said(server: Served) -> str:
    answer: str = json.loads(fetch(server, asked("hello"))[2])["choices"][0]["message"]["content"]
    return answer


def test_a_change_on_disk_is_served(tmp_path: Path) -> None:
    script = tmp_path / "a.llmock"
    write(script, 'otherwise reply "one"')
    with mock("command", script, "--reload") as server:
        assert said(server) == "one"
        write(script, 'otherwise reply "two')
        eventually(lambda: "not reloaded" in server.stdout)
        assert "this text is never closed" in server.stdout
        assert said(server) == "one"
        write(script, 'otherwise reply "two"')
        eventually(lambda: said(server) == "two")
        assert f"reloaded  {script}  1 rule" in server.stdout
        assert server.stderr == ""


def test_without_a_terminal_nothing_is_watched_and_a_signal_reloads(tmp_path: Path) -> None:
    script = tmp_path / "a.llmock"
    write(script, 'otherwise reply "one"')
    with mock("command", script) as server:
        write(script, 'otherwise reply "two"')
        assert said(server) == "one"
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: said(server) == "two")


def test_a_script_with_errors_is_told_of_even_quietly(tmp_path: Path) -> None:
    script = tmp_path / "a.llmock"
    write(script, 'otherwise reply "one"')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [tool("mockllm"), "serve", str(script), "--port", str(port), "--quiet", "--reload"]
    with running(command, url=f"http://127.0.0.1:{port}") as server:
        write(script, "otherwise")
        eventually(lambda: "not reloaded" in server.stderr)
        assert "Traceback" not in server.stderr
        assert server.stdout == ""


def test_an_answer_under_way_goes_on_with_the_script_that_it_began_with(tmp_path: Path) -> None:
    script = tmp_path / "a.llmock"
    write(script, 'otherwise { chunk "old"; wait 1s; chunk "er" }')
    with mock("command", script) as server, Wire(server) as wire:
        wire.post(asked("hello", stream=True))
        wire.until(b"old")
        write(script, 'otherwise reply "new"')
        assert fetch(server, {}, path="/-/reload")[0] == 200
        assert said(server) == "new"
        assert b'"content":"er"' in wire.until(b"[DONE]")


def test_scripts_of_a_folder_come_and_go(tmp_path: Path) -> None:
    write(tmp_path / "a.llmock", 'otherwise reply "a"')
    with mock("command", tmp_path, "--reload") as server:
        write(tmp_path / "b.llmock", 'otherwise reply "b"')
        eventually(lambda: "added  /b/v1  1 rule" in server.stdout)
        (tmp_path / "a.llmock").unlink()
        eventually(lambda: "removed  /a/v1" in server.stdout)
