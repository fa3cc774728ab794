"""Tool calls that may never stop.

A rule that calls a tool whenever the user's text says so still holds when the tool's result comes back, for the
user's text is still the last one: the client calls the tool again, and again. It stops if something before it, its
own condition or its own body looks at, or changes, what is not the same any more.
"""

from __future__ import annotations

from collections.abc import Iterator

from dsl import nodes
from dsl.conditions import Test
from dsl.diagnostics import Diagnostics, Label
from dsl.facts import conjuncts, tests
from dsl.resolver import Names
from dsl.table import Rule

# The fields that are not the same any more when a tool's result comes back, and the parts of the body.
_CHANGING = {"tool_result", "nth", "turn", "last", "input", "assistant", "messages", "memory", "state", "elapsed"}
_CONVERSATION = {"messages", "input", "previous_response_id", "conversation"}


def is_stopper(rule: Rule) -> bool:
    """Whether a rule looks at what has changed when a tool's result comes back, so that it may answer then."""
    if rule.guard.nth:
        return True
    return any(_changes(test) for fact in conjuncts(rule.guard.condition) for test in tests(fact))


def check_tool_loop(rule: Rule, names: Names, diagnostics: Diagnostics) -> None:
    """Report a rule that calls a tool, and that nothing stops. No rule above it is one that `is_stopper`."""
    call = next(_calls(rule.node.body), None)
    if call is None or is_stopper(rule) or _goes(rule.node.body, names):
        return
    diagnostics.report(
        "W404",
        "this tool call may never stop",
        call.span,
        "asks for a tool",
        secondary=Label(rule.node.guard, "still true when the tool's result comes back"),
        help="put a rule `when tool_result …` above this one, or add `and not tool_result`",
    )


def _changes(test: Test) -> bool:
    name, path = test.tested
    return name in _CHANGING or (name == "body" and (not path or path[0] in _CONVERSATION))


def _calls(action: nodes.Action) -> Iterator[nodes.Call]:
    """The tool calls that a body makes at every answer: not those of a chance or of one step among several.

    Those of a block that it uses are the block's, which may be meant for rules that do stop.
    """
    if isinstance(action, nodes.Call):
        yield action
    elif isinstance(action, nodes.Block):
        for statement in action.statements:
            yield from _calls(statement)
    elif isinstance(action, nodes.Repeat | nodes.Choice):
        yield from _calls(action.body)
    elif isinstance(action, nodes.Sequence):
        yield from _calls(action.steps[-1].body)


def _goes(body: nodes.Action, names: Names) -> bool:
    """Whether a body may change the state of a scenario, and with it the rules that answer."""
    return any(isinstance(node, nodes.Go) for node in with_blocks(body, names))


def with_blocks(body: nodes.Node, names: Names) -> Iterator[nodes.Node]:
    """The nodes of a body, and those of the blocks that it uses, each block once."""
    opened: set[str] = set()
    bodies = [body]
    while bodies:
        for node in nodes.walk(bodies.pop()):
            yield node
            if isinstance(node, nodes.Use) and node.block.text not in opened:
                opened.add(node.block.text)
                block = names.blocks.get(node.block.text)
                if block is not None:
                    bodies.append(block.body)
