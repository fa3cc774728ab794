"""`/-/catalogue`: the words of the language, for an editor that completes and highlights them."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Flask, jsonify

from dsl import declarations, fields, helpers, statement_catalogue
from dsl.codes import CODES
from dsl.parser import keywords
from dsl.testing import outcome_fields
from mockllm import __version__

# How conditions compare, as the grammar's `comparison` has it.
OPERATORS = (
    "is", "is not", "in", "not in", "contains", "contains any", "contains all", "mentions", "mentions any",
    "starts with", "ends with", "matches", "has", "<", "<=", ">", ">=",
)  # fmt: skip


def add_routes(app: Flask) -> None:
    app.add_url_rule("/-/catalogue", "catalogue", lambda: jsonify(catalogue()))


@cache
def catalogue() -> dict[str, Any]:
    return {
        "version": __version__,
        "keywords": sorted(keywords()),
        "declarations": [
            {"name": each.name, "shape": each.shape, "example": each.example, "help": each.help}
            for each in declarations.DECLARATIONS
        ],
        "statements": [
            {
                "name": each.name,
                "group": each.group.name.lower(),
                "shape": each.shape,
                "example": each.example,
                "help": each.help,
            }
            for each in statement_catalogue.CATALOGUE.values()
        ],
        "fields": [_field(each) for each in fields.CATALOGUE.values()],
        "outcome_fields": [_field(each) for each in outcome_fields.CATALOGUE.values()],
        "operators": list(OPERATORS),
        "helpers": [{"name": name, "help": help} for name, help in helpers.HELPERS.items()],
        "codes": [{"code": each.code, "title": each.title, "meaning": each.meaning} for each in CODES.values()],
    }


def _field(field: fields.Field) -> dict[str, Any]:
    return {"name": field.name, "type": field.type.value, "help": field.help, "words": list(field.words)}
