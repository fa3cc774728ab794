"""All tests of the scripts here, and of the language's design, pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsl import compile_script
from dsl.testing import compiler as test_compiler
from dsl.testing.runner import run, run_all
from mockllm.real_api import RealApi

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpus" / "scripts"
WITH_TESTS = ("16_rate_limit", "24_embedded_tests", "29_travel_agent", "31_socket_tests")
SCRIPTS = [*sorted((HERE / "passing").glob("*.llmock")), *(CORPUS / f"{name}.llmock" for name in WITH_TESTS)]


def cases() -> list[object]:
    found: list[object] = []
    for path in SCRIPTS:
        script = compile_script(path)
        found += [pytest.param(path, test, id=f"{path.stem}-{test.name}") for test in script.tests]
    return found


@pytest.mark.parametrize(("path", "test"), cases())
def test_passes(path: Path, test: test_compiler.Test) -> None:
    result = run(compile_script(path), test, RealApi(lenient=True))
    assert result.failure is None, result.failure.text


def test_the_corpus_has_no_other_tests() -> None:
    found = {path.stem for path in CORPUS.rglob("*.llmock") if "\ntest " in path.read_text("utf-8")}
    assert found == set(WITH_TESTS)


def test_what_one_test_does_no_other_sees() -> None:
    script = compile_script(HERE / "passing" / "requests.llmock")
    assert [result.passed for result in (*run_all(script), *run_all(script))] == [True] * 2 * len(script.tests)
