"""Warnings: what a rule does that the wire on which it answers cannot carry. Conservative, as in `checker`."""

from __future__ import annotations

from dsl import nodes
from dsl.diagnostics import Diagnostics, Label
from dsl.facts import conjuncts, possible_words, tests
from dsl.table import Rule

_OUTPUT = (nodes.Reply, nodes.Chunk, nodes.Think, nodes.Call, nodes.Refuse, nodes.Raw, nodes.Comment)
# What not every wire carries. Most rules have nothing of it.
_WIRED = (nodes.Dialect, nodes.Raw, nodes.Comment, nodes.Status, nodes.Header, nodes.Fail)
_TEXTS = (nodes.Reply, nodes.Chunk, nodes.Think, nodes.Call, nodes.Refuse)


def check_wire(rule: Rule, diagnostics: Diagnostics, *, socket: bool = False) -> None:
    """Report the statements of a rule that do nothing where its condition, or the `socket` around it, has it."""
    if not any(isinstance(node, _WIRED) for node in nodes.walk(rule.node.body)):
        return
    endpoints = possible_words(rule.guard.condition, "endpoint")
    transports = {"websocket"} if socket else possible_words(rule.guard.condition, "transport")
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
    if transports != {"websocket"}:
        _check_status(rule, diagnostics)
    if "sse" in transports:
        _check_late_failure(rule.node.body, diagnostics)


def _check_status(rule: Rule, diagnostics: Diagnostics) -> None:
    """Report a `status` that a `fail` has no use for, and one of an error on an answer that is none."""
    body = rule.node.body
    statements = body.statements if isinstance(body, nodes.Block) else (body,)
    status = next((each for each in statements if isinstance(each, nodes.Status)), None)
    if status is None:
        return
    said = next((each for each in statements if isinstance(each, (*_OUTPUT, nodes.Fail))), None)
    silent = all(isinstance(each, nodes.Status | nodes.Header | nodes.Wait) for each in statements)
    if silent and 400 <= status.code.value <= 599 and not _is_addressed(rule):
        help = f"for an error write `fail {status.code.span.text}`"
        diagnostics.report("W420", "this is the status of an error", status.span, "and nothing is said", help=help)
    if isinstance(said, nodes.Fail):
        label = Label(said.span, "`fail` has a status of its own, which is 500 by itself")
        help = f"write `fail {said.status.span.text if said.status else status.code.span.text} …` alone"
        diagnostics.report("W420", "this status is never sent", status.span, secondary=label, help=help)
    elif isinstance(said, _TEXTS) and status.code.value >= 400 and not _is_addressed(rule):
        help = f'for an error write `fail {status.code.span.text} "…"`; for a body of your own, `raw`'
        label = Label(said.span, "and this is a whole answer of the model")
        diagnostics.report("W420", "this is the status of an error", status.span, secondary=label, help=help)


def _is_addressed(rule: Rule) -> bool:
    """Whether a rule may be for paths on which an answer is whatever the script says."""
    tested = {test.tested[0] for part in conjuncts(rule.guard.condition) for test in tests(part)}
    return bool(tested & {"endpoint", "path"})


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
