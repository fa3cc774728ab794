"""The TextMate grammar, as far as it can be tested without an editor's engine: `scripts/test-editors` runs one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl.parser import keywords

FOLDER = Path(dsl.__file__).parent / "editors"
GRAMMAR: dict[str, Any] = json.loads((FOLDER / "llmock.tmLanguage.json").read_text("utf-8"))
PACKAGE: dict[str, Any] = json.loads((FOLDER / "package.json").read_text("utf-8"))


def rules(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from rules(child)


PATTERNS = sorted({rule[key] for rule in rules(GRAMMAR) for key in ("match", "begin", "end") if key in rule})


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_compile_and_match_something(pattern: str) -> None:
    assert pattern.endswith("$") or re.compile(pattern).match("") is None


@pytest.mark.parametrize("word", sorted(keywords()))
def test_every_keyword_of_the_grammar_is_coloured(word: str) -> None:
    coloured = [rule["match"] for rule in GRAMMAR["repository"]["keyword"]["patterns"]]
    assert sum(re.fullmatch(pattern, word) is not None for pattern in coloured) == 1
    assert not any(
        re.search(pattern, text) for pattern in coloured for text in (f"{word}-x", f"x-{word}", f"{word}ly")
    )


def test_every_word_that_is_coloured_is_a_keyword() -> None:
    patterns = [rule["match"] for rule in GRAMMAR["repository"]["keyword"]["patterns"]]
    listed = [word for pattern in patterns for word in pattern.split("(?:")[1].split(")")[0].split("|")]
    assert sorted(listed) == sorted(keywords())


def test_what_is_included_is_there() -> None:
    included = {rule["include"] for rule in rules(GRAMMAR) if "include" in rule}
    assert {name.removeprefix("#") for name in included} == set(GRAMMAR["repository"])


def test_the_extension_names_files_that_are_there() -> None:
    (language,), (grammar,) = PACKAGE["contributes"]["languages"], PACKAGE["contributes"]["grammars"]
    assert (FOLDER / grammar["path"]).is_file() and grammar["scopeName"] == GRAMMAR["scopeName"]
    assert language["extensions"] == [".llmock"] and language["id"] == grammar["language"]
    configuration = json.loads((FOLDER / language["configuration"]).read_text("utf-8"))
    assert configuration["comments"] == {"lineComment": "#"}
    assert re.fullmatch(configuration["wordPattern"], "rule-of-mine")
