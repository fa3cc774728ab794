"""The functions that templates can call. What is random is drawn from the answer's own seeded generator."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random
from typing import Any

from dsl.schemas import example_of
from dsl.templates import plain

MOST_WORDS = 100_000
MOST_NOISE = 1_000_000  # bytes

LOREM = (
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo "
    "consequat duis aute irure in reprehenderit voluptate velit esse cillum fugiat nulla pariatur excepteur sint "
    "occaecat cupidatat non proident sunt culpa qui officia deserunt mollit anim id est laborum"
).split(" ")

# Name, how it is called, and what it gives: for the documentation and for did-you-mean.
HELPERS: Mapping[str, str] = {
    "random": "`random(low, high)`: a whole number from `low` to `high`, both included.",
    "pick": "`pick(a, b, …)`: one of its arguments, or of the items of the one list it is given.",
    "uuid": "`uuid()`: a version 4 UUID.",
    "lorem": "`lorem(words)`: so many words of filler text.",
    "noise": "`noise(bytes)`: so many random bytes, for `raw`.",
    "now": "`now()`: the date and time in UTC, a Python `datetime`.",
    "example_of": "`example_of(schema)`: a value that satisfies a JSON schema.",
}


def helpers(random: Random, now: Callable[[], datetime]) -> Mapping[str, Callable[..., Any]]:
    """The helpers, by name, for one answer."""

    def pick(*options: Any) -> Any:
        if len(options) == 1 and isinstance(options[0], list | tuple):
            options = tuple(options[0])
        return random.choice(options)

    def lorem(words: int) -> str:
        if not 0 <= words <= MOST_WORDS:
            raise ValueError(f"lorem gives from 0 to {MOST_WORDS} words, not {words}")
        chosen = [LOREM[i] if i < 8 else random.choice(LOREM) for i in range(words)]
        text = " ".join(chosen)
        return f"{text[:1].upper()}{text[1:]}." if chosen else ""

    def noise(size: int) -> str:
        if not 0 <= size <= MOST_NOISE:
            raise ValueError(f"noise gives from 0 to {MOST_NOISE} bytes, not {size}")
        return random.randbytes(size).decode("utf-8", "surrogateescape")

    return {
        "random": lambda low, high: random.randint(int(low), int(high)),
        "pick": pick,
        "uuid": lambda: str(uuids.UUID(int=random.getrandbits(128), version=4)),
        "lorem": lorem,
        "noise": noise,
        "now": now,
        "example_of": lambda schema: example_of(plain(schema), random),  # what is absent says so
    }
