"""Each `NAME.llmock` here is a script, and `NAME.formatted` its layout. `--rewrite` rewrites the latter."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsl.formatting.formatter import format_text

FOLDER = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in FOLDER.glob("*.llmock"))


@pytest.mark.parametrize("name", NAMES)
def test_layout(name: str, pytestconfig: pytest.Config) -> None:
    expected = FOLDER / f"{name}.formatted"
    formatted = format_text((FOLDER / f"{name}.llmock").read_bytes().decode(), name)
    if pytestconfig.getoption("--rewrite"):
        expected.write_bytes(formatted.encode())
    assert formatted == expected.read_bytes().decode()


def test_every_layout_is_of_a_script() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.formatted")) == NAMES
    assert len(NAMES) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_the_cases_differ_from_their_layout_unless_they_say_so(name: str) -> None:
    before, after = (FOLDER / f"{name}.llmock").read_bytes(), (FOLDER / f"{name}.formatted").read_bytes()
    assert (before == after) == name.startswith("stays_")
