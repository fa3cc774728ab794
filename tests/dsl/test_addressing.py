from __future__ import annotations

import pytest

from dsl import compile_text
from dsl.addressing import OTHER, answering, has_path

SCRIPT = """
define pause() { wait 1s; chance 10% fail 500 }
define greeting() { pick { 50% reply "Hello." } }

rule locked when not header["authorization"] fail 401
rule slow when model is "slow" use pause()
rule cat when input contains "cat" reply [1, -0.5]
rule pair when input contains "two" reply [[1, 0], [{{ random() }}, 2]]
rule words when input contains "words" reply ["a", "b"]
rule greeted when model is "a" use greeting()
rule files when path is "/v1/files" or path starts with "/v1/files/" reply "x"
rule either when path is "/v1/a" or model is "b" reply "x"
rule vectors when endpoint is embeddings reply "x"
rule written when (path is "/v1/w" and body.a is 1) or path is "/v1/v" raw "x"
rule not-chat when endpoint is not chat reply "x"
rule anywhere when path reply "x"
rule says otherwise { sequence { fail 429; reply "Hello." } }
"""


def names(endpoint: str) -> list[str | None]:
    return [rule.name for rule in answering(compile_text(SCRIPT).table, endpoint).rules]


def test_embeddings() -> None:
    assert names("embeddings") == ["locked", "slow", "cat", "pair", "files", "vectors", "written"]


def test_other_paths() -> None:
    assert names(OTHER) == ["locked", "slow", "files", "vectors", "written"]


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1/files", True),
        ("/v1/files/a", True),
        ("/v1/v", True),
        ("/v1/a", False),
        ("/v1/moderations", False),
    ],
)
def test_paths_that_rules_name(path: str, known: bool) -> None:
    assert has_path(answering(compile_text(SCRIPT).table, OTHER), path) is known


def test_every_path_may_be_named() -> None:
    table = compile_text("when endpoint is other fail 503").table
    assert has_path(answering(table, OTHER), "/v1/anything")
