"""Warnings: names and values that are taken as they stand, and that nothing is ever called. Conservative, as in
`checker`.

**Patterns.** `is "gpt-4*"` compares with a star. Names of models and paths have none.

**Models.** Where the script lists the models there are, a request for any other is a 404, and no rule is asked.

**Events.** `on open` waits for a frame of the type `open`. A protocol that has one writes it in quotes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from dsl import nodes
from dsl.diagnostics import Diagnostics, one_of
from dsl.resolver import Names

_PATTERNED = ("model", "path")  # of these no value has a star in it
_EVENTS = {
    "open": "connect", "opened": "connect", "connected": "connect", "connection": "connect",
    "closed": "close", "disconnect": "close", "disconnected": "close",
}  # fmt: skip


def models_of(items: Sequence[nodes.Item]) -> set[str] | None:
    """The models that the script lists; None if any exists."""
    settings = [setting for item in items if isinstance(item, nodes.Defaults) for setting in item.settings]
    lists = [setting for setting in settings if isinstance(setting, nodes.Models)]
    if not lists:
        return None
    return {node.value for node in lists[-1].ids.items if isinstance(node, nodes.Text)}


def check_comparison(
    node: nodes.Comparison, models: set[str] | None, names: Names, diagnostics: Diagnostics
) -> None:
    """Report a pattern that is compared as it stands, and a model that there is none of."""
    field = node.field.name.text
    if field not in _PATTERNED or node.field.path or node.operator not in ("equal", "member"):
        return
    for text in _texts(node.operand, names):
        if "*" in text.value:
            start = text.value.removesuffix("*")
            help = f'write `{field} starts with "{start}"`' if start and "*" not in start else None
            help = help or f"write `{field} matches /…/`; for any, leave it out"
            message = f"no {field} is called `{text.value}`"
            diagnostics.report("W422", message, text.span, "a star is no pattern here", help=help)
        elif field == "model" and models is not None and text.value not in models and not node.ignoring_case:
            close = difflib.get_close_matches(text.value, sorted(models), n=3, cutoff=0)
            instead = f", or write {one_of(f'`{model}`' for model in close)}" if close else ""
            help = f"add it to `models`{instead}"
            message = f"there is no model `{text.value}`"
            diagnostics.report("W421", message, text.span, "`models` does not list it", help=help)


def check_event(node: nodes.On, diagnostics: Diagnostics) -> None:
    """Report an event of sockets under the name that it has elsewhere."""
    meant = _EVENTS.get(node.event.span.text)  # bare: one in quotes is meant
    if meant is not None:
        help = f'did you mean `on {meant}`? A frame of this type is written `on "{node.event.text}"`'
        message = f"`on {node.event.text}` waits for a frame of this type"
        diagnostics.report("W423", message, node.event.span, help=help)


def _texts(operand: nodes.Node | None, names: Names) -> Iterator[nodes.Text]:
    if isinstance(operand, nodes.Reference):
        operand = names.constant(operand)
    if isinstance(operand, nodes.Text):
        yield operand
    elif isinstance(operand, nodes.List):
        for item in operand.items:
            yield from _texts(item, names)
