"""docs/testing.md lists all there is, and the tests in it pass."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from dsl import compile_text
from dsl.request import Request
from dsl.session import Session
from dsl.testing.outcome import Outcome
from dsl.testing.outcome_fields import CATALOGUE, PARTED, SYNONYMS
from dsl.testing.requests import KEYS
from dsl.testing.runner import run_all

DOCUMENT = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")
SCRIPTS = re.findall(r"^```llmock\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


def table(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"| `{name}` | {help} |" for name, help in rows)


@pytest.mark.parametrize("script", SCRIPTS)
def test_its_tests_pass(script: str) -> None:
    results = run_all(compile_text(script))
    assert results
    for result in results:
        assert result.failure is None, result.failure.text


def test_it_lists_all_fields() -> None:
    assert table((field.name, field.help) for field in CATALOGUE.values()) in DOCUMENT


def test_it_lists_all_keys_of_requests() -> None:
    assert table((key.name, key.help) for key in KEYS.values()) in DOCUMENT


def test_the_catalogue_is_what_an_outcome_has() -> None:
    outcome = Outcome(Request(), None, Session())
    assert [name for name in CATALOGUE if not hasattr(outcome, name)] == []
    assert CATALOGUE.keys() >= PARTED
    assert {meant.split(".")[0] for meant in SYNONYMS.values()} <= CATALOGUE.keys()
    assert not SYNONYMS.keys() & CATALOGUE.keys()
