"""What docs/control.md shows is what curl gets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.curl import URL, curl
from tests.control.serving import in_folder, serving
from tests.server.harness import CHECKOUT

DOCUMENT = (CHECKOUT / "docs" / "control.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


def commands() -> Iterator[tuple[str, str]]:
    """Each command of the document with what it prints."""
    for block in blocks("console"):
        for typed in re.findall(r"^\$ (.*\n(?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            command, _, shown = typed.partition("\n")
            yield command, shown


def test_the_commands_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mocks"
    folder.mkdir()
    with serving(in_folder(folder, faq=blocks("llmock")[0])) as client:
        ran = 0
        for command, shown in commands():
            if command.startswith("echo "):
                text, _, file = command.removeprefix("echo ").partition(" > ")
                Path(file).write_text(f"{shlex.split(text)[0]}\n")
                continue
            printed = curl(client, command).text.replace(str(client.base_url).rstrip("/"), URL)
            printed = printed.replace(f"localhost:{client.base_url.port}", "localhost:8000")
            pattern = ".*".join(re.escape(part) for part in shown.rstrip("\n").split("…"))
            assert re.match(pattern, printed, re.DOTALL), f"{command}\n{printed}"
            ran += 1
        assert ran >= 12


@pytest.mark.parametrize("name", ["MOCKLLM_TOKEN", "MOCKLLM_KEY", "--token", "--require-key"])
def test_what_protects_is_documented(name: str) -> None:
    assert name in DOCUMENT
