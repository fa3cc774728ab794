"""The language for Pygments, which colours it in documents and terminals. Pygments is not needed otherwise.

Keywords are words of the language only where they are expected, so that a word's colour depends on what stands
around it: a key before `:`, a tool behind `call`, a field behind `when` may have any name. The rest of them are
the grammar's own keywords.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from pygments.lexer import RegexLexer, default, include
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Whitespace,
    _TokenType,
)

from dsl.parser import keywords

_NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*"
_END = r"(?!-?[A-Za-z0-9_])"  # of a whole word
_CONSTANTS = {"true", "false", "null"}
_KEYWORDS = keywords()


def _word(lexer: RegexLexer, match: re.Match[str]) -> Iterator[tuple[int, _TokenType, str]]:
    word = match[0]
    if word in _CONSTANTS:
        yield match.start(), Keyword.Constant, word
    else:
        yield match.start(), Keyword if word in _KEYWORDS else Name, word


class LlmockLexer(RegexLexer):
    """Scripts of the mock server mockllm."""

    name = "llmock"
    aliases: ClassVar[list[str]] = ["llmock"]
    filenames: ClassVar[list[str]] = ["*.llmock"]
    tokens: ClassVar[dict[str, list[Any]]] = {
        "space": [
            (r"[ \t\f\r\n]+", Whitespace),
            (r"#[^\n]*", Comment.Single),
        ],
        "root": [
            include("space"),
            (rf"{_NAME}(?=[ \t\f\r\n]*:)", Name.Attribute),
            (r"\.(?!\.)", Punctuation, "member"),
            # What follows these is a condition, and begins with a field; or a name that the author gives.
            (rf"(?:when|given|expect|and|or|not|by){_END}", Keyword, "field"),
            (
                rf"(?:rule|let|define|scenario|state|use|go|remember|each|call|on|finish|dialect){_END}",
                Keyword,
                "name",
            ),
            (rf"is{_END}", Keyword, "value"),
            (_NAME, _word),
            include("texts"),
            (r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[imsx]*", String.Regex),
            (r"\d+(?:\.\d+)?[ \t]*(?:tok|chunk|char|byte)s?/s", Number),
            (r"\d+(?:\.\d+)?(?:ms|us|s|m|h)(?![A-Za-z0-9_])", Number),
            (r"\d+(?:\.\d+)?%", Number),
            (r"-?\d+\.\d+", Number.Float),
            (r"-?\d+", Number.Integer),
            (r"\.\.|±|\+-|<=|>=|<|>|=", Operator),
            (r"[{}()\[\],:;.]", Punctuation),
        ],
        "field": [
            include("space"),
            (r"\(", Punctuation),
            (rf"(?:not|in){_END}", Keyword),
            (_NAME, Name.Variable, "#pop"),
            default("#pop"),
        ],
        "name": [
            include("space"),
            (_NAME, Name.Function, "#pop"),
            default("#pop"),
        ],
        "value": [
            include("space"),
            (rf"not{_END}", Keyword),
            (rf"(?:true|false|null){_END}", Keyword.Constant, "#pop"),
            (_NAME, Name, "#pop"),
            default("#pop"),
        ],
        "member": [
            include("space"),
            (_NAME, Name.Attribute, "#pop"),
            default("#pop"),
        ],
        "texts": [
            (r'"""[A-Za-z0-9_+-]*[ \t]*\n', String.Double, "rows"),
            (r"'''[A-Za-z0-9_+-]*[ \t]*\n(?:[\s\S]*?\n)??[ \t]*'''", String.Single),
            (r'"', String.Double, "row"),
            (r"'[^'\n]*'", String.Single),
            (r"\{\{[\s\S]*?\}\}", String.Interpol),
        ],
        "row": [
            (r'"', String.Double, "#pop"),
            (r"\\(?:u\{[0-9A-Fa-f]{1,6}\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|.)", String.Escape),
            (r'\{([{%#])(?:\\.|[^"\\\n])*?[}%#]\}', String.Interpol),
            (r'[^"\\\n{]+|\{', String.Double),
            default("#pop"),
        ],
        "rows": [
            (r'(?<=\n)[ \t]*"""', String.Double, "#pop"),
            (r'\{([{%#])(?:(?!\n[ \t]*""")[\s\S])*?[}%#]\}', String.Interpol),
            (r"[^\n{]+|\{|\n", String.Double),
        ],
    }
