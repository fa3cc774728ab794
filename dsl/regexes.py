"""Regular expressions that are linear in the text: a script must never be able to stall the server.

RE2 gives that. It has no look-around and no back-references. It says what is wrong but not where, so the place
comes from Python's own parser where that agrees that the pattern is wrong.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

_LOOK_AROUND = {"(?=": "look-ahead", "(?!": "look-ahead", "(?<=": "look-behind", "(?<!": "look-behind"}
_LOOKS = re.compile(r"\(\?<?[=!]")
_BACK_REFERENCE = re.compile(r"\\[1-9]|\\k<|\(\?P=")
_NAMED_GROUP = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\(\?P?<(\w+)>")
_VERBOSE = re.compile(r"(\\.|\[(?:\\.|[^\]\\])*\])|\s+|#[^\n]*", re.DOTALL)


class BadRegex(ValueError):
    """A pattern that is not one. `start` and `end` are offsets into the pattern."""

    def __init__(self, message: str, start: int, end: int, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.help = help


@lru_cache(maxsize=4096)
def compile_regex(pattern: str, flags: str = "") -> Any:
    """An RE2 pattern. `flags` are letters of `imsx`, as after a regex literal.

    Raises:
        BadRegex: the pattern is invalid, or needs what RE2 does not have.
    """
    seen: set[str] = set()
    for group in _NAMED_GROUP.finditer(pattern):
        if group[1] in seen:  # RE2 would keep the first and forget the second
            raise BadRegex(f"two groups are called `{group[1]}`", group.start(1), group.end(1))
        if group[1]:
            seen.add(group[1])
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = "i" not in flags
    options.dot_nl = "s" in flags
    text = _VERBOSE.sub(lambda found: found[1] or "", pattern) if "x" in flags else pattern
    try:
        return re2.compile(f"(?m){text}" if "m" in flags else text, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise _explained(pattern, error) from None


def search(regex: Any, text: str) -> Any:
    """The first match in `text`, or None. Half a surrogate pair, which no UTF-8 holds, matches as `?`."""
    try:
        return regex.search(text)
    except UnicodeEncodeError:
        return regex.search(text.encode("utf-8", "replace").decode())


def _explained(pattern: str, error: Exception) -> BadRegex:
    if look := _LOOKS.search(pattern):
        kind = _LOOK_AROUND[look[0]]
        return BadRegex(
            f"{kind} is not supported: matching takes time linear in the text",
            look.start(),
            look.end(),
            "join two conditions with `and` or `and not` instead",
        )
    if reference := _BACK_REFERENCE.search(pattern):
        return BadRegex(
            "back-references are not supported: matching takes time linear in the text",
            reference.start(),
            reference.end(),
            "name two groups and compare them in the template",
        )
    try:
        re.compile(pattern.replace("(?<", "(?P<"))
    except re.error as python:
        # Where Python found it, less the letters that its spelling of groups adds.
        at = python.pos or 0
        at -= pattern.replace("(?<", "(?P<")[:at].count("(?P<") - pattern[:at].count("(?P<")
        return BadRegex(f"invalid regular expression: {python.msg}", at, min(at + 1, len(pattern)))
    said = error.args[0] if error.args else b""
    reason = said.decode() if isinstance(said, bytes) else str(said)
    return BadRegex(f"invalid regular expression: {reason}", 0, len(pattern))
