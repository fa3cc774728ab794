"""The catalogue of codes: complete, true of what the compiler says, and the source of docs/diagnostics.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import dsl
from dsl import check
from dsl.codes import CODES, Code, as_markdown
from mockllm.commands.check import check as command

PAGE = Path(__file__).parents[2] / "docs" / "diagnostics.md"
CODE = re.compile(r'"([EW]\d{3})"')


def found(entry: Code, script: str, folder: Path) -> list[str]:
    for name, text in entry.files.items():
        (folder / name).write_text(text, "utf-8")
    path = folder / "script.llmock"
    path.write_text(script, "utf-8")
    return [diagnostic.code for diagnostic in check(path)]


@pytest.mark.parametrize("entry", CODES.values(), ids=CODES)
def test_the_example_gets_its_code_and_no_other(entry: Code, tmp_path: Path) -> None:
    assert found(entry, entry.bad, tmp_path) == [entry.code]


@pytest.mark.parametrize("entry", CODES.values(), ids=CODES)
def test_the_mended_example_gets_none(entry: Code, tmp_path: Path) -> None:
    assert found(entry, entry.mended, tmp_path) == []


def test_every_code_is_in_the_catalogue() -> None:
    sources = [path for path in Path(dsl.__file__).parent.rglob("*.py") if path.name != "codes.py"]
    reported = {code for path in sources for code in CODE.findall(path.read_text("utf-8"))}
    assert reported == set(CODES)
    assert list(CODES) == sorted(CODES)


def test_the_page(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--rewrite"):
        PAGE.write_text(as_markdown(), "utf-8")
    assert PAGE.read_text("utf-8") == as_markdown()


def test_explain() -> None:
    result = CliRunner().invoke(command, ["--explain", "w419"])
    assert result.exit_code == 0
    assert result.stdout == (
        "W419: A status in quotes\n"
        "\n"
        "A text behind `fail` is the message; the status is then 500.\n"
        "\n"
        "A script that gets it:\n"
        "\n"
        '    otherwise fail "429"\n'
        "\n"
        "Mended:\n"
        "\n"
        "    otherwise fail 429\n"
    )


def test_explain_with_a_file() -> None:
    assert "common.llmock:\n\n    let greeting" in CliRunner().invoke(command, ["--explain", "E216"]).stdout


@pytest.mark.parametrize(("code", "help"), [("E22", "did you mean `E2"), ("huh", "the codes are E101, E102")])
def test_explain_an_unknown_code(code: str, help: str) -> None:
    result = CliRunner().invoke(command, ["--explain", code])
    assert result.exit_code == 1
    assert f"there is no code {code}; {help}" in result.output


def test_nothing_to_check() -> None:
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 2
    assert "name a script or a folder, or a code to --explain" in result.output


def test_the_summary_tells_of_explain(tmp_path: Path) -> None:
    script = tmp_path / "script.llmock"
    script.write_text('otherwise fail "429"\n', "utf-8")
    result = CliRunner().invoke(command, [str(script)])
    assert result.stdout.endswith("\n1 warning; `mockllm check --explain W419` tells more\n")
