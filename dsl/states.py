"""The states of a scenario: which lead where."""

from __future__ import annotations

from dsl import nodes
from dsl.diagnostics import Diagnostics, did_you_mean, one_of
from dsl.resolver import Names
from dsl.tool_loops import with_blocks


def check_states(scenario: nodes.Scenario, names: Names, diagnostics: Diagnostics) -> None:
    """Report a `go` to a state that there is none of, and states that are never entered or never left.

    A state without any `go` is an end, which is no mistake, unless it is the first one and there are others.
    """
    states = [state.name.text for state in scenario.states]
    for node in nodes.walk(scenario):
        if isinstance(node, nodes.Go) and node.state.text not in states:
            known = f"a state is {one_of(f'`{state}`' for state in states)}"
            help = did_you_mean(node.state.text, states) or known
            message = f"this scenario has no state `{node.state.text}`"
            diagnostics.report("E206", message, node.state.span, help=help)
            return  # where it was to lead nobody knows
    targets = {state.name.text: _targets(state, names) for state in scenario.states}
    first = scenario.states[0]
    for state in scenario.states:
        name = state.name
        stays = targets[name.text] == {name.text} or (state is first and not targets[name.text])
        if stays and len(states) > 1:
            help = f"add `go {next(other for other in states if other != name.text)}` to one of its rules"
            diagnostics.report("W412", f"the state `{name.text}` is never left", name.span, help=help)
            if state is first:
                return  # that the others are never entered is the same mistake
    reached, left = {first.name.text}, [first.name.text]
    while left:
        fresh = (targets[left.pop()] & targets.keys()) - reached
        reached |= fresh
        left += fresh
    for state in scenario.states:
        if state.name.text not in reached:
            help = f"add `go {state.name.text}` to a rule of another state, or remove it"
            message = f"the state `{state.name.text}` is never entered"
            diagnostics.report("W409", message, state.name.span, help=help)


def _targets(state: nodes.State, names: Names) -> set[str]:
    return {node.state.text for node in with_blocks(state, names) if isinstance(node, nodes.Go)}
