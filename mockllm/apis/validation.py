"""What a parameter may be, as values: a table of them describes a request, and checking walks the table.

Each `Kind` knows the JSON values that it is made of and how the API words the refusal of others. The wording
is that of the real Chat Completions and Responses APIs, which share one validator.

Values are JSON as Python's decoder gives it. A nested parameter that no table names is let through, as
clients send back whole messages with keys of other vendors; only top-level ones are refused, by the decoder.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mockllm.apis.errors import ApiError

# `bool` before `int`, which it is a subclass of.
_TYPES = (
    (str, "a string"),
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a decimal number"),
    (list, "an array"),
    (dict, "an object"),
)


def invalid_type(path: str, expected: str, value: object) -> ApiError:
    got = next((name for kind, name in _TYPES if isinstance(value, kind)), "null")
    return ApiError(
        400,
        f"Invalid type for '{path}': expected {expected}, but got {got} instead.",
        param=path,
        code="invalid_type",
    )


def invalid_value(path: str, value: str, supported: tuple[str, ...]) -> ApiError:
    return ApiError(
        400,
        f"Invalid value: '{value}'. Supported values are: {listed(supported, 'and')}.",
        param=path,
        code="invalid_value",
    )


def missing(path: str) -> ApiError:
    return ApiError(
        400,
        f"Missing required parameter: '{path}'.",
        param=path,
        code="missing_required_parameter",
    )


def refused(path: str, message: str, code: str | None = None) -> ApiError:
    return ApiError(400, message, param=path, code=code)


def listed(values: tuple[str, ...], conjunction: str) -> str:
    """`'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) < 3:
        return f" {conjunction} ".join(quoted)
    return f"{', '.join(quoted[:-1])}, {conjunction} {quoted[-1]}"


class Kind(ABC):
    """A kind of value. `expected` is its name in a refusal; `plural` that of several in an array."""

    expected: str
    plural: str = ""

    @abstractmethod
    def accepts(self, value: object) -> bool:
        """Whether `value` is of this kind's JSON type."""

    def check(self, value: Any, path: str) -> None:
        """Raises:
        ApiError: `value`, which stands at `path` in the body, is not allowed.
        """
        if not self.accepts(value):
            raise invalid_type(path, self.expected, value)
        self.limit(value, path)

    def limit(self, value: Any, path: str) -> None:  # noqa: B027 - most kinds allow all of their type
        """Refuse a value of the right type that is not allowed."""


class Boolean(Kind):
    expected = "a boolean"

    def accepts(self, value: object) -> bool:
        return isinstance(value, bool)


@dataclass
class Text(Kind):
    """A string of at most `longest` characters, which `pattern` matches."""

    longest: int | None = None
    pattern: str | None = None

    expected = "a string"
    plural = "strings"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str)

    def limit(self, value: str, path: str) -> None:
        if self.longest is not None and len(value) > self.longest:
            raise refused(
                path,
                f"Invalid '{path}': string too long. Expected a string with maximum length {self.longest}, "
                f"but got a string with length {len(value)} instead.",
                "string_above_max_length",
            )
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise refused(
                path,
                f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern "
                f"'{self.pattern}'.",
                "invalid_value",
            )


@dataclass
class Decimal(Kind):
    low: float | None = None
    high: float | None = None

    expected = "a decimal"
    noun = "decimal"

    def accepts(self, value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    def limit(self, value: float, path: str) -> None:
        for bound, wrong, sign, word in (
            (self.low, self.low is not None and value < self.low, ">=", "below min"),
            (self.high, self.high is not None and value > self.high, "<=", "above max"),
        ):
            if wrong:
                raise refused(
                    path,
                    f"Invalid '{path}': {self.noun} {word}imum value. Expected a value {sign} {bound}, "
                    f"but got {value} instead.",
                    f"{self.noun}_{word.replace(' ', '_')}_value",
                )


@dataclass
class Integer(Decimal):
    expected = "an integer"
    noun = "integer"

    def accepts(self, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)


class Choice(Kind):
    """One of a few strings."""

    def __init__(self, *values: str) -> None:
        self.values = values
        self.expected = f"one of {listed(values, 'or')}"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str)

    def limit(self, value: str, path: str) -> None:
        if value not in self.values:
            raise invalid_value(path, value, self.values)


@dataclass
class Array(Kind):
    item: Kind
    least: int = 0
    most: int | None = None

    def __post_init__(self) -> None:
        self.expected = f"an array of {self.item.plural}" if self.item.plural else "an array"

    def accepts(self, value: object) -> bool:
        return isinstance(value, list)

    def limit(self, value: list[Any], path: str) -> None:
        if len(value) < self.least:
            raise refused(
                path,
                f"Invalid '{path}': empty array. Expected an array with minimum length {self.least}, "
                "but got an empty array instead.",
                "empty_array",
            )
        if self.most is not None and len(value) > self.most:
            raise refused(
                path,
                f"Invalid '{path}': array too long. Expected an array with maximum length {self.most}, "
                f"but got an array with length {len(value)} instead.",
                "array_above_max_length",
            )
        for index, each in enumerate(value):
            self.item.check(each, f"{path}[{index}]")


@dataclass(frozen=True)
class Field:
    """A parameter of an object. One that is `nullable` may be null, which means absent."""

    kind: Kind
    required: bool = False
    nullable: bool = True


def required(kind: Kind) -> Field:
    return Field(kind, required=True, nullable=False)


def required_or_null(kind: Kind) -> Field:
    return Field(kind, required=True)


def optional(kind: Kind) -> Field:
    return Field(kind)


def never_null(kind: Kind) -> Field:
    """Optional, yet null is refused: so the API does for parameters that its SDKs do not type as nullable."""
    return Field(kind, nullable=False)


@dataclass
class Object(Kind):
    fields: Mapping[str, Field] = field(default_factory=dict)

    expected = "an object"
    plural = "objects"

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict)

    def __post_init__(self) -> None:
        self.required = [name for name, each in self.fields.items() if each.required]

    def limit(self, value: dict[str, Any], path: str) -> None:
        prefix = f"{path}." if path else ""
        for name in self.required:
            if name not in value:
                raise missing(prefix + name)
        for name, found in value.items():
            each = self.fields.get(name)
            if each and (found is not None or not each.nullable):
                each.kind.check(found, prefix + name)


@dataclass
class Tagged(Kind):
    """An object whose string at `tag` says which of the `variants` it is."""

    tag: str
    variants: Mapping[str, Kind]

    expected = "an object"
    plural = "objects"

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict)

    def limit(self, value: dict[str, Any], path: str) -> None:
        where = f"{path}.{self.tag}"
        if self.tag not in value:
            raise missing(where)
        tag = value[self.tag]
        if not isinstance(tag, str):
            raise invalid_type(where, f"one of {listed(tuple(self.variants), 'or')}", tag)
        if tag not in self.variants:
            raise invalid_value(where, tag, tuple(self.variants))
        self.variants[tag].limit(value, path)


@dataclass
class Pairs(Kind):
    """An object with keys of the client's own: at most `most`, each at most `longest_key` characters."""

    value: Kind
    most: int | None = None
    longest_key: int | None = None

    expected = "an object"

    def accepts(self, value: object) -> bool:
        return isinstance(value, dict)

    def limit(self, value: dict[str, Any], path: str) -> None:
        if self.most is not None and len(value) > self.most:
            raise refused(
                path,
                f"Invalid '{path}': too many properties. Expected an object with at most {self.most} "
                f"properties, but got an object with {len(value)} properties instead.",
                "object_above_max_properties",
            )
        for key, each in value.items():
            if self.longest_key is not None and len(key) > self.longest_key:
                raise refused(
                    f"{path}.{key}",
                    f"Invalid property name in '{path}': '{key[:3]}...{key[-3:]}' is too long. Expected a string "
                    f"with maximum length {self.longest_key}, but got a string with length {len(key)} instead.",
                    "property_name_above_max_length",
                )
            self.value.check(each, f"{path}.{key}")


class Either(Kind):
    """Any of several kinds; the first that a value is of checks it."""

    def __init__(self, *kinds: Kind) -> None:
        self.kinds = kinds
        first, *others = (kind.expected for kind in kinds)
        bare = [other.removeprefix("an ").removeprefix("a ") for other in others]
        self.expected = f"one of {' or '.join([first, *bare])}"

    def accepts(self, value: object) -> bool:
        return any(kind.accepts(value) for kind in self.kinds)

    def limit(self, value: Any, path: str) -> None:
        next(kind for kind in self.kinds if kind.accepts(value)).limit(value, path)
