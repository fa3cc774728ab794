"""Warnings: what is legal and surely not meant. Each is conservative: no false alarm, at the price of some misses.

**Shadowing.** An earlier rule shadows a later one if the later one's condition cannot hold without the earlier
one's. Conditions are taken as conjunctions of facts. A fact about a field follows from another fact about it: if
that allows only certain values (`is`, `in`), when each of them passes; if it is a substring, when that has it.

**Interruptions.** `after 5 chunks` counts what is said below it. At the end of a body it never strikes.

**Tool loops.** A rule that calls a tool whenever the user's text says so still holds when the tool's result
comes back, for the user's text is still the last one. It stops if something before it, or its own condition,
looks at what has changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from dsl import nodes
from dsl.conditions import (
    And,
    Condition,
    Contains,
    EndsWith,
    Member,
    Negation,
    Or,
    Present,
    StartsWith,
    Test,
    TextTest,
)
from dsl.diagnostics import Diagnostics, Label, did_you_mean, one_of
from dsl.table import Rule

# Comparing each rule with each is quadratic: beyond this many comparisons only catch-alls are looked for.
MOST_COMPARISONS = 200_000

# The fields that are not the same any more when a tool's result comes back.
_CHANGING = {"tool_result", "nth", "turn", "last", "input", "assistant", "messages", "memory", "body"}


def check_rules(rules: list[Rule], diagnostics: Diagnostics) -> None:
    for rule in rules:
        _check_interruption(rule, diagnostics)
    comparisons = 0
    catch_all: Rule | None = None
    for number, rule in enumerate(rules):
        if catch_all is not None:
            _report_shadow(rule, catch_all, diagnostics)
            continue
        facts = list(_facts(rule))
        if comparisons < MOST_COMPARISONS:
            comparisons += number
            for earlier in rules[:number]:
                if not earlier.guard.nth and earlier.guard.condition and _follows(earlier.guard.condition, facts):
                    _report_shadow(rule, earlier, diagnostics)
                    break
        _check_tool_loop(rule, rules[:number], diagnostics)
        if rule.guard.condition is None and not rule.guard.nth:
            catch_all = rule


def check_states(scenario: nodes.Scenario, diagnostics: Diagnostics) -> None:
    """Report a `go` to a state that the scenario does not have."""
    states = [state.name.text for state in scenario.states]
    for node in nodes.walk(scenario):
        if isinstance(node, nodes.Go) and node.state.text not in states:
            known = f"a state is {one_of(f'`{state}`' for state in states)}"
            help = did_you_mean(node.state.text, states) or known
            message = f"this scenario has no state `{node.state.text}`"
            diagnostics.report("E206", message, node.state.span, help=help)


# -- shadowing --------------------------------------------------------------------------------


def _report_shadow(rule: Rule, earlier: Rule, diagnostics: Diagnostics) -> None:
    what = "everything" if earlier.guard.condition is None else "everything this rule would"
    diagnostics.report(
        "W401",
        "this rule can never answer",
        rule.node.guard,
        secondary=Label(earlier.node.head, f"this rule, above it, already takes {what}"),
        help="move it above that rule, or remove it",
    )


def _facts(rule: Rule) -> Iterator[Condition]:
    """What is known to be true when the rule holds."""
    return _conjuncts(rule.guard.condition) if rule.guard.condition else iter(())


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, And):
        for part in condition.parts:
            yield from _conjuncts(part)
    else:
        yield condition


def _follows(condition: Condition, facts: list[Condition]) -> bool:
    """Whether the condition holds whenever all the facts do."""
    if isinstance(condition, And):
        return all(_follows(part, facts) for part in condition.parts)
    if any(condition == fact and repr(condition) == repr(fact) for fact in facts):  # in Python 1 equals true
        return True
    if isinstance(condition, Or):
        return any(_follows(part, facts) for part in condition.parts)
    if isinstance(condition, Negation):
        return False
    return any(
        isinstance(fact, Test) and fact.tested == condition.tested and _implies(fact, condition) for fact in facts
    )


def _implies(fact: Test, test: Test) -> bool:
    """Whether a test holds for every value of the field for which the fact does."""
    if isinstance(fact, Member) and not fact.negative and not fact.ignoring_case:
        return all(test.passes(value) for value in fact.values)
    if isinstance(fact, TextTest):
        if isinstance(test, Present):
            return all(fact.wanted)
        parts = fact.wanted if fact.every or len(fact.wanted) == 1 else ()
        if fact.ignoring_case or not isinstance(fact, Contains | StartsWith | EndsWith):
            return False
        if isinstance(test, Contains) and not test.every and not test.ignoring_case:
            return any(wanted in part for wanted in test.wanted for part in parts)
        if type(test) is type(fact) and isinstance(test, StartsWith) and not test.ignoring_case:
            return any(part.startswith(wanted) for wanted in test.wanted for part in parts)
        if type(test) is type(fact) and isinstance(test, EndsWith) and not test.ignoring_case:
            return any(part.endswith(wanted) for wanted in test.wanted for part in parts)
    return False


# -- interruptions -----------------------------------------------------------------------------


def _check_interruption(rule: Rule, diagnostics: Diagnostics) -> None:
    """Report an `after` that counts what follows it, and stands at the end."""
    body = rule.node.body
    last = body.statements[-1] if isinstance(body, nodes.Block) and body.statements else body
    if isinstance(last, nodes.After) and isinstance(last.trigger, nodes.Count):
        help = "move it above what it is to interrupt"
        diagnostics.report("W406", "nothing follows that this could interrupt", last.span, help=help)


# -- tool loops -------------------------------------------------------------------------------


def _check_tool_loop(rule: Rule, earlier: list[Rule], diagnostics: Diagnostics) -> None:
    call = next(_calls(rule.node.body), None)
    if call is None or _looks_at(rule, _CHANGING) or any(_looks_at(other, {"tool_result"}) for other in earlier):
        return
    diagnostics.report(
        "W404",
        "this tool call may never stop",
        call.span,
        "asks for a tool",
        secondary=Label(rule.node.guard, "still true when the tool's result comes back"),
        help="put a rule `when tool_result …` above this one, or add `and not tool_result`",
    )


def _looks_at(rule: Rule, names: set[str]) -> bool:
    if rule.guard.nth:
        return True
    tests = (test for fact in _facts(rule) for test in _tests(fact))
    return any(test.tested[0] in names for test in tests)


def _tests(condition: Condition) -> Iterator[Test]:
    if isinstance(condition, Test):
        yield condition
    elif isinstance(condition, Negation):
        yield from _tests(condition.part)
    else:
        for part in condition.parts:
            yield from _tests(part)


def _calls(action: nodes.Action) -> Iterator[nodes.Call]:
    """The tool calls that a body makes at every answer: not those of a chance or of one step among several."""
    if isinstance(action, nodes.Call):
        yield action
    elif isinstance(action, nodes.Block):
        for statement in action.statements:
            yield from _calls(statement)
    elif isinstance(action, nodes.Sequence):
        yield from _calls(action.steps[-1].body)
