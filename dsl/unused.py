"""Names that a script gives and never uses: constants, named conditions, blocks, captures.

A file that only declares is a library, and one that is included may be one: what nobody uses there others may.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

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
_CONDITIONED = nodes.Rule | nodes.Given


def check_names(items: Sequence[nodes.Item], own: Source, diagnostics: Diagnostics) -> None:
    """Report what the file `own` names and nothing of the script uses."""
    used = {name for item in items for name in _used(item)}
    for item in items:
        if not isinstance(item, nodes.Let | nodes.LetWhen | nodes.Define) or item.span.source is not own:
            continue
        if item.name.text not in used:
            help = "use it, or remove it"
            if isinstance(item, nodes.Define):
                help = f"use it, as in `use {item.name.text}`, or remove it"
            diagnostics.report("W413", f"`{item.name.text}` is never used", item.name.span, help=help)


def check_captures(items: Iterable[nodes.Node], names: Names, diagnostics: Diagnostics) -> None:
    """Report the groups of regular expressions that have a name which nothing under their condition uses."""
    for item in items:
        for node in _conditioned(item):
            condition = node.condition
            regexes = [] if condition is None else [each for each in nodes.walk(condition) if _is_named(each)]
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


def _is_named(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Regex) and "(?" in node.pattern


def _conditioned(item: nodes.Node) -> Iterator[nodes.Rule | nodes.Given]:
    """The rules and `given`s in a declaration."""
    return (node for node in nodes.walk(item) if isinstance(node, _CONDITIONED))


def _words_under(node: nodes.Rule | nodes.Given, names: Names) -> set[str]:
    """The words in the templates of the bodies under a condition, of the blocks they use, and of all constants."""
    bodies: tuple[nodes.Node, ...] = (node.body,) if isinstance(node, nodes.Rule) else node.rules
    inside = [each for body in bodies for each in with_blocks(body, names)]
    constants = [let.value for let in names.constants.values()]
    return {word for each in (*inside, *_all(constants)) for word in _template_words(each)}


def _all(roots: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    return (node for root in roots for node in nodes.walk(root))


def _used(item: nodes.Item) -> Iterator[str]:
    """The names that a declaration uses, and perhaps more: every word of a template may be one."""
    for node in nodes.walk(item):
        if isinstance(node, nodes.Reference):
            yield node.text
            yield node.path[0].text
        elif isinstance(node, nodes.Field):
            yield node.name.text
        elif isinstance(node, nodes.Use):
            yield node.block.text
        else:
            yield from _template_words(node)


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
