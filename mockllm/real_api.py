"""What of a test the real API would not let happen: requests that it refuses, answers that it never gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from dsl.request import Request
from dsl.testing.outcome import Outcome
from mockllm.apis import chat_request, embeddings_request, responses_request
from mockllm.apis.errors import ApiError

# What reads a body and raises `ApiError` if the API would refuse it, by endpoint; other paths take anything.
_CHECKS: Mapping[str, Callable[..., object]] = {
    "chat": chat_request.from_value,
    "responses": responses_request.from_value,
    "embeddings": embeddings_request.from_value,
}


class RealApi:
    """A `lenient` one lets unknown arguments pass."""

    def __init__(self, *, lenient: bool = False) -> None:
        self._lenient = lenient

    def refusal(self, request: Request) -> tuple[int, dict[str, str | None]] | None:
        """The status and the error of a refusal; None if the request is taken."""
        check = _CHECKS.get(request.endpoint)
        if check is None:
            return None
        try:
            check(request.body, lenient=self._lenient)
        except ApiError as error:
            return error.status, error.envelope["error"]
        return None

    def objection(self, outcome: Outcome) -> str | None:
        """Why the API would never give this answer to this request; None if it may.

        With a `strict` schema what is said always satisfies it, unless the answer is broken off or a refusal.
        """
        schema = _strict_schema(outcome.request)
        if schema is None or outcome.finish != "stop" or outcome.text is None:
            return None
        try:
            value = json.loads(outcome.text)
        except (ValueError, RecursionError):
            return "the request has a strict schema, and this is no JSON"
        from jsonschema import Draft202012Validator  # takes long to load, and is rarely needed
        from jsonschema.exceptions import best_match

        error = best_match(Draft202012Validator(schema).iter_errors(value))
        if error is None:
            return None
        where = f" at {error.json_path.removeprefix('$.')}" if error.path else ""
        return f"this does not satisfy the request's strict schema{where}: {error.message}"


def _strict_schema(request: Request) -> dict[str, Any] | None:
    """The schema that an answer to a request must satisfy."""
    body = request.body if isinstance(request.body, dict) else {}
    asked = body.get("response_format") if request.endpoint == "chat" else (body.get("text") or {}).get("format")
    if not isinstance(asked, dict) or asked.get("type") != "json_schema":
        return None
    described = asked.get("json_schema") if request.endpoint == "chat" else asked
    if not isinstance(described, dict) or described.get("strict") is not True:
        return None
    schema = described.get("schema")
    return schema if isinstance(schema, dict) else None
