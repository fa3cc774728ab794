"""Why no rule answered: the rule that came nearest, and the first thing about it that did not hold.

Nearest is the rule of whose conjunction the greatest share holds; among equals, the one whose failing test
wants what is most like the value that was there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from dsl.conditions import And, Condition, Member, Moment, Negation, Or, Test, TextTest, text_of
from dsl.request import Request
from dsl.session import Session
from dsl.table import Rule, RuleTable

# A miss of a large table is explained from its first rules: each costs a full test.
MOST_RULES = 2_000
MOST_COMPARED = 50
_LONGEST_VALUE = 80
_SAID = {"user", "input", "system", "assistant", "tool_result"}


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A rule that did not answer, the first of its conditions that failed, and the value of its field then."""

    rule: Rule
    failed: Condition
    value: Any

    @property
    def reason(self) -> str:
        """The failed condition as it is written, and what was there instead."""
        written = " ".join(self.failed.node.span.text.split())
        if isinstance(self.failed, Negation):
            return f"`{written}` does not hold"
        if isinstance(self.failed, Or):
            return f"neither side of `{written}` holds"
        assert isinstance(self.failed, Test)
        field = self.failed.node.field.span.text
        if self.value is None:
            return f"`{written}` does not hold: the request has no `{field}`"
        return f"`{written}` does not hold: `{field}` is {_shown(self.value)}"


def explain_miss(table: RuleTable, request: Request, session: Session) -> str:
    """One sentence or two for the author of a script none of whose rules answered."""
    near = nearest(table, request, session)
    if near is None:
        return "No rule matched: the script has no rules."
    called = f"`{near.rule.name}` ({near.rule.place})" if near.rule.name else f"the one at {near.rule.place}"
    return f"No rule matched. The nearest is {called}: {near.reason}."


def nearest(table: RuleTable, request: Request, session: Session) -> NearMiss | None:
    """The rule that came nearest to answering; None if there are no rules."""
    best: tuple[float, float] = (-1.0, -1.0)
    found: NearMiss | None = None
    compared = 0
    for rule in table.rules[:MOST_RULES]:
        home = rule.home(request, session)
        moment = Moment(request, home, home.count(rule.key))
        conjuncts = [*_conjuncts(rule), *rule.guard.nth]
        held = [conjunct.holds(moment) for conjunct in conjuncts]
        if all(held):
            continue
        weights = [_weight(part, holds) for part, holds in zip(conjuncts, held, strict=True)]
        share = sum(weight for weight, holds in zip(weights, held, strict=True) if holds) / sum(weights)
        if share < best[0]:
            continue
        failed = conjuncts[held.index(False)]
        value = failed.value(moment) if isinstance(failed, Test) else None
        # Likeness is dear: beyond so many rules of the same share the first of them will do.
        compared = compared + 1 if share == best[0] else 0
        score = share, _likeness(failed, value) if compared < MOST_COMPARED else 0.0
        if score > best:
            best, found = score, NearMiss(rule, failed, value)
    return found


def first_failed(rule: Rule, moment: Moment) -> Condition:
    """The first part of a rule's condition that does not hold. One must not."""
    return next(part for part in (*_conjuncts(rule), *rule.guard.nth) if not part.holds(moment))


def _conjuncts(rule: Rule) -> Iterator[Condition]:
    """What must hold of a rule; none of it is a conjunction itself."""
    condition = rule.guard.condition
    if isinstance(condition, And):
        yield from condition.parts
    elif condition is not None:
        yield condition


def _weight(part: Condition, holds: bool) -> int:
    """How much a part of a condition tells.

    What the conversation says tells more than a parameter; a `not …` that holds tells nothing, for most requests
    lack most things.
    """
    if isinstance(part, Negation):
        return 0 if holds else 1
    return 2 if isinstance(part, Test) and part.tested[0] in _SAID else 1


def _likeness(failed: Condition, value: Any) -> float:
    """How like the value is to what the test wants, from 0 to 1."""
    if not isinstance(value, str) or not isinstance(failed, TextTest | Member):
        return 0.0
    wanted = failed.wanted if isinstance(failed, TextTest) else failed.values
    texts = [text for text in wanted if isinstance(text, str) and text]
    return max((_overlap(text[:200].lower(), value[:500].lower()) for text in texts), default=0.0)


def _overlap(wanted: str, text: str) -> float:
    matcher = SequenceMatcher(None, wanted, text, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks() if block.size > 2) / len(wanted)


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else text_of(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
