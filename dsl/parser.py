"""Text to nodes.

The grammar is LALR(1) and the lexer contextual. The builder is the parser's transformer, so no tree is made.
After a syntax error parsing resumes at the next declaration that stands at the beginning of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from dsl import nodes
from dsl.builder import BadToken, Builder
from dsl.cache_folder import cache_folder
from dsl.diagnostics import Diagnostics
from dsl.quick_parse import SHORTEST, quick_parse
from dsl.source import Source
from dsl.syntax_errors import describe_bad_token, describe_character, describe_token

MOST_ERRORS = 20

DEEPEST = 100

# A text of several lines, or a declaration at the beginning of a line.
_DECLARATION = re.compile(
    r"\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''"
    r"|^(include|let|define|defaults|rule|when|otherwise|given|for|scenario|socket|test)\b",
    re.MULTILINE,
)
_builder = Builder()


class WholeWords:
    """Makes a name acceptable to the lexer everywhere.

    Lark's contextual lexer tries only the terminals that the parser's state accepts, so that `waiting 5s`
    would be read as `wait` and `ing`. With a name acceptable everywhere keywords match as whole words, and a
    misspelt one becomes an unexpected name that carries the word.
    """

    always_accept = ("NAME",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


def build_lark(*, strict: bool = False, cached: str | bool = False) -> Lark:
    """The parser of the grammar. `strict` proves it free of conflicts (slow; needs `interegular`)."""
    return Lark(
        (resources.files("dsl") / "llmock.lark").read_text("utf-8"),
        parser="lalr",
        lexer="contextual",
        keep_all_tokens=True,
        maybe_placeholders=False,
        postlex=WholeWords(),
        transformer=_builder,
        strict=strict,
        start=["start", "body"],
        cache=cached,
    )


@cache
def _lark() -> Lark:
    return build_lark(cached=_cache_file() or False)


def _cache_file() -> str | None:
    """Where the built tables are kept: building them takes ten times as long as loading them."""
    folder = cache_folder()
    return None if folder is None else str(folder / "grammar.lark")


def keywords() -> set[str]:
    """The words of the language."""
    return {t.pattern.value for t in _lark().terminals if t.pattern.type == "str" and t.pattern.value.isalpha()}


def parse(source: Source, diagnostics: Diagnostics) -> nodes.Script | None:
    """Parse a file. Syntax errors are reported, and the result is then None."""
    lark = _lark()
    start = 0
    for _ in range(MOST_ERRORS):
        # What was read before the error is blanked, so that offsets stay what they are.
        blanked = re.sub(r"[^\n]", " ", source.text[:start]) + source.text[start:]
        try:
            _builder.source = source
            script = quick_parse(lark, blanked) if len(blanked) >= SHORTEST else None
            script = script or lark.parse(blanked, start="start")
            assert isinstance(script, nodes.Script)
            return None if start or _too_deep(script, diagnostics) else script
        except UnexpectedInput as error:
            at, resume = _report(lark, source, start, error, diagnostics)
        except BadToken as error:
            describe_bad_token(error.token, error.span, diagnostics)
            at, resume = error.token.end_pos or error.span.end, True
        following = _next_declaration(source.text, max(at, start + 1)) if resume else None
        if following is None:
            return None
        start = following
    return None


def parse_tokens(source: Source, diagnostics: Diagnostics) -> tuple[nodes.Script, list[Token]] | None:
    """Parse a file, and keep its tokens (comments are none). Errors are reported; the result is then None."""
    try:
        _builder.source = source
        interactive = _lark().parse_interactive(source.text, start="start")
        tokens = list(interactive.iter_parse())
        script: nodes.Script = interactive.feed_token(Token("$END", ""))
    except (UnexpectedInput, BadToken):
        parse(source, diagnostics)  # says what is wrong
        return None
    return None if _too_deep(script, diagnostics) else (script, tokens)


def parse_body(source: Source, diagnostics: Diagnostics) -> nodes.Block | None:
    """Parse the statements of a body that stands alone. A syntax error is reported, and gives None."""
    lark = _lark()
    try:
        _builder.source = source
        body = lark.parse(source.text, start="body")
    except UnexpectedInput as error:
        _report(lark, source, 0, error, diagnostics)
        return None
    except BadToken as error:
        describe_bad_token(error.token, error.span, diagnostics)
        return None
    assert isinstance(body, nodes.Block)
    return None if _too_deep(body, diagnostics) else body


def _next_declaration(text: str, at: int) -> int | None:
    """Where the next declaration stands that is not inside a text of several lines."""
    return next((found.start() for found in _DECLARATION.finditer(text, at) if found[1]), None)


def _too_deep(parsed: nodes.Script | nodes.Block, diagnostics: Diagnostics) -> bool:
    """Report what is nested so deeply that it could not be compiled. What is short cannot be."""
    stack: list[tuple[nodes.Node, int]] = [
        (item, 0) for item in nodes.children(parsed) if item.span.end - item.span.start > DEEPEST
    ]
    while stack:
        node, depth = stack.pop()
        if depth == DEEPEST:
            message = f"this is nested more than {DEEPEST} levels deep"
            diagnostics.report("E110", message, node.span.source.span(node.span.start, node.span.start + 1))
            return True
        stack += ((child, depth + 1) for child in nodes.children(node))
    return False


def _report(
    lark: Lark, source: Source, start: int, error: UnexpectedInput, diagnostics: Diagnostics
) -> tuple[int, bool]:
    """Report a syntax error; where it is, and whether what follows can be made sense of."""
    if isinstance(error, UnexpectedCharacters):
        at = error.pos_in_stream or 0
        return at, describe_character(source, at, diagnostics)
    assert isinstance(error, UnexpectedToken)
    token: Token = error.token
    at = len(source.text) if token.type == "$END" else token.start_pos or 0
    words = {t.name: t.pattern.value for t in lark.terminals if t.pattern.type == "str"}
    describe_token(source, start, token, set(error.accepts), words, diagnostics)
    return at, True
