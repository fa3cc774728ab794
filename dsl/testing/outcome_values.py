"""Values of the fields of an outcome that are more than texts, numbers and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_ABSENT = object()


class Count(int):
    """A number of things; none of them are as good as absent."""

    def __len__(self) -> int:
        return int(self)


class Counts(dict[str, Count]):
    """How often each type of event came; any other came no time."""

    def __missing__(self, kind: str) -> Count:
        return Count(0)


class Calls(Mapping[str | int, Any]):
    """The tool calls: as a whole their names, by name or number the arguments, parsed where they are JSON.

    By name it is the first call of that tool.
    """

    def __init__(self, calls: Iterable[tuple[str, str]]) -> None:
        self._calls = [(name, parsed(text, text)) for name, text in calls]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self._calls]

    def __getitem__(self, which: str | int) -> Any:
        if isinstance(which, int):
            return self._calls[which][1]
        found = next((arguments for name, arguments in self._calls if name == which), _ABSENT)
        if found is _ABSENT:
            raise KeyError(which)
        return found

    def __iter__(self) -> Iterator[str | int]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self._calls)

    def __eq__(self, other: object) -> bool:
        return self.names == (other.names if isinstance(other, Calls) else other)

    __hash__ = None  # type: ignore[assignment]  # as for every mapping

    def __str__(self) -> str:
        return ", ".join(self.names)


def parsed(text: str, otherwise: Any) -> Any:
    """The JSON value of a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return otherwise
