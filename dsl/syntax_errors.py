"""What a syntax error most likely is, in the author's terms.

The parser says where it stopped and what it would have accepted. These functions find the mistake that an
author would recognise: a misspelt word, an operator of another language, a missing operand, a brace or quote
that is never closed.
"""

from __future__ import annotations

import re

from lark import Token

from dsl.diagnostics import Diagnostics, Label, one_of
from dsl.hints import TEXTS, character_hint, shown, token_hint, word_hint
from dsl.phrases import is_assigned, phrase_hint
from dsl.source import Source, Span

_FOREIGN = re.compile(r"[=!]={1,2}|=~|=>|->|&&|\|\||[=~!&|]")
_SPELLINGS = {
    "==": "is", "===": "is", "=": "is", "!=": "is not", "!==": "is not", "<>": "is not", "=~": "matches",
    "~": "matches", "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not",
}  # fmt: skip

_STATEMENTS = {"REPLY", "CHUNK", "CALL"}
_DECLARATIONS = {"WHEN", "RULE", "LET"}
_SETTINGS = {"SEED", "MODELS"}
_PHRASES = {
    "NAME": "a name", "NUMBER": "a number", "DURATION": "a duration like `50ms`", "PERCENT": "a percentage",
    "REGEX": "a regular expression like `/colou?r/`", "RATE": "a rate like `40 tok/s`", "LBRACE": "`{`",
    "RBRACE": "`}`", "LSQB": "a list", "RPAR": "`)`", "RSQB": "`]`", "EQUAL": "`=`", "COMMA": "`,`",
    "COLON": "`:`",
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
_TOP_LEVEL = set("include let define defaults rule when otherwise given scenario socket test".split())
# An expression that ends before a brace in it does, where an object ends inside of another.
_EARLY_END = re.compile(r"\{\{[^{}\n]*\{[^}\n]*\}\}\s*\Z")
_FLAGS = re.compile(r"(?:matches|=)\s*/(?:\\.|[^/\\\n])+/[imsx]*\Z")
_BEFORE = re.compile(r"([A-Za-z_-]+)(?:\s+([A-Za-z_-]+))?\s*\Z")


def describe_bad_token(token: Token, span: Span, diagnostics: Diagnostics) -> None:
    if token.type not in TEXTS:
        return diagnostics.report("E109", f"`{_shortened(span.text)}` has too many digits", span)
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
    if (foreign := _FOREIGN.match(rest)) and is_assigned(source.text[:at]):
        _needless(source, at, foreign[0], diagnostics)
    elif foreign:
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
    elif quotes[:1] == "/" and rest[1:2] not in "/*" and not source.text[at - 1 : at].isalnum():
        diagnostics.report("E102", "this regular expression is never closed", source.span(at, at + len(rest)))
    else:
        message = f"unexpected character {shown(rest[0])}"
        help = phrase_hint(source.text[:at], rest) or character_hint(rest)
        diagnostics.report("E101", message, source.span(at, at + 1), help=help)
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
    keywords = set(words.values())
    if (
        _foreign_operator(source, at, accepts, diagnostics)
        or _missing_operand(source, start, at, token, accepts, keywords, diagnostics)
        or _braces(source, start, at, token, accepts, diagnostics)
    ):
        return
    expected = _expectation(accepts, words)
    found = _shortened(str(token))
    # Where a keyword is not accepted it comes as a name.
    kind = next((terminal for terminal, word in words.items() if word == token), token.type)
    word = str(token).isalpha() and kind != "NAME"
    rest = source.text[at : at + 80]
    help = token_hint(source.text[start:at], ".." if token == ".." else kind, accepts, rest=rest, word=word)
    if ended:
        last = max(len(source.text.rstrip()), 1)
        span = source.span(last - 1, last)
        return diagnostics.report("E105", f"expected {expected}", span, "after this", help=help)
    span = source.span(at, token.end_pos or at + 1)
    if token.type == "NAME" and _FLAGS.search(source.text[:at].rsplit("\n", 1)[-1]):
        help = "the flags are `i`, `m`, `s` and `x`"
        return diagnostics.report("E105", f"a regular expression has no flag `{found}`", span, help=help)
    if found.startswith(("//", "/*")):
        help = character_hint(found)
    elif kind == "NAME" and re.search(rf"\bdefine\s+{re.escape(found)}\b", source.text) and "USE" in accepts:
        help = f"a block is used by `use {found}`"
    elif kind == "NAME" and help is None:
        possible = {words[terminal] for terminal in accepts if words.get(terminal, "").isalpha()}
        help = word_hint(str(token), possible)
        if help is not None and help.startswith("did you mean"):
            return diagnostics.report("E105", f"unknown word `{found}`", span, f"expected {expected}", help=help)
    return diagnostics.report("E105", f"expected {expected}, found `{found}`", span, help=help)


def _foreign_operator(source: Source, at: int, accepts: set[str], diagnostics: Diagnostics) -> bool:
    """Whether an operator of another language stands at `at`, or began right before it."""
    text = source.text
    if text[at - 1 : at + 1] in ("==", "<>"):
        if text[at] == "=":  # `let x == …`
            span = source.span(at - 1, at + 1)
            diagnostics.report("E106", "`==` is not an operator here", span, help="write `=`")
        else:
            _foreign(source, at - 1, "<>", diagnostics)
        return True
    foreign = _FOREIGN.match(text, at)
    if foreign and text[at - 1 : at + 1] == ":=":
        return False
    if foreign and foreign[0] == "=" and "COLON" in accepts:
        span = source.span(at, at + 1)
        diagnostics.report("E106", "`=` is not an operator here", span, help="in an object write `:`")
    elif foreign and is_assigned(text[:at]):
        _needless(source, at, foreign[0], diagnostics)
    elif foreign:
        _foreign(source, at, foreign[0], diagnostics)
    return foreign is not None


def _needless(source: Source, at: int, operator: str, diagnostics: Diagnostics) -> None:
    span = source.span(at, at + len(operator))
    diagnostics.report("E106", f"`{operator}` is not an operator here", span, help=f"leave out the `{operator}`")


def _foreign(source: Source, at: int, operator: str, diagnostics: Diagnostics) -> None:
    spelling = _SPELLINGS.get(operator)
    diagnostics.report(
        "E106",
        f"`{operator}` is not an operator here",
        source.span(at, at + len(operator)),
        help=f"write `{spelling}`" if spelling else "the action stands right behind the condition",
    )


def _braces(
    source: Source, start: int, at: int, token: Token, accepts: set[str], diagnostics: Diagnostics
) -> bool:
    """Whether the mistake is a brace that is never closed, or one that closes nothing."""
    unclosed, stray = _unbalanced(source, start, len(source.text))
    if token.type == "RBRACE" and at in stray:
        early = _EARLY_END.search(source.text, start, at)
        help = (
            "an expression ends at the first `}}`: put a space between the two that are inside" if early else None
        )
        diagnostics.report("E104", "this `}` closes nothing", source.span(at, at + 1), help=help)
        return True
    if token.type == "LBRACE" and source.text[at - 1 : at + 1] == "{{":
        _misplaced_expression(source, at - 1, diagnostics)
        return True
    if token == "state" and (around := _unbalanced(source, start, at)[0]) and unclosed:
        opening, inside = around[-1], source.span(at, at + len("state"))
        label = Label(inside, "the next state begins here, inside of it")
        if (crooked := _crooked_braces(source, start)) and crooked[1] < at:
            opening, label = crooked[0], _closed_by(source, crooked[1])
        brace = source.span(opening, opening + 1)
        diagnostics.report("E104", "this `{` is never closed", brace, "opened here", secondary=label)
        return True
    declares = str(token) in _TOP_LEVEL and source.text[at - 1 : at] in ("", "\n")
    if not unclosed or not (token.type == "$END" or "RBRACE" in accepts or declares):
        return False
    opening, secondary = unclosed[-1], None
    if crooked := _crooked_braces(source, start):
        opening, secondary = crooked[0], _closed_by(source, crooked[1])
    elif declares:
        open_here = _unbalanced(source, start, at)[0]
        if not open_here:
            return False
        opening = open_here[-1]
        secondary = Label(source.span(at, token.end_pos or at + 1), "a new declaration begins here")
    brace = source.span(opening, opening + 1)
    diagnostics.report("E104", "this `{` is never closed", brace, "opened here", secondary=secondary)
    return True


def _misplaced_expression(source: Source, at: int, diagnostics: Diagnostics) -> None:
    """Report a `{{` where no expression can stand, or one that is never closed."""
    end = source.text.find("}}", at)
    if end < 0:
        return diagnostics.report("E102", "this `{{` is never closed", source.span(at, at + 2))
    help = 'put it in a text: `"{{ … }}"`'
    return diagnostics.report("E105", "a `{{ … }}` cannot stand here", source.span(at, end + 2), help=help)


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
    if (first == "matches" and second in ("any", "all")) or (
        first in _TESTS | _SAYINGS and second in keywords - _BETWEEN
    ):  # passed for the name of a constant
        word, end, found = first, before.end(1), f"found the word `{second}` instead"
    elif (second or first) in _TESTS | _SAYINGS and accepts >= TEXTS:
        word, end = second or first, before.end(2) if second else before.end(1)
        there = "the end of the file" if token.type == "$END" else f"`{_shortened(str(token))}`"
        found = f"found {there} instead"
    else:
        return False
    needs = "a value" if word in _TESTS or word in ("reply", "push") else "a text"
    if word == "matches":
        needs = "a regular expression"
    help = None
    if token.type == "REGEX" and word in ("socket", "include"):
        help = "put a path in quotes"
    elif token.type in ("REGEX", "COLON", "EXPR"):
        help = token_hint("", token.type, accepts)
    elif token.type != "$END":
        help = phrase_hint(source.text[start:end] + " ", source.text[end:].lstrip()[:80])
    span = source.span(end, min(end + 1, len(source.text)))
    diagnostics.report("E107", f"`{word}` needs {needs}", span, found, help=help)
    return True


def _expectation(accepts: set[str], words: dict[str, str]) -> str:
    """What could have stood there, as a phrase."""
    if "IS" in accepts:
        return "an operator such as `is`, `contains` or `mentions`"
    rest = accepts - {"SEMICOLON", "$END"}
    group: list[str] = []
    for terminals, *called in (
        (_STATEMENTS, "a statement such as `reply`, `chunk` or `call`"),
        (_DECLARATIONS, "a rule", "a declaration"),
        (_SETTINGS, "a setting such as `seed`, `ttft` or `header`"),
    ):
        if terminals <= accepts:
            group = called
            rest = {terminal for terminal in rest if not words.get(terminal, "").isalpha() and terminal != "DOT"}
            break
    phrases: list[str] = []
    if accepts >= TEXTS:
        value = "TRUE" in accepts
        phrases.append("a value" if value else "a text")
        rest -= {*_PHRASES, "TRUE", "FALSE", "NULL", "EXPR"} if value else TEXTS | {"NAME"}
    named = (_PHRASES.get(terminal) or (f"`{words[terminal]}`" if terminal in words else "") for terminal in rest)
    phrases += sorted(phrase for phrase in named if phrase)
    phrases = list(dict.fromkeys(phrases))[:6] + group
    return one_of(phrases) if phrases else "something else"


def _unbalanced(source: Source, start: int, end: int) -> tuple[list[int], list[int]]:
    """The offsets of the braces up to `end` that are never closed, outermost first, and of those that close
    nothing."""
    stack: list[int] = []
    stray: list[int] = []
    for brace in _BRACES.finditer(source.text, start, end):
        if brace[0] == "{":
            stack.append(brace.start())
        elif brace[0] == "}":
            if stack:
                stack.pop()
            else:
                stray.append(brace.start())
    return stack, stray


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


def _closed_by(source: Source, closing: int) -> Label:
    return Label(
        source.span(closing, closing + 1), "this `}` closes it, though it stands where an outer one should"
    )


def _indentation(source: Source, offset: int) -> str:
    row = source.text[source.text.rfind("\n", 0, offset) + 1 :]
    return row[: len(row) - len(row.lstrip(" \t"))]


def _shortened(text: str) -> str:
    text = text.split("\n", 1)[0]
    return text if len(text) <= 30 else text[:29] + "…"
