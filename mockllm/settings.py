"""What a server can be told from outside: by options of the command line, or by `MOCKLLM_*` in the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path

FASTEST = 1e6  # times as fast as planned: what goes on by itself must rest between
LONGEST_SOCKET = 3600.0  # seconds: OpenAI's own limit

QUICKSTART = Path(__file__).parent.parent / "examples" / "quickstart.llmock"


# Of more entries, to look for the newest would keep clients waiting.
MOST_ENTRIES = 100_000


class SettingError(ValueError):
    """A setting that makes no sense. Its text is one line for whoever made it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server behaves.

    Attributes:
        seed: decides all that scripts leave to chance, over their own `seed`; None leaves it to them.
        now: an instant at which the wall clock stands, "live", or None: live unless there is a seed.
        lenient: whether top-level arguments that the real API does not know are let pass.
        lenient_ids: whether any id of a response, conversation or item is answered, with a placeholder if need be.
        journal: how many requests the journal remembers.
        sessions: how many sessions each mock remembers.
        responses: how many stored responses each mock keeps.
        socket_lifetime: how long a WebSocket of Responses may live, in seconds.
        faults: whether clients may ask for trouble, by the header `x-mockllm-fault`.
        speed: how many times as fast as planned answers are played and timers strike; infinite: at once.
        state: the URL of a Redis for sessions, stored responses and the journal; None keeps them in this process.
        index: whether rules are looked up in an index; if not, one after the other is asked, with the same result.
        exact_paths: whether the POSTs that make answers go past Flask's dispatch, with the same result.

    Raises:
        SettingError: there is no such speed.
    """

    seed: int | None = None
    now: datetime | str | None = None
    lenient: bool = False
    lenient_ids: bool = False
    journal: int = 1_000
    sessions: int = 10_000
    responses: int = 10_000
    socket_lifetime: float = LONGEST_SOCKET
    faults: bool = False
    speed: float = 1.0
    index: bool = field(default_factory=lambda: os.environ.get("MOCKLLM_INDEX") != "0")
    exact_paths: bool = field(default_factory=lambda: os.environ.get("MOCKLLM_EXACT_PATHS") != "0")
    state: str | None = None

    def __post_init__(self) -> None:
        if not (0 < self.speed <= FASTEST or self.speed == inf):
            message = f"the speed of the clock is above 0 and at most {FASTEST:,.0f}, not {self.speed:g}"
            raise SettingError(f"{message}; the clock `instant` waits for nothing")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings that `MOCKLLM_SEED`, `_NOW`, `_LENIENT`, `_LENIENT_IDS`, `_SOCKET_LIFETIME`, `_JOURNAL`,
        `_FAULTS`, `_SPEED`, `_CLOCK`, `_INDEX`, `_EXACT_PATHS` and `_STATE` make.

        Raises:
            SettingError: a value makes no sense.
        """
        seed = environ.get("MOCKLLM_SEED")
        if seed is not None and not re.fullmatch(r"\s*-?[0-9]+\s*", seed):
            raise SettingError(f"MOCKLLM_SEED is a whole number, not {seed!r}")
        now = environ.get("MOCKLLM_NOW")
        return cls(
            seed=int(seed) if seed is not None else None,
            now=parse_now(now) if now is not None else None,
            lenient=_is_on(environ, "MOCKLLM_LENIENT"),
            lenient_ids=_is_on(environ, "MOCKLLM_LENIENT_IDS"),
            socket_lifetime=_lifetime(environ.get("MOCKLLM_SOCKET_LIFETIME")),
            journal=_journal(environ.get("MOCKLLM_JOURNAL")),
            faults=_is_on(environ, "MOCKLLM_FAULTS"),
            speed=clock_speed(environ.get("MOCKLLM_CLOCK"), _speed(environ.get("MOCKLLM_SPEED"))),
            index=environ.get("MOCKLLM_INDEX") != "0",
            exact_paths=environ.get("MOCKLLM_EXACT_PATHS") != "0",
            state=environ.get("MOCKLLM_STATE") or None,
        )


def _is_on(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "") not in ("", "0")


def _lifetime(text: str | None) -> float:
    if text is None:
        return LONGEST_SOCKET
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingError(f"MOCKLLM_SOCKET_LIFETIME is a number of seconds, not {text!r}")
    return seconds


def _journal(text: str | None) -> int:
    if text is None:
        return 1_000
    count = int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else 0
    if not 1 <= count <= MOST_ENTRIES:
        raise SettingError(f"MOCKLLM_JOURNAL is a number of requests up to {MOST_ENTRIES:,}, not {text!r}")
    return count


def _speed(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise SettingError(f"MOCKLLM_SPEED is a number, not {text!r}") from None


def clock_speed(clock: str | None, speed: float | None) -> float:
    """The speed that the name of a clock and a speed mean together, each of which may be missing.

    Raises:
        SettingError: there is no such clock, or it has no speed.
    """
    if clock not in (None, "real", "instant"):
        raise SettingError(f"a clock is `real` or `instant`, not {clock!r}")
    if clock == "instant":
        if speed is not None:
            raise SettingError("a clock that is `instant` has no speed: give one of the two")
        return inf
    return 1.0 if speed is None else speed


def parse_now(text: str) -> datetime | str:
    """`live`, or an instant in ISO 8601; without a zone it is in UTC.

    Raises:
        SettingError: it is neither.
    """
    if text == "live":
        return text
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise SettingError(f"{text!r} is neither `live` nor a time like 2026-01-31T12:00:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def script_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The script or folder that `MOCKLLM_SCRIPT` names, or the example that comes with the project."""
    named = environ.get("MOCKLLM_SCRIPT")
    return Path(named) if named else QUICKSTART
