"""Two of the benchmarks run, the others are like them. What they measure here says nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.answers import CASES, STEPS
from bench.columns import COLUMNS
from bench.serving import ROOT, percentile


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "MOCKLLM_TOKENS": "estimate"},  # to load a vocabulary would take longer than all else
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_steps_of_an_answer() -> None:
    rows = [line for line in run("bench.answers", "--batches", "1", "--markdown").splitlines() if line[:2] == "| "]
    assert len(rows) == 1 + len(CASES)
    assert all(row.count("|") == len(STEPS) + 4 for row in rows)


def test_the_columns() -> None:
    told = run("bench.columns", "--only", "json,stream,websocket", "--seconds", "0.1", "--markdown")
    figures = [line.split("|")[2].split()[-1] for line in told.splitlines() if line.startswith("| ")]
    assert figures == ["figure", *["requests/s"] * 3, "chunks/s", *["turns/s"] * 2]


def test_a_column_that_there_is_not() -> None:
    with pytest.raises(AssertionError, match=f"there are {', '.join(COLUMNS)}"):
        run("bench.columns", "--only", "speed")


def test_a_command_that_serves_nothing() -> None:
    with pytest.raises(AssertionError, match="nothing listens on port"):
        run("bench.columns", "--only", "json", "--command", "false")


def test_percentiles_lie_between_values() -> None:
    assert percentile([1.0, 2.0, 4.0], 50) == 2.0
    assert percentile([1.0, 2.0, 4.0], 75) == 3.0
    assert percentile([5.0], 99) == 5.0
