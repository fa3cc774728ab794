"""A fault in front of an answer, given from outside of any script: `429`, `reset`, `after 3 chunks cut`."""

from __future__ import annotations

import re
from functools import lru_cache

from dsl import nodes
from dsl.body_compiler import BodyCompiler
from dsl.diagnostics import Diagnostics, ScriptError
from dsl.parser import parse_body
from dsl.performance import Statement
from dsl.resolver import Names
from dsl.source import Source
from dsl.value_compiler import Context

# What makes trouble, takes time, or stands around it: a fault says nothing that a model would.
_ALLOWED = (
    nodes.Fail, nodes.Cut, nodes.Reset, nodes.Hang, nodes.Close, nodes.Wait, nodes.Ttft, nodes.Pace, nodes.After,
    nodes.Split, nodes.Status, nodes.Header, nodes.Chance, nodes.Comment, nodes.Raw, nodes.Block,
)  # fmt: skip
_STATUS = re.compile(r"\s*(\d{3})\s*")


FAULT = "fault"  # what the source of a fault is called in spans


@lru_cache(256)
def compile_fault(text: str, *, socket: bool = False) -> Statement:
    """Compile a fault for `Script.perform`: statements in the language, or a status alone (`429` is `fail 429`).

    `socket` is whether it comes before an answer on a socket, which can be closed.

    Raises:
        ScriptError: it is none.
    """
    if status := _STATUS.fullmatch(text):
        text = f"fail {status[1]}"
    diagnostics = Diagnostics()
    body = parse_body(Source(FAULT, text), diagnostics)
    compiled: Statement | None = None
    if body is not None:
        _check(body, diagnostics)
        compiled = BodyCompiler(Names(), diagnostics).compile(body, Context(FAULT, socket=socket))
    found = diagnostics.sorted()
    if compiled is None or any(diagnostic.is_error for diagnostic in found):
        raise ScriptError(found)
    return compiled


def _check(body: nodes.Action, diagnostics: Diagnostics) -> None:
    """Report the statements that no fault has."""
    if isinstance(body, nodes.Block):
        for statement in body.statements:
            _check(statement, diagnostics)
    elif not isinstance(body, _ALLOWED):
        word = body.span.text.split(None, 1)[0]
        help = "a fault is trouble or time, such as `fail`, `cut`, `reset`, `hang`, `wait`, `pace` or `after`"
        diagnostics.report("E222", f"`{word}` stands in a fault", body.span, help=help)
    elif isinstance(body, nodes.After | nodes.Chance):
        _check(body.body, diagnostics)
