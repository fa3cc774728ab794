"""`example_of` against a small checker of its own."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl.schemas import example_of

Schema = dict[str, Any]


def satisfies(value: Any, schema: Any, root: Any = None) -> bool:
    root = schema if root is None else root
    if "$ref" in schema:
        return satisfies(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "const" in schema:
        return bool(value == schema["const"])
    if "enum" in schema:
        return value in schema["enum"]
    if "anyOf" in schema:
        return any(satisfies(value, option, root) for option in schema["anyOf"])
    match schema.get("type"):
        case "object":
            return (
                isinstance(value, dict)
                and set(schema.get("required", ())) <= value.keys() <= schema["properties"].keys()
                and all(satisfies(item, schema["properties"][name], root) for name, item in value.items())
            )
        case "array":
            enough = isinstance(value, list) and len(value) >= schema.get("minItems", 0)
            return (
                enough
                and len(value) <= schema.get("maxItems", 10**9)
                and all(satisfies(item, schema["items"], root) for item in value)
            )
        case "string":
            return isinstance(value, str) and schema.get("minLength", 0) <= len(value) <= schema.get(
                "maxLength", 10**9
            )
        case "integer" | "number" as kind:
            typed = type(value) in ((int,) if kind == "integer" else (int, float))
            return (
                typed
                and schema.get("minimum", value) <= value <= schema.get("maximum", value)
                and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
                and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
            )
        case "boolean":
            return isinstance(value, bool)
    assert schema["type"] == "null"
    return value is None


@st.composite
def numbers(draw: st.DrawFn) -> Schema:
    low, size = draw(st.integers(-50, 50)), draw(st.integers(2, 60))
    limits: Schema = {
        draw(st.sampled_from(["minimum", "exclusiveMinimum"])): low,
        draw(st.sampled_from(["maximum", "exclusiveMaximum"])): low + size,
    }
    kept = draw(st.sets(st.sampled_from(sorted(limits))))
    kind = draw(st.sampled_from(["integer", "number"]))
    return {"type": kind, **{name: limits[name] for name in kept}}


@st.composite
def strings(draw: st.DrawFn) -> Schema:
    least = draw(st.integers(0, 20))
    limits = {"minLength": least, "maxLength": least + draw(st.integers(0, 5))}
    return {"type": "string", **{name: limits[name] for name in draw(st.sets(st.sampled_from(sorted(limits))))}}


simple = st.one_of(
    numbers(),
    strings(),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"const": [1]}, {"enum": ["a", 2, None]}]),
)


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arrays = st.builds(
        lambda items, least, more: {"type": "array", "items": items, "minItems": least, "maxItems": least + more},
        inner, st.integers(0, 3), st.integers(0, 2),
    )  # fmt: skip
    objects = st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3).flatmap(
        lambda found: st.builds(
            lambda required: {"type": "object", "properties": found, "required": sorted(required)},
            st.sets(st.sampled_from(sorted(found))) if found else st.just(set[str]()),
        )
    )
    return st.one_of(
        arrays, objects, st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options})
    )


@given(st.recursive(simple, composed, max_leaves=8), st.integers())
def test_an_example_satisfies_its_schema(schema: Schema, seed: int) -> None:
    assert satisfies(example_of(schema, Random(seed)), schema)


NODE: Schema = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "v": {"type": "null"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/node", "$defs": {"node": {**NODE, "required": ["v"]}}},
        {
            "$ref": "#/$defs/node",
            "$defs": {"node": {"type": "object", "properties": {
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "string"}]}}, "required": ["next"]}},
        },
        {
            "$ref": "#/$defs/tree",
            "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
        },
    ],
)  # fmt: skip
def test_recursive_schemas_end(schema: Schema) -> None:
    assert satisfies(example_of(schema, Random(1)), schema)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (True, "text"),
        ({}, "text"),
        ({"properties": {"a": {"const": 1}}}, {"a": 1}),
        ({"required": ["a"], "properties": {}}, {}),
        ({"items": {"const": 1}}, [1]),
        ({"type": ["null", "string"]}, None),
        ({"type": "integer", "minimum": 5, "maximum": 5}, 5),
        ({"type": "integer", "minimum": 3, "exclusiveMinimum": 8, "maximum": 9}, 9),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "number", "multipleOf": 0.1, "minimum": 0.3, "maximum": 0.3}, 0.3),
        ({"type": "integer", "maximum": -7, "minimum": -7}, -7),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "format": "email", "maxLength": 3}, "ada"),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, 1),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}, {"a": 1, "b": 2}),
        ({"allOf": [{"const": 5}]}, 5),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}}, 1),
        ({"$ref": "#/anyOf/1", "anyOf": [{"const": 1}, {"const": 2}]}, 2),
    ],
)
def test_examples(schema: Any, value: Any) -> None:
    assert example_of(schema, Random(1)) == value


def test_limits_on_one_side() -> None:
    drawn = Random(1)
    assert 10 <= example_of({"type": "integer", "minimum": 10}, drawn) <= 110
    assert -110 <= example_of({"type": "integer", "maximum": -10}, drawn) <= -10


@pytest.mark.parametrize(
    "schema",
    [
        3,
        {"$ref": "#/$defs/none"},
        {"$ref": "#/$defs/a/7", "$defs": {"a": []}},
        {"$ref": "#"},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": -1},
    ],
)
def test_what_is_no_schema(schema: Any) -> None:
    with pytest.raises(ValueError):
        example_of(schema, Random(1))


@pytest.mark.parametrize(
    ("pattern", "more"),
    [
        (r"^[a-z]{3,5}@[a-z]+\.com$", {}),
        (r"^\d{3}-\d{4}$", {}),
        (r"^(mr|mrs) [A-Z]\w*$", {}),
        (r"\d+", {"minLength": 5, "maxLength": 8}),
    ],
)
def test_a_pattern_is_matched(pattern: str, more: Schema) -> None:
    for seed in range(20):
        text = example_of({"type": "string", "pattern": pattern, **more}, Random(seed))
        assert re.search(pattern, text)
        assert more.get("minLength", 0) <= len(text) <= more.get("maxLength", 1000)


@pytest.mark.parametrize("pattern", ["[", "((a+)+)+", "a{100000000}", r"^\p{L}$", "^(?=x)y$", "(?<=a)b", 7])
def test_a_pattern_that_is_of_no_use_is_left_aside(pattern: Any) -> None:
    text = example_of({"type": "string", "pattern": pattern, "maxLength": 3}, Random(1))
    assert text in ("tex", "7")
