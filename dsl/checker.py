"""Warnings: what is legal and surely not meant. Each is conservative: no false alarm, at the price of some misses.

`check_rules` looks at a table of compiled rules, `check_script` at what is written. The checks themselves are in
modules of their own: `facts` and `shadows`, `tool_loops`, `states`, `unused`, `body_checker`, `impossible`,
`wire_checker`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dsl import nodes
from dsl.addressing import addressed_to, is_offered
from dsl.body_checker import check_bodies
from dsl.conditions import Condition
from dsl.diagnostics import Diagnostics, Label
from dsl.facts import conjuncts, contradiction
from dsl.impossible import models_of
from dsl.resolver import Names
from dsl.shadows import Shadows
from dsl.source import Source
from dsl.table import Rule
from dsl.tool_loops import check_tool_loop, is_stopper
from dsl.unused import check_captures, check_names

_TROUBLE = (nodes.Fail, nodes.Cut, nodes.Reset, nodes.Hang, nodes.Close)
# What another file may want of one that has no rules.
_DECLARATIONS = (nodes.Let, nodes.LetWhen, nodes.Define, nodes.Defaults)
_ANSWERING = (nodes.Rule, nodes.Given, nodes.ForEach, nodes.Scenario, nodes.Socket)


def check_rules(rules: Sequence[Rule], names: Names, diagnostics: Diagnostics) -> None:
    """Report the rules of a table that never answer, and the tool calls that may never stop."""
    above_all = Above()
    addressed = {id(rule): endpoints for rule in rules if (endpoints := addressed_to(rule))}
    unspoken = {endpoint: Above() for endpoints in addressed.values() for endpoint in endpoints}
    stopped = False
    for rule in rules:
        facts = list(conjuncts(rule.guard.condition))
        # One that says which endpoint it is for is asked there even below a rule that takes every conversation.
        places = [unspoken[endpoint] for endpoint in addressed.get(id(rule), ())] or [above_all]
        above = [place.shadow(facts) for place in places]
        if all(above) and contradiction([*facts, *rule.guard.nth]) is None:
            _report_shadow(rule, above[0], diagnostics)
        if not all(above) and not stopped:
            check_tool_loop(rule, names, diagnostics)
        stopped = stopped or is_stopper(rule)
        above_all.add(rule)
        for endpoint, place in unspoken.items():
            if is_offered(rule, endpoint):
                place.add(rule)


class Above:
    """The rules above one, as they may shadow it."""

    def __init__(self) -> None:
        self._shadows = Shadows()
        self._catch_all: Rule | None = None

    def shadow(self, facts: Sequence[Condition]) -> Rule | None:
        """The first rule that takes all that a rule with these facts would."""
        return self._catch_all or self._shadows.of(facts)

    def add(self, rule: Rule) -> None:
        if self._catch_all is None and rule.guard.condition is None and not rule.guard.nth:
            self._catch_all = rule
        self._shadows.add(rule)


def check_script(items: Sequence[nodes.Item], names: Names, own: Source, diagnostics: Diagnostics) -> None:
    """Report what is surely not meant in a script without errors. `own` is its file, and none that it includes."""
    if not any(isinstance(item, _ANSWERING) for item in items):
        if not any(isinstance(item, _DECLARATIONS) for item in items):
            help = 'begin with `otherwise reply "…"`'
            start = own.span(0, min(1, len(own.text)))
            diagnostics.report("W417", "this script has no rules", start, "it answers nothing", help=help)
        return  # a library: its names are for others
    tests = [item for item in items if isinstance(item, nodes.Test)]
    # Looked through several times, found once: a script is many nodes.
    written = nodes.walk(*(item for item in items if not isinstance(item, nodes.Test)))
    check_names(items, [*written, *nodes.walk(*tests)], own, diagnostics)
    check_captures(written, names, diagnostics)
    check_bodies(written, models_of(items), names, diagnostics)
    _check_seed(items, written, diagnostics)


def _report_shadow(rule: Rule, earlier: Rule | None, diagnostics: Diagnostics) -> None:
    assert earlier is not None
    what = "everything" if earlier.guard.condition is None else "everything this rule would"
    diagnostics.report(
        "W401",
        "this rule can never answer",
        rule.node.guard,
        secondary=Label(earlier.node.head, f"this rule, above it, already takes {what}"),
        help="move it above that rule, or remove it",
    )


def _check_seed(items: Sequence[nodes.Item], written: Iterable[nodes.Node], diagnostics: Diagnostics) -> None:
    """Report the first thing that is left to chance, if no seed makes it happen alike each time."""
    settings = [setting for item in items if isinstance(item, nodes.Defaults) for setting in item.settings]
    if any(isinstance(setting, nodes.Seed) for setting in settings):
        return
    left = next(_left_to_chance(written), None)
    if left is not None:
        word = "chance" if isinstance(left, nodes.Chance) else "pick"
        span = left.span.source.span(left.span.start, left.span.start + len(word))
        help = "add `defaults { seed 42 }`: the same requests then have the same luck each time"
        diagnostics.report("W415", "this comes out differently each time", span, "no seed is set", help=help)


def _left_to_chance(written: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    """What is left to chance; of a `pick` only one that may end in trouble, for variety is what others are for."""
    for node in written:
        if isinstance(node, nodes.Chance) or (
            isinstance(node, nodes.Pick) and any(isinstance(each, _TROUBLE) for each in nodes.walk(node))
        ):
            yield node
