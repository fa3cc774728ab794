from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from dsl.timeline import Fail
from mockllm.apis import errors, models
from mockllm.apis.chat_request import decode
from mockllm.apis.errors import ApiError, from_fail
from mockllm.apis.replies import error_reply
from tests.wire.answering import GOLDEN

CATALOGUE = json.loads((GOLDEN / "errors.json").read_text())


def refusal(**parameters: Any) -> ApiError:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **parameters}
    given = {name: value for name, value in body.items() if value is not ...}
    with pytest.raises(ApiError) as raised:
        decode(json.dumps(given).encode())
    return raised.value


LIMITED = (
    "Rate limit reached for gpt-4o-mini in organization org-mock on requests per min (RPM): Limit 3, Used 3, "
    "Requested 1. Please try again in 20s."
)

MADE = {
    "400_invalid_value": refusal(temperature=9),
    "400_missing_param": refusal(messages=...),
    "400_bad_json": errors.not_json(),
    "400_context_length": from_fail(Fail(0.0, 400, code="context_length_exceeded")),
    "401_missing_key": errors.missing_api_key(),
    "401_invalid_api_key": errors.invalid_api_key("sk-bad"),
    "403_country": from_fail(Fail(0.0, 403)),
    "404_chat_model_not_found": errors.model_not_found("nope"),
    "404_unknown_url": errors.unknown_url("POST", "/v1/nope"),
    "405_method": errors.method_not_allowed("GET", "/v1/chat/completions", "POST"),
    "409_conflict": from_fail(Fail(0.0, 409)),
    "413_too_large": errors.request_too_large(),
    "422_unprocessable": from_fail(Fail(0.0, 422)),
    "429_rate_limit": from_fail(Fail(0.0, 429, LIMITED)),
    "429_insufficient_quota": from_fail(Fail(0.0, 429, code="insufficient_quota")),
    "500_server_error": from_fail(Fail(0.0)),
    "503_overloaded": from_fail(Fail(0.0, 503)),
}


def test_the_catalogue_is_covered_but_for_responses() -> None:
    assert {name for name in CATALOGUE if "response" not in name} == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_an_error_is_the_golden_one(name: str) -> None:
    expected = CATALOGUE[name]
    assert MADE[name].status == expected["status"]
    assert MADE[name].body == json.dumps(expected["body"], indent=2).encode()


def test_what_the_script_gives_wins() -> None:
    error = from_fail(Fail(0.0, 429, "Slow down.", "slow_down", "model", 0.25))
    assert error.envelope == {
        "error": {"message": "Slow down.", "type": "requests", "param": "model", "code": "slow_down"}
    }


@pytest.mark.parametrize(
    ("seconds", "headers"),
    [
        (1.0, {"retry-after": "1", "retry-after-ms": "1000"}),
        (0.001, {"retry-after": "1", "retry-after-ms": "1"}),
        (2.1, {"retry-after": "3", "retry-after-ms": "2100"}),
        (0.0, {"retry-after": "0", "retry-after-ms": "0"}),
    ],
)
def test_retry_after_is_whole_seconds_and_milliseconds(seconds: float, headers: dict[str, str]) -> None:
    assert dict(from_fail(Fail(0.0, 429, retry_after=seconds)).headers) == headers


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "invalid_request_error"),
        (418, "invalid_request_error"),
        (502, "server_error"),
        (504, "server_error"),
        (529, "service_unavailable_error"),
        (599, "server_error"),
    ],
)
def test_any_status_has_a_message_and_a_type(status: int, kind: str) -> None:
    error = from_fail(Fail(0.0, status))
    assert (error.status, error.type) == (status, kind)
    assert error.message.endswith((".", "!"))


def test_an_unauthorized_script_is_an_invalid_key() -> None:
    assert from_fail(Fail(0.0, 401)).code == "invalid_api_key"


def test_a_long_prompt_is_the_parameter_of_its_api() -> None:
    fail = Fail(0.0, 400, code="context_length_exceeded")
    assert from_fail(fail, prompt="input").param == "input"


def test_an_unknown_code_keeps_the_type_of_its_status() -> None:
    error = from_fail(Fail(0.0, 429, code="mine"))
    assert (error.type, error.code) == ("requests", "mine")


def test_the_servers_own_errors_have_codes() -> None:
    unmatched, failed = errors.no_rule_matched("No rule."), errors.script_error("It broke.")
    assert (unmatched.status, unmatched.type, unmatched.code) == (404, "invalid_request_error", "no_rule_matched")
    assert (failed.status, failed.type, failed.code) == (500, "server_error", "script_error")


def test_an_error_reads_well_in_a_log() -> None:
    assert str(errors.no_rule_matched("No rule.")) == "404 no_rule_matched: No rule."


def test_a_model_that_is_not_listed_is_not_found() -> None:
    error = models.model_not_found("nope")
    assert (error.status, error.param, error.code) == (404, "model", "model_not_found")


def test_a_body_is_raw_utf8_whatever_the_message() -> None:
    assert '"message": "ño \N{BOMB} ?"' in ApiError(400, "ño \N{BOMB} \ud800").body.decode()


def test_headers_of_the_error_join_those_of_the_api() -> None:
    reply = error_reply(MADE["405_method"], Random(1))
    headers = dict(reply.headers)
    assert (reply.status, headers["allow"], headers["content-type"]) == (405, "POST", "application/json")
    assert headers["x-request-id"].startswith("req_")
    assert "x-ratelimit-limit-requests" not in headers


def test_a_404_names_its_charset() -> None:
    headers = dict(error_reply(MADE["404_unknown_url"], Random(1)).headers)
    assert headers["content-type"] == "application/json; charset=utf-8"
