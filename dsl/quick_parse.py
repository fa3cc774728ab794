"""The parser for large scripts that are right: Lark's tables and regular expressions, in a loop of our own.

Lark's loop makes tokens that know lines and columns, asks several objects for each of them, and must be able to
tell what is wrong. This one knows offsets, and gives up as soon as anything is wrong: then Lark is asked, which
finds the same and can say it.

What a rule of the grammar makes is as with Lark: the transformer's method of that name is called with its
children; those of a rule whose name begins with `_` are children of the rule around it. On the way there they are
a list, or, if it is only one, itself.
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


class _Reduction(NamedTuple):
    """So many children become one, by the transformer's method, or by none, of a rule of the grammar."""

    size: int
    build: Callable[[list[Any]], Any] | None
    origin: str


class _State(NamedTuple):
    """What there is to do in a state: which regular expression reads the next token, and what follows from it."""

    match: Callable[[str, int], re.Match[str] | None]
    keywords: Mapping[str, str]
    shifts: Mapping[str, int]
    reductions: Mapping[str, _Reduction]


class _States(dict[int, _State]):
    """The states of a parser, each made when it is first come to: its regular expression takes milliseconds.

    None of what is looked at here is public in Lark; hence the tests that compare the two on many scripts.
    """

    def __init__(self, lark: Lark) -> None:
        frontend: Any = lark.parser
        self._actions = frontend.parser._parse_table.states
        self._transformer = lark.options.transformer
        self._lexers = frontend.lexer.lexer.lexers
        self.first: int = frontend.parser._parse_table.start_states["start"]
        self.last: int = frontend.parser._parse_table.end_states["start"]
        types = frontend.lexer.lexer.root_lexer.ignore_types
        ignored = [each.pattern.to_regexp() for each in lark.terminals if each.name in types]
        self.ignored = re.compile(f"(?:{'|'.join(ignored)})*+")

    def __missing__(self, number: int) -> _State:
        lexer = self._lexers[number]
        (pattern,) = lexer.scanner._mres  # the scanner makes the callbacks, too
        match = re.compile(f"{self.ignored.pattern}(?:{pattern.pattern})", pattern.flags).match
        unless = lexer.callback.get("NAME")
        shifts, reductions = {}, {}
        for kind, (action, what) in self._actions[number].items():
            if action is Shift:
                shifts[kind] = what
            else:
                origin = what.origin.name
                build = None if origin[0] == "_" else getattr(self._transformer, what.alias or origin)
                reductions[kind] = _Reduction(len(what.expansion), build, origin)
        words = {word.pattern.value: word.name for word in unless.scanner.terminals} if unless else {}
        state = self[number] = _State(match, words, shifts, reductions)
        return state


def quick_parse(lark: Lark, text: str) -> Any:
    """What Lark would make of a whole script, or None if that is an error."""
    states = _states(lark)
    stack, values = [states.first], list[Any]()
    make, at = str.__new__, 0
    token: Token | None
    while True:
        match, keywords, shifts, reductions = states[stack[-1]]
        found = match(text, at)
        if found is not None:
            kind = found.lastgroup or ""
            start, at = found.span(kind)
            if start == at:
                return None
            written = found[kind]
            if kind == "NAME":
                kind = keywords.get(written, kind)
            token = make(Token, written)
            token.type, token.start_pos, token.end_pos = kind, start, at
        elif states.ignored.fullmatch(text, at):
            kind, token = "$END", None
        else:
            return None
        while kind not in shifts:
            if kind not in reductions:
                return None
            size, build, origin = reductions[kind]
            if size != 1 or build is not None:
                children = _flat(values[len(values) - size :])
                values[len(values) - size :] = [children if build is None else build(children)]
            stack[len(stack) - size :] = [states[stack[-1 - size]].shifts[origin]]
            _, _, shifts, reductions = states[stack[-1]]
            if token is None and stack[-1] == states.last:
                return values[-1]
        stack.append(shifts[kind])
        values.append(token)


def _flat(parts: list[Any]) -> list[Any]:
    """The children that these are. The first list of them is made longer: it may have been many before."""
    children: list[Any] = parts[0] if parts and type(parts[0]) is list else parts[:1]
    for part in parts[1:]:
        if type(part) is list:
            children += part
        else:
            children.append(part)
    return children


@cache
def _states(lark: Lark) -> _States:
    return _States(lark)
