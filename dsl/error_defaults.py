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
class ErrorObject:
    """What is inside of an error's envelope."""

    message: str
    type: str = INVALID_REQUEST
    code: str | None = None
    param: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """The JSON object, its keys in the order of the wire."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}


# Stands for the parameter that holds the prompt, which each API names otherwise.
PROMPT = "<prompt>"

_SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"
_OVERLOADED = "Our servers are currently overloaded. Please try again later."
KEYS = "You can find your API key at https://platform.openai.com/account/api-keys."
_REGION = "unsupported_country_region_territory"

_BY_STATUS = {
    400: ErrorObject("The request is invalid."),
    401: ErrorObject(f"Incorrect API key provided. {KEYS}", code="invalid_api_key"),
    403: ErrorObject("Country, region, or territory not supported", "request_forbidden", _REGION),
    404: ErrorObject("The requested resource was not found."),
    405: ErrorObject("The method is not allowed on this resource.", code="method_not_supported"),
    408: ErrorObject("Request timed out.", code="request_timeout"),
    409: ErrorObject("The resource is locked by another request. Retry your request.", "conflict_error"),
    413: ErrorObject("Request too large.", code="request_too_large"),
    422: ErrorObject("Unprocessable entity."),
    429: ErrorObject("Rate limit reached. Please try again later.", "requests", "rate_limit_exceeded"),
    500: ErrorObject(_SERVER_ERROR, "server_error"),
    502: ErrorObject("Bad gateway.", "server_error"),
    503: ErrorObject(_OVERLOADED, "service_unavailable_error", "server_is_overloaded"),
    504: ErrorObject("The server timed out while processing your request.", "server_error"),
    529: ErrorObject(_OVERLOADED, "service_unavailable_error", "server_is_overloaded"),
}

_QUOTA = ErrorObject(
    "You exceeded your current quota, please check your plan and billing details. For more information on this "
    "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    "insufficient_quota",
)
_BY_CODE = {
    "context_length_exceeded": ErrorObject(
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens. "
        "Please reduce the length of the messages.",
        param=PROMPT,
    ),
    "credit_balance_exhausted": _QUOTA,
    "insufficient_quota": _QUOTA,
    "invalid_api_key": _BY_STATUS[401],
    "organization_spend_limit_exceeded": _QUOTA,
    "organization_usage_limit_exceeded": _QUOTA,
    "previous_response_not_found": ErrorObject("Previous response not found.", param="previous_response_id"),
    "project_spend_limit_exceeded": _QUOTA,
    "rate_limit_exceeded": _BY_STATUS[429],
    "request_too_large": _BY_STATUS[413],
    "server_is_overloaded": _BY_STATUS[503],
    "slow_down": ErrorObject(_OVERLOADED, "requests"),
    _REGION: _BY_STATUS[403],
}


def error_default(status: int, code: str | None) -> ErrorObject:
    """What an error of this HTTP status says, if the script gave it this code."""
    found = _BY_CODE.get(code or "") or _BY_STATUS.get(status)
    if found:
        return found
    known = status in {each.value for each in HTTPStatus}
    return ErrorObject(
        HTTPStatus(status).phrase + "." if known else _SERVER_ERROR,
        "server_error" if status >= 500 else INVALID_REQUEST,
    )


def error_of(fail: Fail, prompt: str) -> ErrorObject:
    """The error object of a `fail`: what the script gave wins. `prompt` is the parameter that holds the prompt."""
    default = error_default(500 if fail.status is None else fail.status, fail.code)
    param = default.param if fail.param is None else fail.param
    return ErrorObject(
        default.message if fail.message is None else fail.message,
        default.type,
        default.code if fail.code is None else fail.code,
        prompt if param == PROMPT else param,
    )
