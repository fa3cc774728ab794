"""Vectors of embeddings: those that are made up, and those that a script gives.

A made-up vector has the length 1 and follows from the model and the text alone, so that a text is found again by
its vector; that texts mean the same does not bring their vectors nearer. Asked for fewer dimensions, it is the
beginning of the longer one, brought to the length 1 again: so the API shortens its own.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Sequence
from hashlib import shake_256
from math import isfinite, sqrt
from typing import Any

from dsl.conditions import is_number

Vector = Sequence[float]


def made_up(model: str, text: str, dimensions: int) -> Vector:
    """The unit vector of a text, in numbers that 32 bits hold."""
    drawn = shake_256(f"{model}\0{text}".encode("utf-8", "replace")).digest(2 * dimensions)
    # Odd numbers: they lie around 0 and are never all 0.
    parts = [2 * part + 1 for part in struct.unpack(f"<{dimensions}h", drawn)]
    length = sqrt(sum(part * part for part in parts))
    return _single(part / length for part in parts)


def given(value: Any, inputs: int) -> list[Vector]:
    """The vectors that a script gives as a JSON value: one for all of the inputs, or one for each.

    Raises:
        ValueError: it is no such thing; the text says why.
    """
    if not isinstance(value, list) or not value:
        raise ValueError("an embedding is a list of numbers, or a list of such lists")
    if not all(isinstance(each, list) for each in value):
        return [_vector(value)] * inputs
    if len(value) != inputs:
        raise ValueError(f"it gives {_counted(len(value), 'vector')} for {_counted(inputs, 'input')}")
    return [_vector(each) for each in value]


def as_base64(vector: Vector) -> str:
    """The 32-bit floats of a vector, little-endian, as `encoding_format: "base64"` has them."""
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def _vector(value: list[Any]) -> Vector:
    if not value or not all(map(is_number, value)):
        raise ValueError("an embedding is a list of numbers, or a list of such lists")
    try:
        if all(map(isfinite, value)):
            struct.pack(f"<{len(value)}f", *value)
            return value
    except (OverflowError, struct.error):
        pass
    raise ValueError("a number in it has more than 32 bits")


def _single(numbers: Any) -> Vector:
    """The numbers as 32 bits have them: so they are the same in both encodings."""
    found = list(numbers)
    layout = f"<{len(found)}f"
    return struct.unpack(layout, struct.pack(layout, *found))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
