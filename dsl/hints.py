"""The ways out of a syntax error: what an author who comes from another language most likely meant.

Each table is a list of shapes, looked through from the top. A shape only says something where it fits: a word
is proposed only where the grammar accepts it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Set

from dsl import fields
from dsl.diagnostics import did_you_mean
from dsl.phrases import phrase_hint

TEXTS = {"TEXT", "LONG_TEXT", "LITERAL", "LONG_LITERAL"}
_ANY_TEXT = "TEXT LONG_TEXT LITERAL LONG_LITERAL"
_RULE = re.compile(r"\b(?:when|otherwise)\b")
_STATEMENT = "REPLY"  # stands for all of them: where one is accepted, each is

# Words of other languages, and the word of this one.
_SYNONYMS = {
    "if": "when", "case": "when", "match": "when", "elif": "when", "on": "when",
    "else": "otherwise", "default": "otherwise", "fallback": "otherwise",
    "say": "reply", "respond": "reply", "answer": "reply", "return": "reply", "print": "reply", "text": "reply",
    "content": "reply", "message": "reply", "send": "reply", "response": "reply",
    "stream": "chunk", "emit": "chunk", "yield": "chunk", "delta": "chunk", "token": "chunk",
    "sleep": "wait", "delay": "wait", "pause": "wait",
    "error": "fail", "raise": "fail", "throw": "fail", "reject": "fail",
    "abort": "cut", "disconnect": "cut", "drop": "cut", "stop": "finish", "end": "finish",
    "tool": "call", "invoke": "call", "tool_call": "call", "function_call": "call",
    "latency": "ttft", "speed": "pace", "throughput": "pace", "assert": "expect",
    "reasoning": "think", "chunks": "chunk", "timeout": "hang",
    "loop": "repeat", "random": "pick", "choose": "pick", "maybe": "chance", "reason": "think",
    "import": "include", "load": "include", "var": "let", "const": "let", "set": "let",
    "def": "define", "fn": "define", "func": "define", "function": "define", "macro": "define",
    "equals": "is", "eq": "is", "equal": "is", "are": "is", "isnt": "is not", "includes": "contains",
    "contain": "contains", "like": "contains", "mention": "mentions", "says": "mentions", "match_regex": "matches",
    "startswith": "starts with", "starts_with": "starts with", "begins": "starts with",
    "endswith": "ends with", "ends_with": "ends with", "xor": "or",
}  # fmt: skip

# What stands right before the mistake, the terminals that are the mistake ("" is any), and the way out.
_SHAPES: list[tuple[re.Pattern[str], str, str]] = [
    (re.compile(before), found, help)
    for before, found, help in (
        (r"\bmentions\s+all\s*\Z", "", "join several `mentions` by `and`"),
        (r"\bmentions\b.*\Z", "IGNORING", "`mentions` ignores case by itself"),
        (r"\bmatches\b.*/\w*\s*\Z", "IGNORING", "put the flag `i` behind the regular expression: `/…/i`"),
        (r"\brule\s+(?:when|otherwise)\s*\Z", "",
         "a `rule` has a name: `rule NAME when …`; without one, leave out `rule`"),
        (r"\bnot\s*\Z", "IS CONTAINS MENTIONS STARTS ENDS MATCHES HAS",
         "write `is not`, or put `not` in front of the field: `not user contains …`"),
        (r"\botherwise\s*\Z", "WHEN", "`otherwise` has no condition"),
        (r"\bretry-after\s*\Z", "", "write `retry after`"),
        (r"\bfail\s+(?:\"[^\"\n]*\"|'[^'\n]*')\s*\Z", "NUMBER", "the status comes first: `fail 429 \"…\"`"),
        (r"\buse\s+[\w-]+\s*\Z", "", "arguments stand in parentheses: `use block(\"…\")`"),
        (r"\bcall\s+\S+\s*\Z", "LPAR", "arguments are JSON: `call tool { key: \"value\" }`"),
        (r"\bcall\s+\S+\s*\Z", "", "a call without arguments is written `call tool {}`"),
        (r"\bin\s*\[[^\]\n]*\Z", "..", "a range stands without brackets: `in 0..1`"),
        (r"\.\.\s*\Z", "DOT", "a range has two dots: `0..1`"),
        (r"\bfor\s*\Z", "", "write `for each`"),
        (r"[\w-]\.\Z", "NUMBER", "put a value with a dot in it in quotes"),
        (r"[^\\]\"\Z", "NAME", "a quote inside a text is written `\\\"`"),
        (r"'\Z", "NAME", "a text with a single quote in it stands in double quotes"),
    )
]  # fmt: skip

# A terminal of the mistake, one that is accepted there, and the way out.
_MISFITS: list[tuple[str, str, str]] = [
    ("NUMBER", "DURATION", "a duration has a unit: `5s`, `50ms`"),
    ("NUMBER", "PERCENT", "a share has a percent sign: `10%`"),
    ("NUMBER", "RATE", "a pace has a unit: `40 tok/s`; also `chunk/s`, `char/s`, `byte/s`"),
    (_ANY_TEXT, "REGEX", "a regular expression stands between slashes: `/…/`"),
    ("REGEX", "TEXT", "`matches` is the test that takes a regular expression"),
    ("NUMBER TRUE FALSE NULL", "IS", "put an operator in between, such as `is` or `>`"),
    (_ANY_TEXT, "IS", "put an operator in between, such as `is`, `contains` or `mentions`"),
    (_ANY_TEXT, "LSQB", "put it in brackets: `[\"…\"]`"),
    (f"{_ANY_TEXT} NUMBER TRUE FALSE NULL", "NOT", "each part names its field: `user is \"a\" or user is \"b\"`"),
    ("NAME", "TEXT", "put it in quotes"),
    (_ANY_TEXT, "NAME", "write it without quotes"),
    (_ANY_TEXT, _STATEMENT, "say it: `reply \"…\"`"),
    (_ANY_TEXT, "RULE", "one `reply` says one text; several statements stand in braces: `{ … }`"),
    ("COMMA", "RULE", "leave out the `,`"),
    ("COMMA", _STATEMENT, "statements need nothing between them, or a `;`"),
    ("IS", "EQUAL", "write `=`"),
    ("EXPR", "TEXT", "put it in a text: `\"{{ … }}\"`"),
    ("COLON", "EQUAL", "write `=`"),
    ("COLON", "", "leave out the `:`"),
    ("OTHERWISE", "NOT", "`otherwise` stands without `when`"),
    ("WHEN", _STATEMENT, "rules do not nest: join conditions by `and`, or put rules into `given CONDITION { … }`"),
]  # fmt: skip


def word_hint(word: str, keywords: Set[str]) -> str | None:
    """The way out of a word that cannot stand where it stands; `keywords` are those that could."""
    lower = word.lower()
    if lower in ("then", "do"):
        return f"leave out `{word}`"
    if lower in ("does", "doesnt", "isn", "doesn") and "is" in keywords:
        return "put `not` in front of the field: `not user contains …`"
    meant = lower if lower in keywords else _SYNONYMS.get(lower, "")
    if meant.split(" ")[0] in keywords:
        return f"did you mean `{meant}`?"
    if word in fields.CATALOGUE and "when" in keywords:
        return f"a condition begins with `when`: `when {word} …`"
    return did_you_mean(word, keywords)


def token_hint(before: str, found: str, accepts: Set[str], *, rest: str = "", word: bool = False) -> str | None:
    """The way out of a token of terminal `found` behind the text `before`, where `accepts` were accepted.

    `rest` is the text from the token on, `word` whether it is a word of the language.
    """
    if rest and (help := phrase_hint(before, rest)) is not None:
        return help
    row = before[-200:]
    for shape, terminals, help in _SHAPES:
        if (not terminals or found in terminals.split()) and shape.search(row):
            return help
    for terminals, accepted, help in _MISFITS:
        if found in terminals.split() and (not accepted or accepted in accepts) and found not in accepts:
            return help
    if word and "LBRACE" in accepts and _STATEMENT not in accepts:
        return "put it in braces: `{ … }`"
    if word and "RULE" in accepts and _RULE.search(before):
        return 'several statements stand in braces: `when … { reply "…"; wait 1s }`'
    if word and "RULE" in accepts:
        return 'a statement stands in a rule: `otherwise reply "…"`'
    return None


_CHARACTERS: list[tuple[Callable[[str], bool], str]] = [
    (lambda rest: rest.startswith(("//", "/*", "--")), "a comment begins with `#`"),
    (lambda rest: rest.startswith("+/-"), "write `±` or `+-`"),
    (
        lambda rest: re.match(r"[%+*]\s*\d", rest) is not None,
        'there is no arithmetic here; in a template there is: `"{{ turn % 2 }}"`',
    ),
    (lambda rest: rest[0] == "+", 'put both into one text: `"{{ one }} and {{ two }}"`'),
    (lambda rest: rest[0] in "“”„‘’‚«»`´", 'a text stands in straight quotes: `"…"`'),
    (lambda rest: rest[0] == "%", "a percent sign stands right behind its number: `10%`"),
    (lambda rest: rest[0] == "/", "put a path in quotes"),
    (lambda rest: rest[0].isspace(), "it looks like a space: write a plain one"),
]


def character_hint(rest: str) -> str | None:
    """The way out of a character that begins no token; `rest` is the line from it on."""
    return next((help for fits, help in _CHARACTERS if fits(rest)), None)


def shown(character: str) -> str:
    """A character as a message shows it: by number if it cannot be seen."""
    if character.isprintable() and not unicodedata.combining(character) and character != "`":
        return f"`{character}`"
    return f"U+{ord(character):04X}"
