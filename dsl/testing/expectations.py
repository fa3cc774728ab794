"""What a test expects, compiled: conditions like those of rules, on the fields of an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dsl import fields, nodes
from dsl.condition_compiler import ConditionCompiler
from dsl.conditions import Condition
from dsl.diagnostics import Diagnostics, Invalid, did_you_mean, one_of
from dsl.facts import check_contradiction
from dsl.guards import Captures
from dsl.records import changed
from dsl.resolver import Names
from dsl.testing import outcome_fields


class ExpectationCompiler(ConditionCompiler):
    """Compiles the conditions of `expect`.

    `rules` are the names of the script's rules, which stand bare. So do the states of its `scenarios`.
    """

    def __init__(
        self,
        names: Names,
        diagnostics: Diagnostics,
        rules: Sequence[str],
        scenarios: Mapping[str, tuple[str, ...]],
    ) -> None:
        super().__init__(names, diagnostics)
        self._scenarios = scenarios
        rule = replace(outcome_fields.CATALOGUE["rule"], words=tuple(rules))
        self._fields = {**outcome_fields.CATALOGUE, "rule": rule}

    def expectation(self, node: nodes.Condition) -> tuple[Condition, ...]:
        """The parts that all must hold, in order.

        Raises:
            Invalid: there is a mistake in one.
        """
        self._expanded = 0
        parts = node.parts if isinstance(node, nodes.All) else (node,)
        compiled: list[Condition] = []
        for part in parts:
            try:
                self._check_rules(part)
                compiled.append(self._condition(part)[0])
            except Invalid:
                continue
        if len(compiled) < len(parts):
            raise Invalid
        check_contradiction(compiled, self._diagnostics)
        return tuple(compiled)

    def _named(self, condition: nodes.Condition) -> nodes.LetWhen | None:
        return None  # a named condition is one on requests

    def _comparison(self, node: nodes.Comparison, counting: bool) -> tuple[Condition, Captures]:
        if node.field.name.text == "state" and not node.field.path and len(self._scenarios) == 1:
            node = changed(node, field=changed(node.field, path=tuple(self._scenarios)))
        return super()._comparison(node, counting)

    def _field(self, node: nodes.Comparison) -> fields.Field:
        name = node.field.name
        if name.text == "state":
            return self._state(node.field)
        field = self._fields.get(name.text)
        if field is None:
            label = "an outcome has no such field"
            self._refuse("E201", f"unknown field `{name.text}`", name.span, label, self._hint(name))
        if node.field.path and name.text not in outcome_fields.PARTED:
            self._refuse("E202", f"`{name.text}` is {field.type.value}, so it has no parts", node.field.span)
        return field

    def _state(self, written: nodes.Field) -> fields.Field:
        """The field of one scenario's state."""
        if not self._scenarios:
            self._refuse("E201", "this script has no scenario", written.span, "so there is no state")
        which = str(written.path[0]) if written.path else ""
        if which not in self._scenarios or len(written.path) > 1:
            known = one_of(f"`state.{name}`" for name in self._scenarios)
            help = did_you_mean(which, self._scenarios) or f"write {known}"
            message = f"no scenario is called `{which}`" if which else "this script has several scenarios"
            if which in self._scenarios:
                message = f"`state.{which}` is a text, so it has no parts"
            self._refuse("E201", message, written.span, help=help)
        return replace(self._fields["state"], words=self._scenarios[which])

    def _hint(self, name: nodes.Name) -> str:
        if name.text in self._names.conditions:
            return "that is a condition on requests: a test looks at what came of one"
        meant = outcome_fields.SYNONYMS.get(name.text)
        if name.text in ("response", "answer", "result", "outcome"):
            return 'a field stands alone: `expect text is "…"`'
        if meant is not None:
            return f"did you mean `{meant}`?"
        if name.text in fields.CATALOGUE:
            return "that is a field of requests: a test looks at what came of one"
        return did_you_mean(name.text, self._fields) or f"the fields are {', '.join(sorted(self._fields))}"

    def _check_rules(self, part: nodes.Condition) -> None:
        """Refuse the name of a rule that there is none of, as a text too."""
        for node in nodes.walk(part):
            if not isinstance(node, nodes.Comparison) or node.field.name.text != "rule":
                continue
            if node.operator in ("equal", "not_equal", "member", "not_member") and not node.ignoring_case:
                for text in _texts(node.operand):
                    if text.value not in self._fields["rule"].words:
                        help = did_you_mean(text.value, self._fields["rule"].words)
                        self._refuse("E203", f"no rule is called `{text.value}`", text.span, help=help)

    def _value(self, node: nodes.Node, field: fields.Field) -> Any:
        if isinstance(node, nodes.Duration):
            return round(node.seconds, 9)  # as exact as the times of a timeline
        return super()._value(node, field)


def _texts(operand: nodes.Node | None) -> Iterable[nodes.Text]:
    return () if operand is None else (node for node in nodes.walk(operand) if isinstance(node, nodes.Text))
