"""Names that a script gives and never uses: constants, named conditions, blocks, captures.

A file that only declares is a library, and one that is included may be one: what nobody uses there others may.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dsl import nodes
from dsl.diagnostics import Diagnostics
from dsl.resolver import Names
from dsl.source import Source
from dsl.templates import has_markup
from dsl.tool_loops import with_blocks

_WORD = re.compile(r"[^\W\d]\w*")
# A group of a regular expression that has a name.
GROUP = re.compile(r"\(\?P?<([A-Za-z_]\w*)>")
# A name in single braces, which is a template in other languages.
BRACED = re.compile(r"(?<![{$])\$?\{ ?([a-z_]\w*) ?\}(?!\})")
DOLLAR = re.compile(r"\$([a-z_]\w*)")
_CONDITIONED = (nodes.Rule, nodes.Given)


def check_names(
    items: Iterable[nodes.Item], written: Iterable[nodes.Node], own: Source, diagnostics: Diagnostics
) -> None:
    """Report what the file `own` names and nothing of the script uses. `written` are all its nodes."""
    given = [
        item
        for item in items
        if isinstance(item, nodes.Let | nodes.LetWhen | nodes.Define) and item.span.source is own
    ]
    used = {name for node in written for name in _used(node)} if given else set()
    for item in given:
        if item.name.text not in used:
            help = "use it, or remove it"
            if isinstance(item, nodes.Define):
                help = f"use it, as in `use {item.name.text}`, or remove it"
            diagnostics.report("W413", f"`{item.name.text}` is never used", item.name.span, help=help)


def check_captures(written: Iterable[nodes.Node], names: Names, diagnostics: Diagnostics) -> None:
    """Report the groups of regular expressions that have a name which nothing under their condition uses.

    `written` are the nodes of a script.
    """
    named = {id(node) for node in written if isinstance(node, nodes.Regex) and "(?" in node.pattern}
    if not named:
        return
    for node in written:
        if not isinstance(node, _CONDITIONED) or node.condition is None:
            continue
        regexes = [each for each in nodes.walk(node.condition) if id(each) in named]
        if regexes:
            wanted = _words_under(node, names)
            for regex in regexes:
                _check_groups(regex, wanted, diagnostics)


def _check_groups(regex: nodes.Node, wanted: set[str], diagnostics: Diagnostics) -> None:
    for group in GROUP.finditer(regex.span.text):
        if group[1] not in wanted:
            start = regex.span.start + group.start(1)
            span = regex.span.source.span(start, start + len(group[1]))
            help = f"print it, as in `{{{{ {group[1]} }}}}`, or write `(?:…)` for a group without a name"
            diagnostics.report("W414", f"`{group[1]}` is captured and never used", span, help=help)


def _words_under(node: nodes.Rule | nodes.Given, names: Names) -> set[str]:
    """The words in the templates of the bodies under a condition, of the blocks they use, and of all constants."""
    bodies: tuple[nodes.Node, ...] = (node.body,) if isinstance(node, nodes.Rule) else node.rules
    inside = [each for body in bodies for each in with_blocks(body, names)]
    constants = [let.value for let in names.constants.values()]
    return {word for each in (*inside, *nodes.walk(*constants)) for word in _template_words(each)}


def _used(node: nodes.Node) -> Iterable[str]:
    """The names that a node uses, and perhaps more: every word of a template may be one."""
    if isinstance(node, nodes.Reference):
        return node.text, node.path[0].text
    if isinstance(node, nodes.Field):
        return (node.name.text,)
    if isinstance(node, nodes.Use):
        return (node.block.text,)
    return _template_words(node)


def _template_words(node: nodes.Node) -> Iterable[str]:
    if isinstance(node, nodes.Expression):
        return _WORD.findall(node.source)
    if isinstance(node, nodes.Text) and node.template:
        if has_markup(node.value):
            return _WORD.findall(node.value)
        if not node.span.text.startswith('"""'):
            # is reported as W418: one message for one mistake
            return BRACED.findall(node.span.text) + DOLLAR.findall(node.span.text)
    return ()
