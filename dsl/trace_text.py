"""A trace as text for a terminal: a row for each rule, and what comes of it."""

from __future__ import annotations

import json
from typing import Any

from dsl.conditions import text_of
from dsl.trace import Trace, Verdict

# A condition and a value have so many characters at most; a trace so many rows.
LONGEST_CONDITION = 50
LONGEST_VALUE = 60
MOST_ROWS = 40


def as_text(found: Trace, *, most: int | None = MOST_ROWS) -> str:
    """The trace over several lines, without a final line feed.

    Below the rule that answers only those that would match too have a row. Beyond `most` rows, if not None, the
    last are left out, but for the rule that answers or comes nearest.
    """
    verdicts, unmatched = _told(found)
    kept = _kept(verdicts, found, most)
    rows = [_cells(verdict, found) for verdict in kept]
    # What ends a row may be as wide as it likes: mostly the last cell, else the one before it.
    columns = [rows, rows, rows, [row for row in rows if row[4]]]
    widths = [max((len(row[number]) for row in column), default=0) for number, column in enumerate(columns)]
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)) for row in rows]
    if len(kept) < len(verdicts):
        lines.append(f"({_counted(len(verdicts) - len(kept), 'more rule')} not shown)")
    if unmatched:
        lines.append(f"({_counted(unmatched, 'rule')} below, which would not match)")
    parts = ["\n".join(line.rstrip() for line in lines), *_conclusion(found)]
    return "\n\n".join(part for part in parts if part)


def shown(value: Any) -> str:
    """A value on one line, shortened, and safe to print; what is absent is `absent`."""
    if value is None:
        return "absent"
    text = value if isinstance(value, str) else text_of(value)
    cut = text[:LONGEST_VALUE]
    more = "…" if len(text) > len(cut) else ""
    return printable(json.dumps(cut, ensure_ascii=False) if isinstance(value, str) else cut) + more


def printable(text: str) -> str:
    """The text on one line, without anything that a terminal obeys."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _told(found: Trace) -> tuple[list[Verdict], int]:
    """The verdicts that have rows, and how many below the answer would not match. What always would has no row."""
    told: list[Verdict] = []
    below, unmatched = False, 0
    for verdict in found.verdicts:
        if below and not verdict.matches:
            unmatched += 1
        elif not below or verdict.rule.guard.condition is not None:
            told.append(verdict)
        below = below or verdict.answers
    return told, unmatched


def _kept(verdicts: list[Verdict], found: Trace, most: int | None) -> list[Verdict]:
    if most is None or len(verdicts) <= most:
        return verdicts

    def dispensable(number: int) -> bool:
        verdict = verdicts[number]
        return not verdict.answers and (found.nearest is None or found.nearest.rule is not verdict.rule)

    first = sorted(range(len(verdicts)), key=lambda number: (dispensable(number), number))
    return [verdicts[number] for number in sorted(first[:most])]


def _cells(verdict: Verdict, found: Trace) -> tuple[str, str, str, str, str]:
    """Where the rule is, what it is called, whether it matches, why, and what the request has."""
    rule, failure = verdict.rule, verdict.failure
    called = f"rule {rule.name}" if rule.name else "otherwise" if rule.node.condition is None else "(no name)"
    if failure is not None:
        values = "   ".join(f"{field} is {shown(value)}" for field, value in failure.values)
        written = printable(failure.written)
        if len(written) > LONGEST_CONDITION:
            written = f"{written[: LONGEST_CONDITION - 1]}…"
        return rule.place, printable(called), "no", written, printable(values)
    if not verdict.answers:
        return rule.place, printable(called), "-", "would match, but stands lower", ""
    captured = ", ".join(f"{name} = {shown(value)}" for name, value in verdict.captures.items())
    return rule.place, printable(called), "yes", captured, ""


def _conclusion(found: Trace) -> list[str]:
    if found.answer is not None:
        rule = found.answer.rule
        called = f"`{printable(rule.name)}` ({rule.place})" if rule.name else f"The rule at {rule.place}"
        nth = found.answer.nth or 0
        return [f"{called} answers{f', for the {_ordinal(nth)} time in its session' if nth > 1 else ''}."]
    assert found.reason is not None and found.skeleton is not None
    return [printable(found.reason), "This rule would answer:", found.skeleton.rstrip("\n")]


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
