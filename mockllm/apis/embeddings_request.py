"""An embeddings body to a `Request`.

What the API would refuse is refused as the API does. The names and shapes are those of the `openai` package's
types (3.54), the limits those of the API reference; that only the models since `text-embedding-3` take
`dimensions` is told there, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dsl.request import Headers, Request
from mockllm.apis import errors
from mockllm.apis.chat_request import HeaderFields, parse
from mockllm.apis.chat_rules import check_arguments
from mockllm.apis.errors import ApiError
from mockllm.apis.serialise import compact
from mockllm.apis.validation import (
    Array,
    Choice,
    Integer,
    Kind,
    Object,
    Text,
    missing,
    never_null,
    optional,
    refused,
    required,
)

Json = dict[str, Any]

# How many inputs a request may have, and the dimensions of models of which nothing else is known.
MOST_INPUTS = 2048
DIMENSIONS = 1536
# The dimensions that a model's vectors have, which is also the most that can be asked for.
_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
_UNCHANGING = "text-embedding-ada-002"
# Models that we do not know may have vectors of any length, within reason.
_MOST_DIMENSIONS = 65_536


class _Input(Text):
    """A text to embed."""

    def limit(self, value: str, path: str) -> None:
        if not value:
            raise refused(path, f"Invalid '{path}': input cannot be an empty string.")


_TOKENS = Array(Integer(0), least=1)


class _Inputs(Kind):
    """One text, several, or the same as tokens: the first item of an array says which."""

    expected = "one of a string or array"

    def accepts(self, value: object) -> bool:
        return isinstance(value, str | list)

    def limit(self, value: Any, path: str) -> None:
        if isinstance(value, str):
            _Input().limit(value, path)
        elif value and isinstance(value[0], int) and not isinstance(value[0], bool):
            _TOKENS.limit(value, path)
        else:
            item = _TOKENS if value and isinstance(value[0], list) else _Input()
            Array(item, least=1, most=MOST_INPUTS).limit(value, path)


PARAMETERS = {
    "input": required(_Inputs()),
    "model": required(Text()),
    "encoding_format": never_null(Choice("float", "base64")),
    "dimensions": optional(Integer(1)),
    "user": never_null(Text()),
}
_BODY = Object(PARAMETERS)


def decode(
    body: bytes,
    *,
    path: str = "",
    query: Mapping[str, str] | None = None,
    headers: HeaderFields = (),
    lenient: bool = False,
) -> Request:
    """The request that `body` makes; `lenient` lets unknown top-level arguments pass.

    Raises:
        ApiError: status 400, as the real API words it. Nothing else, whatever the bytes.
    """
    return from_value(parse(body), path=path, query=query, headers=headers, lenient=lenient)


def from_value(
    value: object,
    *,
    path: str = "",
    query: Mapping[str, str] | None = None,
    headers: HeaderFields = (),
    lenient: bool = False,
) -> Request:
    """As `decode`, for a body that `parse` has already read."""
    if not isinstance(value, dict):
        raise errors.not_json()
    _check(value, lenient)
    return Request(
        endpoint="embeddings",
        path=path,
        header=headers if isinstance(headers, Headers) else Headers(headers),
        query=query or {},
        body=value,
        model=value["model"],
        # Tokens are of a vocabulary that we do not have: they stand for themselves.
        texts=tuple(each if isinstance(each, str) else compact(each) for each in inputs(value)),
    )


def inputs(body: Json) -> list[str | list[int]]:
    """What is to be embedded, each a text or its tokens."""
    given = body["input"]
    several = isinstance(given, list) and not isinstance(given[0], int)
    return given if several else [given]


def dimensions(body: Json) -> int:
    """How long the vectors are that the request asks for."""
    asked: int | None = body.get("dimensions")
    return _DIMENSIONS.get(body["model"], DIMENSIONS) if asked is None else asked


def _check(body: Json, lenient: bool) -> None:
    for name in ("model", "input"):
        if name not in body:
            raise missing(name)
    if not lenient:
        check_arguments(body, PARAMETERS)
    _BODY.limit(body, "")
    asked = body.get("dimensions")
    if asked is None:
        return
    if body["model"] == _UNCHANGING:
        raise ApiError(400, "This model does not support specifying dimensions.")
    most = _DIMENSIONS.get(body["model"], _MOST_DIMENSIONS)
    if asked > most:
        message = f"Invalid value for 'dimensions' = {asked}. Must be less than or equal to {most}."
        raise refused("dimensions", message)
