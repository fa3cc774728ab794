"""What docs/commands.md shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner

from mockllm import MockServer
from mockllm.commands.explain import explain
from mockllm.commands.new import new
from mockllm.commands.try_ import try_
from tests.server.harness import PATIENCE

DOCUMENT = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")
COMMANDS: dict[str, click.Command] = {"new": new, "try": try_, "explain": explain}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOCKLLM_TOKENS", "estimate")
    Path("faq.llmock").write_text(blocks("llmock")[0], "utf-8")
    Path("request.json").write_text(blocks("json")[0], "utf-8")


@pytest.mark.parametrize("session", [block for block in blocks("console") if "$ mockllm" in block])
def test_a_command(session: str) -> None:
    typed, _, shown = session.partition("\n")
    name, *arguments = shlex.split(typed.removeprefix("$ mockllm "))
    if name == "try":
        arguments.append("--instant")
    assert CliRunner().invoke(COMMANDS[name], arguments).stdout == shown


def test_the_endpoint() -> None:
    [session] = [block for block in blocks("console") if "$ curl" in block]
    typed, _, shown = session.partition("\n")
    path = typed.partition(":8000")[2]
    with MockServer(Path("faq.llmock")) as server, httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
        client.post(f"{server.base_url}/chat/completions", json=body)
        url = server.base_url.removesuffix("/v1") + path
        assert client.get(url, headers={"accept": "text/plain"}).text == shown
