"""A rule that would answer a request, as the text of a script: where to begin when none does."""

from __future__ import annotations

import json
import re

from dsl.fields import CATALOGUE
from dsl.request import Request

# A longer text is told by how it begins.
LONGEST_TEXT = 120
_BEGINNING = 60

# What JSON writes as it is, and a terminal obeys or does not show.
_SURROGATE = re.compile("[\ud800-\udfff]")


def skeleton(request: Request) -> str:
    """The text of a script whose one rule answers `request`. It always compiles, and always holds.

    A rule of a socket's own path is the same, in that socket's block.
    """
    condition = _condition(request)
    head = "otherwise" if condition is None else f"when {condition}"
    return f'{head} {{\n    reply "…"\n}}\n'


def quoted(text: str) -> str:
    """The text in double quotes, on one line, with all that does not print escaped.

    It means `text` wherever no template is looked for. A lone surrogate, which no text of a script can hold,
    becomes a question mark.
    """
    plain = json.dumps(_SURROGATE.sub("?", text), ensure_ascii=False)
    plain = plain.replace("{{", "{\\u007B")  # looks like a template, of which the checker would warn
    return "".join(each if each.isprintable() else f"\\u{{{ord(each):X}}}" for each in plain)


def _condition(request: Request) -> str | None:
    """What tells the request best: what a tool gave back, the user's text, the event, or who spoke last."""
    if request.last in ("tool", "function") and request.tool_result:
        name = list(request.tool_result)[-1]
        result = request.tool_result[name]
        told = len(result) > 0 and name and not _SURROGATE.search(name)
        return f"tool_result[{quoted(name)}]" if told else "tool_result"
    if request.event and request.user is None and not _SURROGATE.search(request.event):
        return f"event is {quoted(request.event)}"
    if request.user is not None:
        return _text_condition("user", request.user)
    if request.texts and request.input is not None:
        return _text_condition("input", request.input)
    if request.last in CATALOGUE["last"].words:
        return f"last is {request.last}"
    named = request.model and "*" not in request.model  # the checker would ask whether the star is a pattern
    return _text_condition("model", request.model) if named and request.model else None


def _text_condition(field: str, text: str) -> str:
    if not _SURROGATE.search(text) and len(text) <= LONGEST_TEXT:
        return f"{field} is {quoted(text)}"
    beginning = _SURROGATE.split(text)[0][:_BEGINNING]
    beginning = beginning[: beginning.rfind(" ")].rstrip() if " " in beginning else beginning
    return f"{field} starts with {quoted(beginning)}" if beginning else field
