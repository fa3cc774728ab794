"""How long it takes to find the rule that answers, by the index and by asking one rule after the other.

    .venv/bin/python -m bench.match [--most 100000] [--markdown]

Tables of exact tests, of texts to be contained, of regular expressions, and of all three with what no index helps
with between them. Each is asked for messages of 8 words and of 8,000; a third of them name a rule of the table.
Times are medians. `--markdown` prints what stands in docs/performance.md.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dsl import compile_text
from dsl.request import Message, Messages, Request
from dsl.session import Session
from dsl.table import RuleTable

SYLLABLES = "ka lo mi ten ra sho pe dun al ver qui zo be tra ni os".split()
TESTS = {
    "exact": ('model is "{}"',),
    "contains": ('user contains "{}"',),
    "regex": (r"user matches /\b{}\b/",),
    "mixed": ('model is "{}"', 'user mentions "{}" and not stream', r"user matches /x|{}/", 'user contains "{}"'),
}
WORDS = (8, 8_000)
SIZES = (10, 100, 1_000, 10_000, 100_000)


class Measured(NamedTuple):
    """Microseconds, for a text of so many words."""

    table: str
    rules: int
    words: int
    indexed: float
    linear: float


def word(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=chance.randint(2, 4)))


def table(kind: str, rules: int) -> tuple[RuleTable, list[str]]:
    """A table of so many rules, and what they look for."""
    chance = random.Random(rules)
    keys = [f"{word(chance)} {word(chance)} {number}" for number in range(rules)]
    tests = TESTS[kind]
    text = "\n".join(f'when {tests[number % len(tests)].format(key)} reply "x"' for number, key in enumerate(keys))
    return compile_text(text).table, keys


def requests(keys: list[str], words: int, count: int) -> list[Request]:
    chance = random.Random(count)
    found = []
    for number in range(count):
        said = [word(chance) for _ in range(words)]
        key = chance.choice(keys) if number % 3 == 0 else "none"
        said[chance.randrange(words)] = key
        found.append(Request(model=key, messages=Messages([Message("user", " ".join(said))])))
    return found


def median(find: Callable[[Request, Session], object], asked: list[Request]) -> float:
    """Microseconds."""
    times = []
    for request in asked:
        start = time.perf_counter()
        find(request, Session())
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def measured(most: int) -> Iterator[Measured]:
    for kind in TESTS:
        for rules in SIZES:
            if rules > most:
                continue
            made, keys = table(kind, rules)
            made.prepare()
            gc.collect()
            for words in WORDS:
                work = rules * words
                fast = median(made.first, requests(keys, words, 30 if work <= 100_000_000 else 5))
                slow = median(
                    made.scan, requests(keys, words, 30 if work <= 100_000 else 3 if work <= 80_000_000 else 1)
                )
                yield Measured(kind, rules, words, fast, slow)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--most", type=int, default=100_000, help="rules of the largest table")
    parser.add_argument("--markdown", action="store_true", help="as a table and a plot for the docs")
    options = parser.parse_args()
    if not options.markdown:
        print(f"{'table':10}{'rules':>9}{'words':>8}{'index µs':>11}{'linear µs':>14}")
        for each in measured(options.most):
            print(
                f"{each.table:10}{each.rules:>9,}{each.words:>8,}{each.indexed:>11.1f}{each.linear:>14.1f}",
                flush=True,
            )
        return
    found = list(measured(options.most))
    print("| table | rules | 8 words: index, linear | 8,000 words: index, linear |\n|---|---|---|---|")
    for kind, rules in dict.fromkeys((each.table, each.rules) for each in found):
        cells = [f"{each.indexed:,.0f} µs, {each.linear:,.0f} µs" for each in found if each[:2] == (kind, rules)]
        print(f"| {kind} | {rules:,} | {' | '.join(cells)} |")
    sizes = [size for size in SIZES if size <= options.most]
    print("\n```mermaid\nxychart-beta")
    print('    title "Finding a rule by the index, a message of 8 words: exact, contains, regex, mixed"')
    print(f'    x-axis "rules" [{", ".join(map(str, sizes))}]')
    print('    y-axis "µs"')
    for kind in TESTS:
        line = [each.indexed for each in found if each.table == kind and each.words == 8 and each.rules in sizes]
        print(f"    line [{', '.join(f'{each:.0f}' for each in line)}]")
    print("```")


if __name__ == "__main__":
    main()
