"""Conditions of a `for each`: what its turns make of one test, and what their tests have in common.

A condition that compares a field with a text of data is compiled once, with the first row. What each further row
makes of it differs in the text alone, which is put into the mold of the first.
"""

from __future__ import annotations

import re
from typing import Any

from dsl import fields, nodes
from dsl.conditions import Condition, Member, Mentions, Negation, Test, TextTest, fold, words
from dsl.fields import Type
from dsl.records import Record, changed

# The operators that compare with one value.
_OF_ONE = {"equal", "not_equal", "contains", "mentions", "starts_with", "ends_with"}
_NUMBER = re.compile(r"-?\d{1,300}(\.\d+)?")  # as the language writes it


class Mold(Record, frozen=True):
    """A test of one text that another turn makes with another text."""

    reference: nodes.Reference
    field: fields.Field
    test: Condition

    def cast(self, text: str) -> Test:
        test = self.test
        if isinstance(test, Member):
            values = (fold(text) if test.ignoring_case else text,)
            return Member(test.node, test.tested, values, test.negative, test.ignoring_case)
        assert isinstance(test, TextTest)
        wanted = words(text) if isinstance(test, Mentions) else fold(text) if test.ignoring_case else text
        return type(test)(test.node, test.tested, (wanted,), test.every, test.ignoring_case)


def mold_of(node: nodes.Condition, compiled: Condition) -> Mold | None:
    """The mold that a compiled test leaves; None if it compares with anything but one text that data gives.

    That the test makes sense of its field has been checked, whatever the text is.
    """
    if not isinstance(node, nodes.Comparison) or not isinstance(node.operand, nodes.Reference):
        return None
    if isinstance(compiled, Member):
        texts: tuple[Any, ...] = compiled.values
    else:
        texts = compiled.wanted if isinstance(compiled, TextTest) else ()
    if node.operator not in _OF_ONE or len(texts) != 1 or not isinstance(texts[0], str):
        return None
    return Mold(node.operand, fields.CATALOGUE[node.field.name.text], compiled)


def typed(text: str, type: Type) -> Any:
    """A text of a file that has only texts, as the number or the flag that a field wants, if it is one."""
    if type is Type.FLAG:
        return {"true": True, "false": False}.get(text, text)
    if type is Type.NUMBER and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def veiled(condition: Condition) -> Condition:
    """A condition that differs from turn to turn, as one that follows from nothing and implies nothing."""
    if isinstance(condition, Test):
        name, path = condition.tested
        return changed(condition, tested=(name, (*path, f"\0{id(condition.node)}")))
    if isinstance(condition, Negation):
        return changed(condition, part=veiled(condition.part))
    return changed(condition, parts=tuple(veiled(part) for part in condition.parts))
