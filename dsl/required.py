"""The texts that a regular expression requires: whatever it matches contains one of them.

What is told is true of RE2's syntax, or nothing is told: a piece that this does not know gives no texts. Under `i`
only ASCII counts, for which other characters are the same there never changes: `ſ` and the Kelvin sign. (`fold`
takes these, too, for `s` and `k`.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_REPEAT = re.compile(r"(?:[*+?]|\{(\d+)(?:,\d*)?\})\??")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]", re.DOTALL)
_GROUP = re.compile(r"\((?:\?P?<\w+>|\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)]))?")
# A class, an anchor or a character that is not told by itself.
_ESCAPE = re.compile(r"\\(?:[dDwWsSbBAzntrfva]|[pP](?:\{\^?\w+\}|[A-Z])|x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2}))")
_SPECIAL = "\\[]().*+?{}|^$"


class _Unknown(Exception):
    """A piece of syntax of which nothing is told."""


def required(pattern: str, *, ignoring_case: bool, shortest: int) -> frozenset[str] | None:
    """Texts of at least `shortest` characters one of which is in each match; None if none can be told."""
    try:
        reader = _Reader(pattern, shortest)
        found = reader.alternatives(ignoring_case)
        return found if reader.at == len(pattern) else None
    except (_Unknown, RecursionError):
        return None


class _Reader:
    """Reads a pattern from `at`."""

    def __init__(self, pattern: str, shortest: int) -> None:
        self.at = 0
        self._pattern = pattern
        self._shortest = shortest

    def alternatives(self, ignoring_case: bool) -> frozenset[str] | None:
        """Those of what stands up to the end of the group; the group's flags are its own."""
        self._ignoring_case = ignoring_case
        found = [self._sequence()]
        while self._pattern.startswith("|", self.at):
            self.at += 1
            found.append(self._sequence())
        known = [texts for texts in found if texts is not None]
        return frozenset().union(*known) if len(known) == len(found) else None

    def _sequence(self) -> frozenset[str] | None:
        best: frozenset[str] | None = None
        run = ""
        while self.at < len(self._pattern) and self._pattern[self.at] not in "|)":
            literal, inner = self._piece()
            count = self._repeat()
            if literal is not None and count is None:
                run += literal
                continue
            if literal is not None and count:
                run += literal
            best = self._longer(best, [run])
            run = ""
            if inner is not None and count != 0:
                best = self._longer(best, inner)
        return self._longer(best, [run])

    def _longer(self, best: frozenset[str] | None, texts: Iterable[str]) -> frozenset[str] | None:
        """The one whose shortest text is longer, or `best` if these are too short."""
        texts = frozenset(texts)
        length = min(map(len, texts), default=0)
        if length < self._shortest or (best is not None and min(map(len, best)) >= length):
            return best
        return texts

    def _repeat(self) -> int | None:
        """How often what was read must at least be there, None if no repetition is written."""
        found = _REPEAT.match(self._pattern, self.at)
        if found is None:
            return None
        self.at = found.end()
        if found[1]:
            return int(found[1][:5])
        return 1 if found[0][0] == "+" else 0

    def _piece(self) -> tuple[str | None, frozenset[str] | None]:
        """The next character if it stands for itself, and the texts of the next group if it requires some."""
        pattern, character = self._pattern, self._pattern[self.at]
        if character == "(":
            return None, self._group()
        if character == "[":
            self._skip(_CLASS)
            return None, None
        if character == "\\":
            if pattern[self.at + 1 : self.at + 2].isalnum():
                self._skip(_ESCAPE)
                return None, None
            self.at += 1
            character = pattern[self.at : self.at + 1]
        elif character in "*+?{":
            raise _Unknown
        elif character in _SPECIAL:
            self.at += 1
            return None, None
        self.at += 1
        # Half a surrogate pair is searched as `?`, so that a text may match which has none.
        plain = character != "?" and (character.isascii() or not self._ignoring_case)
        return (character if plain else None), None

    def _skip(self, syntax: re.Pattern[str]) -> None:
        found = syntax.match(self._pattern, self.at)
        if found is None:
            raise _Unknown
        self.at = found.end()

    def _group(self) -> frozenset[str] | None:
        found = _GROUP.match(self._pattern, self.at)
        if found is None or self._pattern.startswith("?", found.end()):
            raise _Unknown
        self.at = found.end()
        outer, inside = self._ignoring_case, self._ignoring_case
        if "i" in (found[1] or ""):
            inside = True
        if "i" in (found[2] or ""):
            inside = False
        if found[3] == ")":  # flags for the rest of the group around it
            self._ignoring_case = inside
            return None
        texts = self.alternatives(inside)
        if not self._pattern.startswith(")", self.at):
            raise _Unknown
        self.at += 1
        self._ignoring_case = outer
        return texts
