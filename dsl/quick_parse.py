"""The parser for large scripts that are right: Lark's tables and regular expressions, in a loop of our own.

Lark's loop makes tokens that know lines and columns, asks several objects for each of them, and must be able to
tell what is wrong. This one knows offsets, and gives up as soon as anything is wrong: then Lark is asked, which
finds the same and can say it. It needs 60 % of the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from lark import Lark, Token
from lark.parsers.lalr_analysis import Shift

# Shorter texts are read by Lark in no time.
SHORTEST = 50_000  # characters


class _State(NamedTuple):
    """What there is to do in a state: which regular expression reads the next token, and what follows from it."""

    match: Callable[[str, int], re.Match[str] | None]
    keywords: Mapping[str, str]
    shifts: Mapping[str, int]
    reductions: Mapping[str, tuple[int, Callable[[list[Any]], Any], str]]


class _States(dict[int, _State]):
    """The states of a parser, each made when it is first come to: its regular expression takes milliseconds.

    None of what is looked at here is public in Lark; hence the tests that compare the two on many scripts.
    """

    def __init__(self, lark: Lark) -> None:
        frontend: Any = lark.parser
        self._actions = frontend.parser._parse_table.states
        self._callbacks = frontend.parser.parser.callbacks
        self._lexers = frontend.lexer.lexer.lexers
        self.first: int = frontend.parser._parse_table.start_states["start"]
        self.last: int = frontend.parser._parse_table.end_states["start"]
        self.ignored: frozenset[str] = frontend.lexer.lexer.root_lexer.ignore_types

    def __missing__(self, number: int) -> _State:
        lexer = self._lexers[number]
        (pattern,) = lexer.scanner._mres  # the scanner makes the callbacks, too
        unless = lexer.callback.get("NAME")
        shifts, reductions = {}, {}
        for kind, (action, what) in self._actions[number].items():
            if action is Shift:
                shifts[kind] = what
            else:
                reductions[kind] = len(what.expansion), self._callbacks[what], what.origin.name
        words = {word.pattern.value: word.name for word in unless.scanner.terminals} if unless else {}
        state = self[number] = _State(pattern.match, words, shifts, reductions)
        return state


def quick_parse(lark: Lark, text: str) -> Any:
    """What Lark would make of a whole script, or None if that is an error."""
    states = _states(lark)
    last, ignored = states.last, states.ignored
    stack, values = [states.first], list[Any]()
    make, at, end = str.__new__, 0, len(text)
    while True:
        state = states[stack[-1]]
        if at == end:
            kind, token = "$END", None
        else:
            found = state.match(text, at)
            if found is None or found.end() == at:
                return None
            start, at = at, found.end()
            kind = found.lastgroup or ""
            if kind in ignored:
                continue
            written = found[0]
            if kind == "NAME":
                kind = state.keywords.get(written, kind)
            token = make(Token, written)
            token.type, token.start_pos, token.end_pos = kind, start, at
        while (following := state.shifts.get(kind)) is None:
            if kind not in state.reductions:
                return None
            size, build, origin = state.reductions[kind]
            children: list[Any] = []
            if size:
                children = values[-size:]
                del values[-size:], stack[-size:]
            values.append(build(children))
            stack.append(states[stack[-1]].shifts[origin])
            if token is None and stack[-1] == last:
                return values[-1]
            state = states[stack[-1]]
        stack.append(following)
        values.append(token)


@cache
def _states(lark: Lark) -> _States:
    return _States(lark)
