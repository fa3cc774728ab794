"""What an API says of an error where the script does not: by the code that the script gave, else by the status.

Types, codes and parameters follow the error catalogue of OpenAI's API; its messages are no contract, and are as
near to the real ones as public traces show them.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from dsl.timeline import Fail

INVALID_REQUEST = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class ErrorDefault:
    message: str
    type: str = INVALID_REQUEST
    code: str | None = None
    param: str | None = None


# Stands for the parameter that holds the prompt, which each API names otherwise.
PROMPT = "<prompt>"

_SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"
_OVERLOADED = "Our servers are currently overloaded. Please try again later."
_KEYS = "You can find your API key at https://platform.openai.com/account/api-keys."
_REGION = "unsupported_country_region_territory"

_BY_STATUS = {
    400: ErrorDefault("The request is invalid."),
    401: ErrorDefault(f"Incorrect API key provided. {_KEYS}", code="invalid_api_key"),
    403: ErrorDefault("Country, region, or territory not supported", "request_forbidden", _REGION),
    404: ErrorDefault("The requested resource was not found."),
    405: ErrorDefault("The method is not allowed on this resource.", code="method_not_supported"),
    408: ErrorDefault("Request timed out.", code="request_timeout"),
    409: ErrorDefault("The resource is locked by another request. Retry your request.", "conflict_error"),
    413: ErrorDefault("Request too large.", code="request_too_large"),
    422: ErrorDefault("Unprocessable entity."),
    429: ErrorDefault("Rate limit reached. Please try again later.", "requests", "rate_limit_exceeded"),
    500: ErrorDefault(_SERVER_ERROR, "server_error"),
    502: ErrorDefault("Bad gateway.", "server_error"),
    503: ErrorDefault(_OVERLOADED, "service_unavailable_error", "server_is_overloaded"),
    504: ErrorDefault("The server timed out while processing your request.", "server_error"),
    529: ErrorDefault(_OVERLOADED, "service_unavailable_error", "server_is_overloaded"),
}

_QUOTA = ErrorDefault(
    "You exceeded your current quota, please check your plan and billing details. For more information on this "
    "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    "insufficient_quota",
)
_BY_CODE = {
    "context_length_exceeded": ErrorDefault(
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens. "
        "Please reduce the length of the messages.",
        param=PROMPT,
    ),
    "credit_balance_exhausted": _QUOTA,
    "insufficient_quota": _QUOTA,
    "invalid_api_key": _BY_STATUS[401],
    "organization_spend_limit_exceeded": _QUOTA,
    "organization_usage_limit_exceeded": _QUOTA,
    "previous_response_not_found": ErrorDefault("Previous response not found.", param="previous_response_id"),
    "project_spend_limit_exceeded": _QUOTA,
    "rate_limit_exceeded": _BY_STATUS[429],
    "request_too_large": _BY_STATUS[413],
    "server_is_overloaded": _BY_STATUS[503],
    "slow_down": ErrorDefault(_OVERLOADED, "requests"),
    _REGION: _BY_STATUS[403],
}


def error_default(status: int, code: str | None) -> ErrorDefault:
    """What an error of this HTTP status says, if the script gave it this code."""
    found = _BY_CODE.get(code or "") or _BY_STATUS.get(status)
    if found:
        return found
    known = status in {each.value for each in HTTPStatus}
    return ErrorDefault(
        HTTPStatus(status).phrase + "." if known else _SERVER_ERROR,
        "server_error" if status >= 500 else INVALID_REQUEST,
    )


def error_of(fail: Fail, prompt: str) -> dict[str, str | None]:
    """The error object of a `fail`: what the script gave wins. `prompt` is the parameter that holds the prompt."""
    default = error_default(500 if fail.status is None else fail.status, fail.code)
    param = default.param if fail.param is None else fail.param
    return {
        "message": default.message if fail.message is None else fail.message,
        "type": default.type,
        "param": prompt if param == PROMPT else param,
        "code": default.code if fail.code is None else fail.code,
    }
