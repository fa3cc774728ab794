"""Which rules may answer a request that is no conversation: for embeddings, or on a path of the script's own.

Most rules are about conversations and do not say so: `otherwise reply "Hello."` holds for any request, and yet is
no answer to one for vectors. So of all rules those are asked

* that are addressed: their condition says which endpoint or path they are for;
* that say nothing, but wait, fail or break the connection: those are meant for everybody, such as
  `when not header["authorization"] fail 401`;
* on embeddings also those that reply lists of numbers, such as `when input contains "cat" reply [1, 0]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dsl.conditions import And, Condition, Member, Moment, Negation, Or, Present, is_number
from dsl.facts import possible_words
from dsl.performance import Statement
from dsl.records import Record, parts
from dsl.request import Request
from dsl.session import Session
from dsl.statements import Call, Chunk, Push, Raw, Refuse, Reply, Think
from dsl.table import Rule, RuleTable
from dsl.values import ListMaker, Literal, Maker, ObjectMaker

# The endpoint of a request on a path that no API has.
OTHER = "other"
UNSPOKEN = ("embeddings", OTHER)

_SAYS = (Reply, Chunk, Think, Call, Refuse, Raw, Push)


def answering(table: RuleTable, endpoint: str) -> RuleTable:
    """The rules of a table that requests on one of the `UNSPOKEN` endpoints are offered, in their order."""
    return RuleTable(tuple(rule for rule in table.rules if is_offered(rule, endpoint)))


def addressed_to(rule: Rule) -> tuple[str, ...]:
    """The `UNSPOKEN` endpoints that a rule's condition is addressed to, and may hold on."""
    if not _address(rule):
        return ()
    possible = possible_words(rule.guard.condition, "endpoint")
    return tuple(endpoint for endpoint in UNSPOKEN if endpoint in possible)


def is_offered(rule: Rule, endpoint: str) -> bool:
    """Whether a rule is asked on one of the `UNSPOKEN` endpoints."""
    return bool(_address(rule)) or not _says(rule, endpoint == "embeddings")


def has_path(table: RuleTable, path: str) -> bool:
    """Whether a rule is addressed to this path, whatever else its condition asks for."""
    moment = Moment(Request(endpoint=OTHER, path=path), Session())
    return any(address and all(part.holds(moment) for part in address) for address in map(_address, table.rules))


def _address(rule: Rule) -> list[Condition]:
    """The parts of a rule's condition that say which endpoint or path it is for; none if it is for any."""
    condition = rule.guard.condition
    parts = condition.parts if isinstance(condition, And) else () if condition is None else (condition,)
    return [part for part in parts if _is_address(part)]


def _is_address(condition: Condition) -> bool:
    match condition:
        case Or(parts=parts):
            return all(map(_is_address, parts))
        case And(parts=parts):
            return any(map(_is_address, parts))
        case Negation() | Present() | Member(negative=True):
            return False  # what all endpoints but one have in common addresses none
    return condition.tested[0] in ("endpoint", "path")


def _says(rule: Rule, vectors: bool) -> bool:
    """Whether a rule can say something; where `vectors` count as nothing, something else."""
    said = (statement for statement in _statements(rule.body, set()) if isinstance(statement, _SAYS))
    return any(not (vectors and isinstance(each, Reply) and _is_vector(each.value)) for each in said)


def _is_vector(maker: Maker) -> bool:
    """Whether a value is a list of numbers, or of such lists, as far as it can be told before it is made."""
    if isinstance(maker, Literal):
        return isinstance(maker.value, list) and all(map(_is_number_or_numbers, maker.value))
    if not isinstance(maker, ListMaker):
        return False
    return all(_may_be_number(item) or _is_vector(item) for item in maker.items)


def _is_number_or_numbers(value: Any) -> bool:
    return all(map(is_number, value)) if isinstance(value, list) else is_number(value)


def _may_be_number(maker: Maker) -> bool:
    if isinstance(maker, Literal):
        return is_number(maker.value)
    return not isinstance(maker, ListMaker | ObjectMaker)


def _statements(part: Any, seen: set[int]) -> Iterator[Statement]:
    """All the statements that a compiled one is made of, each once: blocks are shared by those who use them."""
    if isinstance(part, tuple):
        for each in part:
            yield from _statements(each, seen)
    elif isinstance(part, Record) and hasattr(part, "perform") and id(part) not in seen:
        seen.add(id(part))
        yield part
        for each in parts(part):
            yield from _statements(each, seen)
