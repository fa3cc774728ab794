"""What `mockllm test` says of each script in `failing/`: `NAME.out`. `--rewrite` rewrites these."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from dsl import compile_script
from dsl.testing.runner import run_all
from mockllm.commands.test import test as command

FOLDER = Path(__file__).parent / "failing"
NAMES = sorted(path.stem for path in FOLDER.glob("*.llmock"))


@pytest.mark.parametrize("name", NAMES)
def test_report(name: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.chdir(FOLDER)
    told = CliRunner().invoke(command, [f"{name}.llmock"])
    expected = FOLDER / f"{name}.out"
    if pytestconfig.getoption("--rewrite"):
        expected.write_text(told.output, "utf-8")
    assert told.output == expected.read_text("utf-8")
    assert told.exit_code == (0 if name == "none" else 1)


@pytest.mark.parametrize("name", ["expectations", "sockets"])
def test_each_fails(name: str) -> None:
    results = run_all(compile_script(FOLDER / f"{name}.llmock"))
    assert [result.test.name for result in results if result.passed] in (["passes"], [])
    for result in results:
        if result.failure is not None:
            span = result.failure.span
            assert span.text and span.source.name.endswith(f"{name}.llmock")
