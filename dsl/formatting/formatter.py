"""One layout for all scripts.

The formatter works on tokens: line breaks mean nothing in the language, so that a layout is only what stands
between them, and no token is lost, added or moved but separators. It keeps the author's line breaks and settles
the rest.

- A block or object that begins on one line and ends on another has its brackets at the ends of lines. An array
  or parentheses may hold it between them: `[{`, `}]`.
- What follows a condition over lines begins a line, for it would be hard to find at the end of one.
- Comments stay: behind something, or on a line of their own.

Texts over lines move with what they belong to, and say the same.
"""

from __future__ import annotations

import re

from dsl.diagnostics import Diagnostics, ScriptError
from dsl.formatting.layout import Layout
from dsl.formatting.pieces import pieces_of
from dsl.garbage import uncollected
from dsl.parser import parse_tokens
from dsl.source import Source

_LINE_END = re.compile(r"\r\n?")


def format_text(text: str, name: str = "script") -> str:
    """The script in the one layout; it means the same. A byte order mark goes, and line ends become line feeds.

    Raises:
        ScriptError: it has syntax errors. `name` is how their messages call it.
    """
    diagnostics = Diagnostics()
    source = Source(name, _LINE_END.sub("\n", text.removeprefix("\ufeff")))
    with uncollected():
        parsed = parse_tokens(source, diagnostics)
        if parsed is None:
            raise ScriptError(diagnostics.sorted())
        script, tokens = parsed
        return Layout(script, pieces_of(source.text, tokens)).text()
