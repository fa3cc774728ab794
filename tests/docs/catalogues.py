"""The tables of docs/language.md that are made from catalogues, each between two markers that name it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from dsl import fields, helpers, statement_catalogue
from dsl.fields import Field
from dsl.statement_catalogue import Group

PAGE = Path(__file__).parents[2] / "docs" / "language.md"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _field(field: Field) -> tuple[str, str, str]:
    words = ", ".join(f"`{word}`" for word in field.words)
    help = f"{field.help.removesuffix('.')}: {words}." if words else field.help
    return f"`{field.name}`", field.type.value, help


def _helper(described: str) -> tuple[str, str]:
    call, _, help = described.partition(": ")
    return call, f"{help[:1].upper()}{help[1:]}"


def _statements(group: Group) -> str:
    rows = [each for each in statement_catalogue.CATALOGUE.values() if each.group is group]
    cells = [(f"`{each.shape}`", f"`{each.example}`", each.help) for each in rows]
    return _table(("statement", "example", "what it does"), cells)


def tables() -> Mapping[str, str]:
    """The tables, by name."""
    return {
        "fields": _table(("field", "holds", "what it is"), map(_field, fields.CATALOGUE.values())),
        "helpers": _table(("helper", "what it gives"), map(_helper, helpers.HELPERS.values())),
        **{group.name.lower(): _statements(group) for group in Group},
    }


_MARKED = re.compile(r"(?m)^(<!-- (\w+) -->\n)([\s\S]*?)^(<!-- end of \2 -->)$")


def marked(text: str) -> dict[str, str]:
    """What stands between the markers of a page, by name."""
    return {name: between.strip("\n") + "\n" for _, name, between, _ in _MARKED.findall(text)}


def rewritten(text: str) -> str:
    """The page with its tables as they should be."""
    made = tables()
    return _MARKED.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n{found[4]}", text)
