"""Warnings: what a rule does that the wire on which it answers cannot carry. Conservative, as in `checker`."""

from __future__ import annotations

from collections.abc import Iterator

from dsl import fields, nodes
from dsl.conditions import And, Condition, Member
from dsl.diagnostics import Diagnostics, Label
from dsl.table import Rule

_OUTPUT = (nodes.Reply, nodes.Chunk, nodes.Think, nodes.Call, nodes.Refuse, nodes.Raw, nodes.Comment)


def check_wire(rule: Rule, diagnostics: Diagnostics, *, socket: bool = False) -> None:
    """Report the statements of a rule that do nothing where its condition, or the `socket` around it, has it."""
    endpoints = _possible(rule, "endpoint")
    transports = {"websocket"} if socket else _possible(rule, "transport")
    for node in nodes.walk(rule.node.body):
        if isinstance(node, nodes.Dialect) and "chat" not in endpoints:
            word, reason = "dialect", "only Chat Completions has dialects"
        elif isinstance(node, nodes.Raw) and node.binary and "websocket" not in transports:
            word, reason = "as binary", "only a socket has binary messages: these are bytes all the same"
        elif isinstance(node, nodes.Comment) and transports == {"json"}:
            word, reason = "comment", "an answer in one piece has no comments"
        elif isinstance(node, nodes.Status | nodes.Header) and transports == {"websocket"}:
            word = "status" if isinstance(node, nodes.Status) else "header"
            reason = "what is said on a socket has neither a status nor headers"
        else:
            continue
        label = Label(rule.node.guard, "where this rule answers")
        diagnostics.report("W402", f"`{word}` does nothing here", node.span, reason, secondary=label)
    if "sse" in transports:
        _check_late_failure(rule.node.body, diagnostics)


def _check_late_failure(body: nodes.Action, diagnostics: Diagnostics) -> None:
    """Report what a `fail` behind output says to the head of an answer, which has left by then if it streams."""
    statements = body.statements if isinstance(body, nodes.Block) else ()
    said = next((statement for statement in statements if isinstance(statement, _OUTPUT)), None)
    if said is None:
        return
    for statement in statements[statements.index(said) :]:
        if isinstance(statement, nodes.Fail) and (late := statement.status or statement.retry_after):
            diagnostics.report(
                "W407",
                "this comes too late for a client that streams",
                late.span,
                "it has had its status and headers by then",
                secondary=Label(said.span, "the answer begins here"),
                help='put `fail` first, or say with `transport is "json"` who is to see it',
            )


def _possible(rule: Rule, field: str) -> set[str]:
    """The values that a field of words can have when the rule holds."""
    possible = set(fields.CATALOGUE[field].words)
    for part in _conjuncts(rule.guard.condition):
        if isinstance(part, Member) and part.tested == (field, ()):
            values = {value for value in part.values if isinstance(value, str)}
            possible = possible - values if part.negative else possible & values
    return possible


def _conjuncts(condition: Condition | None) -> Iterator[Condition]:
    if isinstance(condition, And):
        for part in condition.parts:
            yield from _conjuncts(part)
    elif condition is not None:
        yield condition
