"""docs/tutorial.md, followed: its scripts and commands do what it shows. `--rewrite` writes what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.walkthrough import ELIDED, Follower, Section, commands, fits, sections

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
SECTIONS = [section for section in sections(PAGE.read_text("utf-8")) if section.sessions]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_a_step(
    section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOCKLLM_TOKENS", "estimate")
    rewrite = pytestconfig.getoption("--rewrite")
    with Follower(tmp_path, section) as follower:
        for session in section.sessions:
            seen = [(typed, shown, follower.run(typed)) for typed, shown in commands(session)]
            if rewrite:
                texts = [f"$ {typed}\n{shown if fits(shown, new) else new}" for typed, shown, new in seen]
                PAGE.write_text(PAGE.read_text("utf-8").replace(session, "".join(texts)), "utf-8")
            else:
                for typed, shown, printed in seen:
                    assert fits(shown, printed), f"$ {typed}\n{printed}"


def test_what_is_elided_may_be_anything() -> None:
    assert fits(f"a\n{ELIDED}\nc\n", "a\nb\nc\n") and fits(f"a\n{ELIDED}\n", "a\nb\nc\n")
    assert not fits(f"a\n{ELIDED}\nc\n", "a\nb\n") and not fits("a\n", "a\nb\n")
