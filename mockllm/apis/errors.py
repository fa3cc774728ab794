"""The API's errors: what they say, and how they look on the wire.

An `ApiError` is a value that can be raised. Three sources make them: the script (`from_fail`), the decoders
(`validation.py`), and the server itself (the functions at the end).

Types, codes and parameters follow the error catalogue of the real API; its messages are no contract, and are
as near to the real ones as public traces show them. What a script leaves open is in `dsl.error_defaults`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from dsl.error_defaults import INVALID_REQUEST, KEYS, error_of
from dsl.timeline import Fail
from mockllm.apis.serialise import pretty
from mockllm.transports.frames import Headers


@dataclass(eq=False)
class ApiError(Exception):
    """An error as the API reports it.

    `headers` are those that belong to this error (`retry-after`, `allow`), without the ones every answer has.
    """

    status: int
    message: str
    type: str = INVALID_REQUEST
    param: str | None = None
    code: str | None = None
    headers: Headers = ()

    def __str__(self) -> str:
        return f"{self.status} {self.code or self.type}: {self.message}"

    @property
    def envelope(self) -> dict[str, Any]:
        """The JSON value that a client reads: always all four keys."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}

    @property
    def body(self) -> bytes:
        """The HTTP body."""
        return pretty(self.envelope)

    @property
    def content_type(self) -> str:
        """The real API names the charset on its 404s only."""
        return "application/json; charset=utf-8" if self.status == 404 else "application/json"


def from_fail(fail: Fail, *, prompt: str = "messages") -> ApiError:
    """The error that a script's `fail` means: what it gave wins, the rest is the API's own.

    `prompt` is the parameter that holds the prompt: `messages`, or `input` on Responses and embeddings.
    """
    error = error_of(fail, prompt)
    return ApiError(
        status=500 if fail.status is None else fail.status,
        message=error.message,
        type=error.type,
        param=error.param,
        code=error.code,
        headers=() if fail.retry_after is None else retry_headers(fail.retry_after),
    )


def retry_headers(seconds: float) -> Headers:
    """When to come back. `retry-after` is whole seconds, rounded up; both SDKs prefer the other."""
    return (
        ("retry-after", str(math.ceil(seconds))),
        ("retry-after-ms", str(math.ceil(round(seconds * 1000, 3)))),
    )


# -- what the server itself refuses ------------------------------------------------------------------------


def not_json() -> ApiError:
    return ApiError(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
        "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
    )


def missing_api_key() -> ApiError:
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
        "auth (i.e. Authorization: Bearer YOUR_KEY).",
    )


def invalid_api_key(key: str) -> ApiError:
    return ApiError(401, f"Incorrect API key provided: {key}. {KEYS}", code="invalid_api_key")


def unknown_url(method: str, path: str) -> ApiError:
    return ApiError(404, f"Invalid URL ({method} {path})")


def method_not_allowed(method: str, path: str, allowed: str = "") -> ApiError:
    """`allowed` is the value of the `allow` header, such as `POST, OPTIONS`."""
    return ApiError(
        405,
        f"Not allowed to {method} on {path}. (HINT: Perhaps you meant to make a different HTTP request?)",
        code="method_not_supported",
        headers=(("allow", allowed),) if allowed else (),
    )


def model_not_found(model: str) -> ApiError:
    """An unknown model on Chat Completions."""
    return ApiError(
        404,
        f"The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
    )


def response_model_not_found(model: str) -> ApiError:
    """An unknown model on Responses."""
    return ApiError(400, f"The requested model '{model}' does not exist.", param="model", code="model_not_found")


def previous_response_not_found(name: str) -> ApiError:
    return ApiError(
        400,
        f"Previous response with id '{name}' not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def not_found(kind: str, name: str, param: str | None = None) -> ApiError:
    """There is no such thing; `kind` is what it would be: `Response`, `Conversation`, `Item`."""
    return ApiError(404, f"{kind} with id '{name}' not found.", param=param)


def request_too_large() -> ApiError:
    return ApiError(413, "Request too large.", code="request_too_large")


def no_rule_matched(message: str) -> ApiError:
    """No rule of the script answers the request; `message` explains why. Not an error of the real API."""
    return ApiError(404, message, code="no_rule_matched")


def bad_fault(message: str, header: str, help: str | None = None) -> ApiError:
    """The header of a request asks for trouble in words that mean none. Not an error of the real API."""
    told = f"{message} ({help})" if help else message
    return ApiError(400, f"Invalid '{header}': {told}.", param=header, code="invalid_value")


def script_error(message: str) -> ApiError:
    """A rule failed while it was performed, in a template for instance. Not an error of the real API."""
    return ApiError(500, message, "server_error", code="script_error")
