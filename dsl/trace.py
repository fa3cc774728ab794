"""How the rules of a script take a request, one after the other: which answers, and what keeps each other from it.

A trace looks and moves nothing. It asks the rules as `RuleTable.first` does, but of a copy of the session, so that
a rule that counts is seen as it would count next. Beyond `first` it goes on below the rule that answers: a rule
that would answer too, if only it stood higher, is what its author looks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsl.conditions import Condition, Moment, Negation, Test, text_of
from dsl.explain import NearMiss, explain_miss, first_failed, nearest
from dsl.request import Request
from dsl.session import Session
from dsl.skeleton import skeleton
from dsl.source import Span
from dsl.table import Rule, RuleTable

# A value has so many characters at most.
LONGEST_VALUE = 600


@dataclass(frozen=True, slots=True)
class Failure:
    """The first condition of a rule that does not hold, and the fields that it tests with their values.

    A field that the request lacks has the value None.
    """

    condition: Condition
    values: tuple[tuple[str, Any], ...]

    @property
    def span(self) -> Span:
        return self.condition.node.span

    @property
    def written(self) -> str:
        """The condition as it is written, on one line."""
        return " ".join(self.span.text.split())


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one rule takes the request.

    Attributes:
        answers: whether it is the one that answers.
        failure: what keeps it from it; None if all of its condition holds.
        captures: what its condition captured, if it holds.
        nth: how often the rest of its condition has held in the session, this time included; None if it does not.
    """

    rule: Rule
    answers: bool
    failure: Failure | None
    captures: Mapping[str, str]
    nth: int | None

    @property
    def matches(self) -> bool:
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Trace:
    """All rules that could answer a request, in the order in which they are asked.

    Attributes:
        answer: the verdict on the rule that answers, or None.
        nearest: the rule that comes nearest, if none answers and there are any.
        reason: why none answers, in a sentence or two for the author of the script; None if one does.
        skeleton: the text of a rule that would answer; None if one does.
        session: the name of the session whose counters and memory were looked at.
    """

    verdicts: tuple[Verdict, ...]
    answer: Verdict | None
    nearest: NearMiss | None
    reason: str | None
    skeleton: str | None
    session: str

    def tests(self, field: str) -> bool:
        """Whether a rule up to the one that answers tests this field."""
        for verdict in self.verdicts:
            guard = verdict.rule.guard
            conditions = [*([] if guard.condition is None else [guard.condition]), *guard.nth]
            if any(test.tested[0] == field for condition in conditions for test in _tests(condition)):
                return True
            if verdict.answers:
                return False
        return False


def trace(tables: Sequence[RuleTable], request: Request, session: Session) -> Trace:
    """How the rules of `tables`, one table after the other, would take `request` now. Nothing is moved."""
    seen = session.twin()
    verdicts: list[Verdict] = []
    answer: Verdict | None = None
    for rule in (rule for table in tables for rule in table.rules):
        verdict = _verdict(rule, request, seen, first=answer is None)
        answer = answer or (verdict if verdict.answers else None)
        verdicts.append(verdict)
    if answer is not None:
        return Trace(tuple(verdicts), answer, None, None, None, session.name)
    every = RuleTable(tuple(verdict.rule for verdict in verdicts))
    near, reason = nearest(every, request, seen), explain_miss(every, request, seen)
    return Trace(tuple(verdicts), None, near, reason, skeleton(request), session.name)


def _verdict(rule: Rule, request: Request, session: Session, *, first: bool) -> Verdict:
    session = rule.home(request, session)
    guard, moment = rule.guard, Moment(request, session)
    if guard.condition is not None and not guard.condition.holds(moment):
        return Verdict(rule, False, _failure(rule, Moment(request, session, session.count(rule.key))), {}, None)
    # A rule below the one that answers is not asked, and does not count.
    moment.nth = session.advance(rule.key) if first else session.count(rule.key) + 1
    if not all(test.holds(moment) for test in guard.nth):
        return Verdict(rule, False, _failure(rule, moment), {}, moment.nth)
    return Verdict(rule, first, None, dict(moment.captures), moment.nth)


def _failure(rule: Rule, moment: Moment) -> Failure:
    failed = first_failed(rule, moment)
    values = {test.node.field.span.text: test.value(moment) for test in _tests(failed)}
    return Failure(failed, tuple(values.items()))


def _tests(condition: Condition) -> Iterator[Test]:
    """The tests that a condition is made of."""
    if isinstance(condition, Test):
        yield condition
    else:
        for part in (condition.part,) if isinstance(condition, Negation) else condition.parts:
            yield from _tests(part)


# -- as JSON --------------------------------------------------------------------------------------------------


def as_json(found: Trace) -> dict[str, Any]:
    """The trace as a JSON value. Lines and columns count from 1."""
    return {
        "matched": found.answer is not None,
        "answer": None if found.answer is None else _verdict_json(found.answer),
        "reason": found.reason,
        "nearest": None
        if found.nearest is None
        else {"rule": found.nearest.rule.name, "place": found.nearest.rule.place},
        "skeleton": found.skeleton,
        "session": found.session,
        "rules": [_verdict_json(verdict) for verdict in found.verdicts],
    }


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "rule": verdict.rule.name,
        "place": verdict.rule.place,
        "answers": verdict.answers,
        "matches": verdict.matches,
        "failed": None if verdict.failure is None else _failure_json(verdict.failure),
        "captures": dict(verdict.captures),
        "nth": verdict.nth,
    }


def _failure_json(failure: Failure) -> dict[str, Any]:
    line, column = failure.span.source.locate(failure.span.start)
    return {
        "condition": failure.written,
        "file": failure.span.source.name,
        "line": line,
        "column": column,
        "values": [{"field": field, "value": _value_json(value)} for field, value in failure.values],
    }


def _value_json(value: Any) -> Any:
    """The value as it is where it is short and plain, else as a text that is cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = text_of(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
