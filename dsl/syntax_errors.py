"""What a syntax error most likely is, in the author's terms.

The parser says where it stopped and what it would have accepted. These functions find the mistake that an
author would recognise: a misspelt word, an operator of another language, a missing operand, a brace or quote
that is never closed.
"""

from __future__ import annotations

import re

from lark import Token

from dsl.diagnostics import Diagnostics, Label, did_you_mean, one_of
from dsl.source import Source, Span

_FOREIGN = re.compile(r"==|!=|=~|&&|\|\||[=~!]")
_SPELLINGS = {
    "==": "is", "=": "is", "!=": "is not", "=~": "matches", "~": "matches", "&&": "and", "||": "or", "!": "not",
}  # fmt: skip

_TEXTS = {"TEXT", "LONG_TEXT", "LITERAL", "LONG_LITERAL"}
_STATEMENTS = {"REPLY", "CHUNK", "CALL"}
_DECLARATIONS = {"WHEN", "RULE", "LET"}
_PHRASES = {
    "NAME": "a name", "NUMBER": "a number", "DURATION": "a duration like `50ms`", "PERCENT": "a percentage",
    "REGEX": "a regular expression like `/colou?r/`", "RATE": "a rate like `40 tok/s`", "LBRACE": "`{`",
    "RBRACE": "`}`", "LSQB": "a list", "RPAR": "`)`", "RSQB": "`]`", "EQUAL": "`=`", "COMMA": "`,`",
    "COLON": "`:`", "$END": "the end of the file",
}  # fmt: skip
# Words that a value or a text must follow, and those that may stand between.
_TESTS = {"is", "contains", "mentions", "in", "has", "matches", "with", "not", "any", "all"}
_SAYINGS = {"reply", "chunk", "think", "refuse", "raw", "push", "comment", "include", "socket", "as", "param"}
_BETWEEN = {"not", "any", "all", "in"}

# Texts, comments and regular expressions, whose braces do not count; or a brace.
_BRACES = re.compile(
    r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|\{\{[\s\S]*?\}\}'
    r"|(?<=matches )\s*/(?:\\.|[^/\\\n])+/|(?<== )/(?:\\.|[^/\\\n])+/|[{}]"
)
_BEFORE = re.compile(r"([A-Za-z_-]+)(?:\s+([A-Za-z_-]+))?\s*\Z")


def describe_escape(span: Span, diagnostics: Diagnostics) -> None:
    diagnostics.report(
        "E108",
        f"`{span.text}` is not an escape",
        span,
        help="escapes are those of JSON, `\\xHH` and `\\u{HHHHHH}`; in single quotes a backslash is a backslash",
    )


def describe_character(source: Source, at: int, diagnostics: Diagnostics) -> bool:
    """Report that no token begins at `at`. False if what follows cannot be made sense of."""
    rest = source.text[at:].split("\n", 1)[0].rstrip("\r")
    quotes = rest[:3]
    if foreign := _FOREIGN.match(rest):
        _foreign(source, at, foreign[0], diagnostics)
    elif quotes in ('"""', "'''"):
        if quotes in rest[3:]:
            diagnostics.report(
                "E103",
                f"a {quotes} text starts on the line after its opening quotes",
                source.span(at, at + len(rest)),
                "put the text on lines of its own, or use single quotes",
            )
        else:
            diagnostics.report(
                "E102",
                "this text is never closed",
                source.span(at, at + 3),
                f"no closing {quotes} on a line of its own before the end of the file",
            )
            return False
    elif quotes[:1] in ('"', "'"):
        diagnostics.report(
            "E102",
            "this text is never closed",
            source.span(at, at + len(rest)),
            f"expected a closing {quotes[0]} on this line",
            help='for text of several lines use """ on lines of their own',
        )
    elif quotes[:1] == "/":
        diagnostics.report("E102", "this regular expression is never closed", source.span(at, at + len(rest)))
    elif rest.startswith("{{"):
        diagnostics.report("E102", "this `{{` is never closed", source.span(at, at + 2))
        return False
    else:
        diagnostics.report("E101", f"unexpected character `{rest[:1]}`", source.span(at, at + 1))
    return True


def describe_token(
    source: Source,
    start: int,
    token: Token,
    accepts: set[str],
    words: dict[str, str],
    diagnostics: Diagnostics,
) -> None:
    """Report that `token` cannot stand where it stands.

    `start` is where this attempt at parsing began; `accepts` are the terminals that could have stood there,
    `words` the keywords and punctuation by terminal.
    """
    ended = token.type == "$END"
    at = len(source.text) if ended else token.start_pos or 0
    if not ended and (foreign := _FOREIGN.match(source.text, at)):
        return _foreign(source, at, foreign[0], diagnostics)
    if _missing_operand(source, start, at, token, accepts, set(words.values()), diagnostics):
        return None
    if ended or "RBRACE" in accepts or token.type == "RBRACE":
        crooked = _crooked_braces(source, start)
        if crooked:
            opening, closing = crooked
            return diagnostics.report(
                "E104",
                "this `{` is never closed",
                source.span(opening, opening + 1),
                "opened here",
                secondary=Label(
                    source.span(closing, closing + 1),
                    "this `}` closes it, though it stands where an outer one should",
                ),
            )
    if ended:
        unclosed = _open_braces(source, start)
        if unclosed:
            brace = source.span(unclosed[-1], unclosed[-1] + 1)
            return diagnostics.report("E104", "this `{` is never closed", brace, "opened here")
        last = max(len(source.text.rstrip()), 1)
        span = source.span(last - 1, last)
        return diagnostics.report("E105", f"expected {_expectation(accepts, words)}", span, "after this")
    span = source.span(at, token.end_pos or at + 1)
    expected = _expectation(accepts, words)
    possible = {words[terminal] for terminal in accepts if words.get(terminal, "").isalpha()}
    guess = did_you_mean(str(token), possible) if token.type == "NAME" else None
    if guess:
        return diagnostics.report("E105", f"unknown word `{token}`", span, f"expected {expected}", help=guess)
    return diagnostics.report("E105", f"expected {expected}, found `{_shortened(token)}`", span)


def _foreign(source: Source, at: int, operator: str, diagnostics: Diagnostics) -> None:
    diagnostics.report(
        "E106",
        f"`{operator}` is not an operator here",
        source.span(at, at + len(operator)),
        help=f"write `{_SPELLINGS[operator]}`",
    )


def _missing_operand(
    source: Source,
    start: int,
    at: int,
    token: Token,
    accepts: set[str],
    keywords: set[str],
    diagnostics: Diagnostics,
) -> bool:
    """Whether a keyword before `at` lacks its operand; the word that stands there instead may have passed for
    a name, so that the parser stopped only behind it."""
    before = _BEFORE.search(source.text, start, at)
    if before is None:
        return False
    first, second = before[1], before[2]
    if first in _TESTS | _SAYINGS and second in keywords - _BETWEEN:
        word, end, found = first, before.end(1), f"found the word `{second}` instead"
    elif (second or first) in _TESTS | _SAYINGS and accepts >= _TEXTS:
        word, end = second or first, before.end(2) if second else before.end(1)
        found = (
            "found the end of the file instead" if token.type == "$END" else f"found `{_shortened(token)}` instead"
        )
    else:
        return False
    needs = "a value" if word in _TESTS else "a text"
    diagnostics.report("E107", f"`{word}` needs {needs}", source.span(end, end + 1), found)
    return True


def _expectation(accepts: set[str], words: dict[str, str]) -> str:
    """What could have stood there, as a phrase."""
    phrases: list[str] = []
    rest = set(accepts)
    for group, phrase in (
        (_STATEMENTS, "a statement such as `reply`, `chunk` or `call`"),
        (_DECLARATIONS, "a rule or a declaration"),
    ):
        if group <= accepts:
            phrases.append(phrase)
            rest = {terminal for terminal in rest if not words.get(terminal, "").isalpha()}
            break
    if accepts >= _TEXTS:
        phrases.append("a text")
        rest -= _TEXTS | {"NAME"}
    rest.discard("SEMICOLON")
    named = (_PHRASES.get(t) or (f"`{words[t]}`" if t in words else "") for t in rest)
    phrases += sorted(phrase for phrase in named if phrase)
    return one_of(list(dict.fromkeys(phrases))[:6]) if phrases else "something else"


def _open_braces(source: Source, start: int) -> list[int]:
    """The offsets of the braces that are never closed, outermost first."""
    stack: list[int] = []
    for brace in _BRACES.finditer(source.text, start):
        if brace[0] == "{":
            stack.append(brace.start())
        elif brace[0] == "}" and stack:
            stack.pop()
    return stack


def _crooked_braces(source: Source, start: int) -> tuple[int, int] | None:
    """The first pair of braces of which the closing one, alone at the head of its line, is indented unlike
    the line that opens it."""
    stack: list[int] = []
    for brace in _BRACES.finditer(source.text, start):
        if brace[0] == "{":
            stack.append(brace.start())
        elif brace[0] == "}" and stack:
            opening, closing = stack.pop(), brace.start()
            lead = source.text[source.text.rfind("\n", 0, closing) + 1 : closing]
            if "\n" in source.text[opening:closing] and not lead.strip() and lead != _indentation(source, opening):
                return opening, closing
    return None


def _indentation(source: Source, offset: int) -> str:
    row = source.text[source.text.rfind("\n", 0, offset) + 1 :]
    return row[: len(row) - len(row.lstrip(" \t"))]


def _shortened(token: Token) -> str:
    text = str(token).split("\n", 1)[0]
    return text if len(text) <= 30 else text[:29] + "…"
