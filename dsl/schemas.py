"""A value that satisfies a JSON schema, for structured output made up from the request's own schema.

Covers what OpenAI's structured outputs accept: types, enum, const, properties, items, anyOf, $ref with $defs,
formats, patterns, numeric and length limits. A pattern that would make too long a text, or that no value of the
other limits is found for, is left aside.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from random import Random
from typing import Any

import re2

_DEEPEST = 8
_TRIES = 50
_REPETITION = re.compile(r"(\{(\d*),?(\d*)\}|[*+])")
_MOST = 100_000  # items of a list, characters of a text
_KINDS = {"object": {"properties", "required"}, "array": {"items", "minItems"}, "number": {"minimum", "maximum"}}
_FORMATS = {
    "date-time": "2026-01-01T12:00:00Z", "date": "2026-01-01", "time": "12:00:00Z", "duration": "P1D",
    "email": "ada@example.com", "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000", "uri": "https://example.com/",
}  # fmt: skip


def example_of(schema: Any, random: Random) -> Any:
    """A value that satisfies `schema`; its free choices are drawn from `random`.

    Raises:
        ValueError: the schema is not one, or refers to what it does not define.
    """
    return _example(schema, _Root(schema), random, 0)


class _Root:
    """The whole schema, and how many more values may be made of it: a small schema can ask for very many."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self.left = _MOST

    def spend(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise ValueError(f"the example would have more than {_MOST} values")


def _example(schema: Any, root: _Root, random: Random, depth: int) -> Any:
    root.spend(1)
    if schema is True or schema == {}:
        return "text"
    if not isinstance(schema, Mapping):
        raise ValueError(f"{schema!r} is not a JSON schema")
    if depth > 64:
        raise ValueError("the schema refers to itself without an end")
    if "$ref" in schema:
        return _example(_resolve(schema["$ref"], root.schema), root, random, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return random.choice(schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            options = schema[union]
            # Deep inside a recursive schema only the way out ends it.
            ends = [option for option in options if _is_simple(option)] if depth > _DEEPEST else []
            return _example(ends[0] if ends else options[0], root, random, depth + 1)
    if "allOf" in schema:
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            value = _example(part, root, random, depth + 1)
            if not isinstance(value, dict):
                return value
            merged |= value
        return merged
    return _of_type(schema, root, random, depth)


def _of_type(schema: Mapping[str, Any], root: _Root, random: Random, depth: int) -> Any:
    implied = next((kind for kind, words in _KINDS.items() if words & schema.keys()), "string")
    kind = schema.get("type", implied)
    if isinstance(kind, list):
        kind = "null" if depth > _DEEPEST and "null" in kind else kind[0]
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = schema.get("required", ()) if depth > _DEEPEST else properties
        return {name: _example(properties.get(name, {}), root, random, depth + 1) for name in wanted}
    if kind == "array":
        usual = min(schema.get("maxItems", 1), 0 if depth > _DEEPEST else 1)
        least = _size(schema.get("minItems", usual))
        return [_example(schema.get("items", {}), root, random, depth + 1) for _ in range(least)]
    if kind in ("integer", "number"):
        return _number(schema, kind, random)
    if kind == "boolean":
        return random.random() < 0.5
    return None if kind == "null" else _string(schema, random)


def _number(schema: Mapping[str, Any], kind: str, random: Random) -> int | float:
    step = schema.get("multipleOf", 1)
    low = max((schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema), default=None)
    high = min((schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema), default=None)
    if low is None:
        low = 0 if high is None or high >= 0 else high - 100
    if high is None:
        high = low + 100
    first, last = math.ceil(low / step), math.floor(high / step)
    if first * step == schema.get("exclusiveMinimum"):
        first += 1
    if last * step == schema.get("exclusiveMaximum"):
        last -= 1
    if last < first:  # no whole step fits between the limits
        return float(low + high) / 2
    value = round(random.randint(first, last) * step, 12)
    return int(value) if kind == "integer" else float(value)


def _string(schema: Mapping[str, Any], random: Random) -> str:
    if "pattern" in schema:
        found = _matching(str(schema["pattern"]), schema, random)
        if found is not None:
            return found
    text = _FORMATS.get(schema.get("format", ""), "text")
    least, most = _size(schema.get("minLength", 0)), schema.get("maxLength")
    while len(text) < least:
        text += " text"
    return text[: max(least, int(most))] if most is not None else text


def _matching(pattern: str, schema: Mapping[str, Any], random: Random) -> str | None:
    """A text that matches a pattern and has a length that the schema allows; None if none is found."""
    # How long can it be? Each repetition may stand in another one.
    counts = [max(int(least or 0), int(most or 0)) or 100 for _, least, most in _REPETITION.findall(pattern)]
    if math.prod(counts) > _MOST:
        return None
    least, most = schema.get("minLength", 0), schema.get("maxLength", _MOST)
    try:
        matches = re2.compile(pattern).search  # the pattern is the client's: it must not stall the server
        from rstr import Rstr  # takes long to import, and few servers need it

        tried = (Rstr(random).xeger(pattern)[: int(most)] for _ in range(_TRIES))
        return next((text for text in tried if len(text) >= least and matches(text)), None)
    except (re.error, re2.error, ValueError, TypeError, KeyError, NotImplementedError, RecursionError):
        return None


def _is_simple(schema: Any) -> bool:
    """Whether a value of this schema has no parts."""
    return isinstance(schema, Mapping) and schema.get("type") in ("null", "string", "number", "integer", "boolean")


def _size(least: Any) -> int:
    if not 0 <= least <= _MOST:
        raise ValueError(f"a size of {least} is not from 0 to {_MOST}")
    return int(least)


def _resolve(reference: str, root: Any) -> Any:
    found = root
    for step in reference.removeprefix("#").split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, Mapping) and step in found:
            found = found[step]
        else:
            raise ValueError(f"the schema has no {reference}")
    return found
