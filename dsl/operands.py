"""What conditions compare with, from nodes to values: constants and the variables of `for each`es in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from dsl import fields, nodes
from dsl.diagnostics import Diagnostics, Invalid, did_you_mean, one_of
from dsl.loops import Item, Turns, called
from dsl.molds import typed
from dsl.phrases import value_hint
from dsl.resolver import Names
from dsl.source import Span

# How deep in one another named things may be, and how many of them one rule may have.
DEEPEST_NAMES = 50
MOST_NAMES = 1_000


class OperandCompiler:
    """Compiles the operands of the condition at hand."""

    def __init__(self, names: Names, diagnostics: Diagnostics) -> None:
        self._names = names
        self._diagnostics = diagnostics
        self._open: list[str] = []  # the names that are being put in their places
        self._expanded = 0
        self._turns: Turns = {}
        self._varies = False  # whether the condition at hand looks at a variable of a `for each`

    def _value(self, node: nodes.Node, field: fields.Field) -> Any:
        """The value of an operand. Texts are never templates here."""
        if isinstance(node, nodes.Text | nodes.Number | nodes.Constant):
            return node.value
        if isinstance(node, nodes.Duration):
            return node.seconds
        if isinstance(node, nodes.Percent):
            return node.fraction
        if isinstance(node, nodes.List):
            return [self._value(item, field) for item in node.items]
        if isinstance(node, nodes.Object):
            return {pair.key.text: self._value(pair.value, field) for pair in node.pairs}
        if isinstance(node, nodes.Reference):
            if node.text in field.words:
                return node.text
            if node.path[0].text in self._turns:
                return self._part(node, field)
            value = self._constant(node, field.words)
            if isinstance(value, nodes.Regex | nodes.Rate | nodes.Jittered | nodes.Uniform):
                help = f"write `matches {node.text}`" if isinstance(value, nodes.Regex) else None
                self._refuse("E202", f"`{node.text}` is not a value", node.span, help=help)
            if node.text in self._open:
                raise Invalid  # every constant is compiled as a value of its own, too, where this is reported
            self._expanded += 1
            if len(self._open) >= DEEPEST_NAMES or self._expanded > MOST_NAMES:
                self._refuse("E208", f"`{node.text}` is made of too many parts", node.span)
            self._open.append(node.text)
            try:
                return self._value(value, field)
            finally:
                self._open.pop()
        self._refuse("E209", "a condition cannot hold a template", node.span, help="compare with a value")

    def _part(self, node: nodes.Reference, field: fields.Field) -> Any:
        """What the variable of a `for each` stands for in the turn at hand, or a part of it."""
        self._varies = True
        turn = self._turns[node.path[0].text]
        taken = 1  # how much of the path leads to the value
        if isinstance(turn, Item):
            inner, self._turns = self._turns, turn.outer
            written: nodes.Node = turn.node
            while (part := _member(written, node.path[taken:])) is not None:  # its other parts may be templates
                written, taken = part, taken + 1
            try:
                value = self._value(written, field)
            finally:
                self._turns = inner
        else:
            value = turn.value
        for number, name in enumerate(node.path[taken:], taken):
            if not isinstance(value, Mapping) or name.text not in value:
                holder = ".".join(each.text for each in node.path[:number])
                keys = value if isinstance(value, Mapping) else ()
                message = f"`{holder}` has no `{name.text}`"
                help = did_you_mean(name.text, keys) or (
                    f"its keys are {', '.join(f'`{key}`' for key in keys)}" if keys else f"write `{holder}` alone"
                )
                self._refuse("E225", message, name.span, help=help)
            value = value[name.text]
        if isinstance(value, str) and not isinstance(turn, Item) and turn.texts:
            return typed(value, field.type)
        return value

    def _constant(self, node: nodes.Reference, also: tuple[str, ...] = ()) -> nodes.Node:
        """What a bare name stands for."""
        value = self._names.constant(node)
        if value is None:
            known = [*self._names.constants, *also, "true", "false", "null"]
            guess = value_hint(node.text) or did_you_mean(node.text, known)
            help = guess or f'for the text itself, write "{node.text}"'
            if node.path[0].text in fields.CATALOGUE:
                help = "a field is compared with a value, not with another field"
            elif also and guess is None:
                help = f"it is one of {one_of(f'`{word}`' for word in also)}"
            self._refuse("E203", f"nothing is called `{node.text}`", node.span, help=help)
        return value

    def _refuse(self, code: str, message: str, span: Span, label: str = "", help: str | None = None) -> NoReturn:
        if self._varies and self._turns and not label:
            help = help if code == "E225" else None  # the others tell how to write it in a script
            label = f"in {called(self._turns)}"
        self._diagnostics.refuse(code, message, span, label, help=help)


def _member(node: nodes.Node, path: Sequence[nodes.Name]) -> nodes.Node | None:
    """The first part on the path through an object as it is written."""
    if not path or not isinstance(node, nodes.Object):
        return None
    return next((pair.value for pair in node.pairs if pair.key.text == path[0].text), None)
