"""Why a test failed: what it expected and what there was instead, as data, and its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dsl.conditions import Condition, Member, Moment, Negation, Or, Test, text_of
from dsl.diagnostics import Label, frame
from dsl.request import Result
from dsl.source import Span
from dsl.templates import to_json
from dsl.testing.outcome import Outcome
from dsl.testing.outcome_values import Calls

LONGEST_VALUE = 160
_CONTEXT = 24  # characters before the place at which two long texts differ


@dataclass(frozen=True, slots=True)
class Failure:
    """A step at which a test failed. `label` stands under it, `notes` below."""

    message: str
    span: Span
    label: str = ""
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The failure in the frame of its source lines, over several lines, without a final line feed."""
        return f"{self.message}\n{frame(Label(self.span, self.label), notes=self.notes)}"


def unmet(condition: Condition, moment: Moment, outcome: Outcome) -> Failure:
    """The failure of a part of an `expect` that does not hold."""
    span = condition.node.span
    written = _short(" ".join(span.text.split()))
    if isinstance(condition, Negation):
        label = "this holds"
        part = condition.part
        if isinstance(part, Test):
            label = _was(part, part.value(moment))
    elif isinstance(condition, Or):
        label = "neither side holds"
        values = dict.fromkeys(
            _was(part, part.value(moment)) for part in condition.parts if isinstance(part, Test)
        )
        if values:
            label += f": {'; '.join(values)}"
    else:
        assert isinstance(condition, Test)
        value = condition.value(moment)
        label = _difference(condition, value) or _was(condition, value)
    return Failure(f"expected `{written}`", span, label, tuple(_notes(outcome)))


def _was(test: Test, value: Any) -> str:
    field = test.node.field.span.text
    return f"there is no `{field}`" if value is None else f"`{field}` is {shown(value)}"


def _difference(test: Test, value: Any) -> str | None:
    """Where two texts differ that are too long to see it; None if they can be seen."""
    if not isinstance(test, Member) or test.negative or len(test.values) != 1:
        return None
    wanted = test.values[0]
    if not isinstance(value, str) or not isinstance(wanted, str) or len(value) <= LONGEST_VALUE:
        return None
    same = next((at for at, (a, b) in enumerate(zip(value, wanted, strict=False)) if a != b), None)
    same = min(len(value), len(wanted)) if same is None else same
    start = max(0, same - _CONTEXT)
    field = test.node.field.span.text
    there, here = shown(value[start:], cut_before=start > 0), shown(wanted[start:], cut_before=start > 0)
    return f"`{field}` differs from character {same + 1} on: it is {there}, expected {here}"


def shown(value: Any, *, cut_before: bool = False) -> str:
    """A value as JSON, on one line, and not long."""
    if isinstance(value, str):
        text = to_json(value)
    elif isinstance(value, Result):
        text = to_json(value.text)
    else:
        text = text_of(value.names if isinstance(value, Calls) else value)
    if cut_before:
        text = f'"…{text[1:]}'
    return _short(text)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _notes(outcome: Outcome) -> list[str]:
    """Who answered, and what went wrong."""
    notes = []
    if outcome.answered is not None:
        rule = outcome.answered
        called = f"`{rule.name}` ({rule.place})" if rule.name else f"at {rule.place}"
        notes.append(f"note: the rule {called} answered")
    if outcome.error is not None and outcome.status is not None:
        code = outcome.error["code"] or outcome.error["type"]
        notes.append(f"note: the answer is the error {outcome.status} `{code}`: {outcome.error['message']}")
    return notes
