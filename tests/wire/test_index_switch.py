"""`MOCKLLM_INDEX=0` and `--no-index`: one rule after the other is asked, with the same answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dsl.index import Index
from dsl.table import Rule
from mockllm.settings import Settings
from tests.wire.test_mock import Asked, whole

SCRIPT = "\n".join(f'when user contains "number {n:02}" and nth > 1 reply "{n}"' for n in range(40))
SCRIPT += '\notherwise reply "none"'


@pytest.mark.parametrize(("value", "index"), [("0", False), ("1", True), ("", True)])
def test_the_environment_switches_the_index(value: str, index: bool) -> None:
    assert Settings.from_environ({"MOCKLLM_INDEX": value}).index is index
    assert Settings.from_environ({}).index is True


def test_the_answers_are_the_same_without_it() -> None:
    asked = ["number 07", "Number 07", "number 07 and number 03", "number 03", "number 07", "else"]
    indexed, linear = Asked(SCRIPT, index=True), Asked(SCRIPT, index=False)
    assert [whole(indexed.chat(user)) for user in asked] == [whole(linear.chat(user)) for user in asked]


def test_without_it_none_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(rules: Sequence[Rule]) -> Index:
        made.append(len(rules))
        return Index(rules)

    monkeypatch.setattr("dsl.table.Index", make)
    Asked(SCRIPT, index=False).chat("number 07")
    assert made == []
    Asked(SCRIPT, index=True).chat("number 07")
    assert made == [41]
