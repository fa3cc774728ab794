"""How long it takes to find the rule that answers, by the index and by asking one rule after the other.

    .venv/bin/python bench/match.py [--most 100000]

Tables of exact tests, of texts to be contained, and of both with what no index helps with between them. Each
look-up is of a message of 300 words; a third of them name a rule of the table. Times are medians.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dsl import compile_script
from dsl.request import Message, Messages, Request
from dsl.session import Session
from dsl.table import RuleTable

SYLLABLES = "ka lo mi ten ra sho pe dun al ver qui zo be tra ni os".split()
TABLES = {
    "exact": 'when model is row.key reply "x"',
    "contains": 'when user contains row.key reply "x"',
    "mixed": """
        when user mentions row.key and not stream reply "x"
        when user matches /x/ and model is row.key reply "x"
    """,
}


def word(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=chance.randint(2, 4)))


def table(kind: str, rules: int, folder: Path) -> tuple[RuleTable, list[str]]:
    """A table of so many rules, and what they look for. It is made of data, which is quickest."""
    chance = random.Random(rules)
    rows = rules // (2 if kind == "mixed" else 1)
    keys = [f"{word(chance)} {word(chance)} {number}" for number in range(rows)]
    (folder / "rows.csv").write_text("\n".join(["key", *keys]))
    (folder / "bench.llmock").write_text(f'for each row in "rows.csv" {{ {TABLES[kind]} }}')
    return compile_script(folder / "bench.llmock").table, keys


def requests(keys: list[str], count: int) -> list[Request]:
    chance = random.Random(count)
    found = []
    for number in range(count):
        words = [word(chance) for _ in range(300)]
        key = chance.choice(keys) if number % 3 == 0 else "none"
        words[chance.randrange(300)] = key
        found.append(Request(model=key, messages=Messages([Message("user", " ".join(words))])))
    return found


def median(find: Callable[[Request, Session], object], asked: list[Request]) -> float:
    """Microseconds."""
    times = []
    for request in asked:
        start = time.perf_counter()
        find(request, Session())
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--most", type=int, default=100_000, help="rules of the largest table")
    most = parser.parse_args().most
    print(f"{'table':10}{'rules':>9}{'build ms':>11}{'index µs':>11}{'linear µs':>12}")
    for kind in TABLES:
        for rules in (10, 1_000, 10_000, 100_000):
            if rules > most:
                continue
            with tempfile.TemporaryDirectory() as folder:
                made, keys = table(kind, rules, Path(folder))
            gc.collect()
            start = time.perf_counter()
            made.prepare()
            build = (time.perf_counter() - start) * 1e3
            asked = requests(keys, 60)
            fast = median(made.first, asked)
            slow = median(made.scan, requests(keys, 60 if rules <= 10_000 else 6))
            print(f"{kind:10}{rules:>9,}{build:>11.1f}{fast:>11.1f}{slow:>12.1f}")


if __name__ == "__main__":
    main()
