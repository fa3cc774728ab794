"""Warnings: statements that no answer comes to."""

from __future__ import annotations

from dsl import nodes
from dsl.diagnostics import Diagnostics, Label

_ENDINGS = (nodes.Fail, nodes.Cut, nodes.Reset, nodes.Hang, nodes.Close)
_SAYING = (nodes.Reply, nodes.Chunk, nodes.Think, nodes.Call, nodes.Refuse)


def check_dead_code(block: nodes.Block, diagnostics: Diagnostics) -> None:
    """Report the first statement behind one that ends the answer, and the first thing said behind a `finish`."""
    for number, statement in enumerate(block.statements):
        said = next((each for each in block.statements[number + 1 :] if isinstance(each, _SAYING)), None)
        if isinstance(statement, nodes.Finish) and said is not None:
            label = Label(statement.span, "`finish` ends what is said here")
            diagnostics.report("W403", "this is never reached", said.span, secondary=label)
            break
    for ending, dead in zip(block.statements, block.statements[1:], strict=False):
        if isinstance(ending, _ENDINGS):
            word = type(ending).__name__.lower()
            label = Label(ending.span, f"`{word}` ends the answer here")
            late = ending.duration if isinstance(ending, nodes.Hang) else None
            help = f"to go on after a pause write `wait {late.span.text}`" if late else None
            diagnostics.report("W403", "this is never reached", dead.span, secondary=label, help=help)
            break
