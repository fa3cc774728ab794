"""`mockllm fmt`: files in place, at once, and what it says and exits with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mockllm.commands.fmt import fmt

ROUGH = 'otherwise   reply "x" ;'
LAID_OUT = 'otherwise reply "x"\n'
WRONG = "otherwise rely\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "a.llmock").write_text(ROUGH)
    (tmp_path / "b.llmock").write_text(LAID_OUT)
    (tmp_path / "lib/c.llmock").write_text(ROUGH)
    (tmp_path / "notes.txt").write_text(ROUGH)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(fmt, arguments, input=stdin)


def texts(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.rglob("*.*"))]


def test_folders_are_formatted_in_place(folder: Path) -> None:
    result = run(".")
    assert (result.exit_code, result.output.splitlines()) == (0, ["a.llmock", "lib/c.llmock"])
    assert texts(folder) == [LAID_OUT, LAID_OUT, LAID_OUT, ROUGH]
    again = run(".")
    assert (again.exit_code, again.output) == (0, "")


def test_a_file_is_a_script_whatever_its_name(folder: Path) -> None:
    assert run("notes.txt").output == "notes.txt\n"
    assert (folder / "notes.txt").read_text() == LAID_OUT


def test_check_lists_and_changes_nothing(folder: Path) -> None:
    before = texts(folder)
    result = run("--check", "a.llmock", "b.llmock")
    assert (result.exit_code, result.output) == (1, "a.llmock\n")
    assert run("--check", "b.llmock").exit_code == 0
    assert texts(folder) == before


def test_diff_shows_and_changes_nothing(folder: Path) -> None:
    before = texts(folder)
    result = run("--diff", "a.llmock", "b.llmock")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "--- a.llmock",
        "+++ a.llmock",
        "@@ -1 +1 @@",
        '-otherwise   reply "x" ;',
        "\\ No newline at end of file",
        '+otherwise reply "x"',
    ]
    assert run("--diff", "--check", "a.llmock").exit_code == 1
    assert run("--diff", "--check", "b.llmock").exit_code == 0
    assert texts(folder) == before


def test_standard_input_goes_to_standard_output() -> None:
    result = run("-", stdin='otherwise reply   "é"\r\n'.encode())
    assert (result.exit_code, result.stdout_bytes) == (0, 'otherwise reply "é"\n'.encode())
    assert run("-", stdin=LAID_OUT.encode()).output == LAID_OUT
    checked = run("-", "--check", stdin=ROUGH.encode())
    assert (checked.exit_code, checked.output) == (1, "<stdin>\n")
    wrong = run("-", stdin=WRONG.encode())
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error[E105]: unknown word `rely`\n --> <stdin>:1:11\n")


def test_byte_order_marks_and_line_ends_count_as_changes(folder: Path) -> None:
    for data in (b"\xef\xbb\xbfotherwise hang\n", b"otherwise hang\r\n"):
        (folder / "a.llmock").write_bytes(data)
        assert run("--check", "a.llmock").exit_code == 1
        assert run("a.llmock").exit_code == 0
        assert (folder / "a.llmock").read_bytes() == b"otherwise hang\n"


def test_what_cannot_be_formatted_does_not_hinder_the_rest(folder: Path) -> None:
    (folder / "b.llmock").write_text(WRONG)
    (folder / "d.llmock").write_bytes(b"otherwise reply '\xff'")
    for flag in ("--check", "--diff"):
        assert run(".", flag).exit_code == 2
    result = run(".")
    assert (result.exit_code, result.stdout.splitlines()) == (2, ["a.llmock", "lib/c.llmock"])
    assert "error[E105]: unknown word `rely`\n --> b.llmock:1:11\n" in result.stderr
    assert "Error: d.llmock is not UTF-8 text\n" in result.stderr
    assert (folder / "b.llmock").read_text() == WRONG
    assert (folder / "lib/c.llmock").read_text() == LAID_OUT


def test_modes_and_links_stay(folder: Path) -> None:
    (folder / "a.llmock").chmod(0o640)
    (folder / "link.llmock").symlink_to("a.llmock")
    assert run("link.llmock").output == "link.llmock\n"
    assert (folder / "link.llmock").is_symlink()
    assert (folder / "a.llmock").read_text() == LAID_OUT
    assert (folder / "a.llmock").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in folder.iterdir()) == [
        "a.llmock",
        "b.llmock",
        "lib",
        "link.llmock",
        "notes.txt",
    ]


def test_a_file_that_cannot_be_written_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    result = run("a.llmock")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: a.llmock cannot be formatted: permission denied\n"
    assert (folder / "a.llmock").read_text() == ROUGH
    assert sorted(path.name for path in folder.iterdir()) == ["a.llmock", "b.llmock", "lib", "notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'PATH...'"),
        (("nowhere",), "'nowhere' does not exist"),
        (("empty",), "no .llmock script"),
    ],
)
def test_wrong_arguments(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    (folder / "empty").mkdir()
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_help_tells_the_exit_statuses() -> None:
    assert "Exit status: 0, or 1 with --check" in " ".join(run("--help").output.split())
