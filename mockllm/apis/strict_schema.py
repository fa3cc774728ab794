"""The subset of JSON Schema that structured output accepts when it is `strict`.

Each object must name all of its properties in `required` and refuse others, at every depth; so says the
public guide to structured outputs. Its other limits (depth, number of properties, keywords) are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Context = tuple[str, ...]


def type_problem(schema: dict[str, Any]) -> str | None:
    """Why `schema` cannot be the top of any function's or format's schema, or None."""
    if schema.get("type") == "object":
        return None
    return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."


def strict_problem(schema: dict[str, Any]) -> str | None:
    """The first place of `schema` that strict mode refuses, in the API's words, or None."""
    # A stack instead of recursion: a client decides how deep its schema goes.
    pending: list[tuple[Any, Context]] = [(schema, ())]
    while pending:
        node, context = pending.pop()
        if not isinstance(node, dict):
            continue
        problem = _object_problem(node)
        if problem:
            return f"In context={context}, {problem}"
        pending.extend(reversed([*_children(node, context)]))
    return None


def _object_problem(node: dict[str, Any]) -> str | None:
    if node.get("type") != "object" and "properties" not in node:
        return None
    if node.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    required = node.get("required")
    named = required if isinstance(required, list) else []
    absent = [name for name in _mapping(node, "properties") if name not in named]
    if not absent:
        return None
    return (
        "'required' is required to be supplied and to be an array including every key in properties. "
        f"Missing '{absent[0]}'."
    )


def _children(node: dict[str, Any], context: Context) -> Iterator[tuple[Any, Context]]:
    for keyword in ("properties", "$defs", "definitions"):
        for name, child in _mapping(node, keyword).items():
            yield child, (*context, keyword, name)
    yield node.get("items"), (*context, "items")
    options = node.get("anyOf")
    for index, child in enumerate(options if isinstance(options, list) else ()):
        yield child, (*context, "anyOf", str(index))


def _mapping(node: dict[str, Any], keyword: str) -> dict[str, Any]:
    found = node.get(keyword)
    return found if isinstance(found, dict) else {}
