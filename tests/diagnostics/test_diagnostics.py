"""Each `NAME.llmock` here is a mistake, and `NAME.err` what is said of it. `--rewrite` rewrites the latter."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

import dsl
from dsl import Diagnostic, check
from dsl.diagnostics import as_json, as_line, as_text

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.llmock"))
CODE = re.compile(r'"([EW]\d{3})"')


@cache
def checked(name: str) -> list[Diagnostic]:
    return check(f"{name}.llmock")


@pytest.fixture
def found(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Diagnostic]:
    monkeypatch.chdir(FOLDER)
    return checked(request.param)


@pytest.mark.parametrize(("found", "name"), [(name, name) for name in NAMES], ids=NAMES, indirect=["found"])
def test_text(found: list[Diagnostic], name: str, pytestconfig: pytest.Config) -> None:
    expected = FOLDER / f"{name}.err"
    text = "".join(f"{block}\n" for block in "\n\n".join(as_text(diagnostic) for diagnostic in found).split("\n"))
    if pytestconfig.getoption("--rewrite"):
        expected.write_text(text, "utf-8")
    assert text == expected.read_text("utf-8")


@pytest.mark.parametrize("found", NAMES, indirect=True)
def test_line(found: list[Diagnostic]) -> None:
    assert found
    for diagnostic in found:
        line = as_line(diagnostic)
        assert len(line.splitlines()) == 1
        head = rf"[\w/.]+\.llmock:\d+:\d+: {diagnostic.severity}\[{diagnostic.code}\]: "
        assert re.match(head + re.escape(diagnostic.message), line)


@pytest.mark.parametrize("found", NAMES, indirect=True)
def test_json(found: list[Diagnostic]) -> None:
    for diagnostic in found:
        value = json.loads(json.dumps(as_json(diagnostic)))
        assert value["severity"] == ("error" if value["code"][0] == "E" else "warning")
        for label in filter(None, (value["primary"], value["secondary"])):
            # The file itself says where its lines are.
            rows = (FOLDER / label["file"]).read_text("utf-8").split("\n")
            assert 1 <= label["line"] <= label["end_line"] <= len(rows)
            assert 1 <= label["column"] <= len(rows[label["line"] - 1]) + 1
            assert 1 <= label["end_column"] <= len(rows[label["end_line"] - 1]) + 1
            assert (label["line"], label["column"]) <= (label["end_line"], label["end_column"])
        primary = diagnostic.primary.span
        line = (FOLDER / primary.source.name).read_text("utf-8").split("\n")[value["primary"]["line"] - 1]
        assert line[value["primary"]["column"] - 1 :].startswith(primary.text.split("\n")[0])


@pytest.mark.parametrize("found", NAMES, indirect=True)
def test_style(found: list[Diagnostic]) -> None:
    for diagnostic in found:
        for text in (diagnostic.message, diagnostic.primary.text, diagnostic.help or ""):
            assert not text.endswith(".")
            assert text.count("`") % 2 == 0
            assert text[:1] == text[:1].lower()


def test_every_code_has_an_example() -> None:
    sources = [path.read_text("utf-8") for path in Path(dsl.__file__).parent.rglob("*.py")]
    reported = {code for source in sources for code in CODE.findall(source)}
    shown = {
        code for path in FOLDER.glob("*.err") for code in re.findall(r"\[([EW]\d{3})\]", path.read_text("utf-8"))
    }
    assert reported == shown


def test_at_most_twenty_errors() -> None:
    assert (FOLDER / "lists_of_errors.err").read_text("utf-8").count("error[") == 20
