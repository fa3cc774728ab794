from __future__ import annotations

import json
from typing import Any, Literal

import openai
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall
from pydantic import BaseModel, Field

from tests.clients.asking import MODEL, Sdk, Sync, journal, said
from tests.server.harness import Served

SCRIPT = "sdk_chat.llmock"

GREETING = "Hello! How can I help you today?"
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("get_weather", "get_time")
]
CALLS = [("get_weather", {"city": "Paris"}), ("get_time", {"zone": "CET"})]


class Person(BaseModel):
    name: str
    born: int


class Invoice(BaseModel):
    currency: Literal["EUR", "USD"]
    amounts: list[float] = Field(min_length=2)
    payer: Person | None
    paid: bool


def called(calls: Any) -> list[tuple[str, Any]]:
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


# -- text -------------------------------------------------------------------------------------------------------


def test_text(sdk: Sdk) -> None:
    answer = sdk.create("text")
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == (GREETING, "stop")
    assert (answer.model, answer.object) == (MODEL, "chat.completion")
    assert (
        answer.usage and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    )
    assert answer._request_id and answer._request_id.startswith("req_")


def test_a_raw_stream(sdk: Sdk) -> None:
    chunks = sdk.chunks("text")
    assert said(chunks) == GREETING
    assert len(chunks) > 5
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


def test_the_streaming_helper(sdk: Sdk) -> None:
    events, final = sdk.helper("text")
    assert events.count("content.delta") > 3
    assert events[-1] == "content.done"
    assert final.choices[0].message.content == GREETING
    assert final.choices[0].finish_reason == "stop"


def test_a_stream_with_usage(sdk: Sdk) -> None:
    *chunks, last = sdk.chunks("count", stream_options={"include_usage": True})
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)
    assert last.choices == []
    assert last.usage == sdk.create("count").usage
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (9, 1, 10)
    assert last.usage.prompt_tokens_details.cached_tokens == 4
    assert last.usage.completion_tokens_details.reasoning_tokens == 3


def test_the_helper_keeps_the_usage(sdk: Sdk) -> None:
    _, final = sdk.helper("count", stream_options={"include_usage": True})
    assert final.usage and final.usage.total_tokens == 10


def test_reasoning(sdk: Sdk) -> None:
    message = sdk.create("think", model="o3").choices[0].message
    assert (message.content, message.model_extra) == ("42", {"reasoning_content": "Six times seven"})
    deltas = [chunk.choices[0].delta.model_extra for chunk in sdk.chunks("think", model="o3")]
    assert [delta["reasoning_content"] for delta in deltas if delta] == ["Six t", "imes ", "seven"]


def test_what_the_script_names_itself(sdk: Sdk) -> None:
    answer = sdk.create("named")
    assert (answer.id, answer.model) == ("chatcmpl-mine", "gpt-4o-mini-2024-07-18")
    assert answer.choices[0].finish_reason == "length"
    assert {chunk.id for chunk in sdk.chunks("named")} == {"chatcmpl-mine"}
    with pytest.raises(openai.LengthFinishReasonError):
        sdk.helper("named")


def test_two_choices(sdk: Sdk) -> None:
    answer = sdk.create("two", n=2)
    expected = [(0, "Red", "stop"), (1, "Blue", "stop")]
    assert [(choice.index, choice.message.content, choice.finish_reason) for choice in answer.choices] == expected
    _, final = sdk.helper("two", n=2)
    assert [(choice.index, choice.message.content, choice.finish_reason) for choice in final.choices] == expected


def test_one_script_speaks_for_all_choices(sdk: Sdk) -> None:
    answer = sdk.create("text", n=3)
    assert [(choice.index, choice.message.content) for choice in answer.choices] == [
        (index, GREETING) for index in range(3)
    ]


# -- tools ------------------------------------------------------------------------------------------------------


def test_a_tool_call_and_its_result(sdk: Sdk) -> None:
    choice = sdk.create("call", tools=TOOLS).choices[0]
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert (call.id, choice.finish_reason, choice.message.content) == ("call_paris", "tool_calls", None)
    assert called([call]) == CALLS[:1]
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"city": "Paris", "sky": "Sun"}'}
    conversation = [{"role": "user", "content": "call"}, choice.message.to_dict(), result]
    assert sdk.create("", messages=conversation, tools=TOOLS).choices[0].message.content == "Sun in Paris"


def test_a_streamed_tool_call(sdk: Sdk) -> None:
    chunks = sdk.chunks("call", tools=TOOLS)
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [(call.index, call.id) for call in deltas] == [(0, "call_paris")] + [(0, None)] * (len(deltas) - 1)
    assert json.loads("".join(call.function.arguments for call in deltas)) == {"city": "Paris"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("streamed", [False, True])
def test_parallel_calls(sdk: Sdk, streamed: bool) -> None:
    answer = sdk.helper("calls", tools=TOOLS)[1] if streamed else sdk.create("calls", tools=TOOLS)
    calls = answer.choices[0].message.tool_calls or []
    assert called(calls) == CALLS
    assert len({call.id for call in calls}) == 2


def test_arguments_come_in_as_many_fragments_as_the_script_says(sdk: Sdk) -> None:
    deltas = [call for chunk in sdk.chunks("calls") for call in chunk.choices[0].delta.tool_calls or ()]
    assert [call.index for call in deltas] == [0] * (1 + 4) + [1] * (1 + 3)


def test_text_beside_a_call(sdk: Sdk) -> None:
    message = sdk.helper("text and call", tools=TOOLS)[1].choices[0].message
    assert message.content == "Let me look."
    assert called(message.tool_calls) == CALLS[:1]


def test_a_tool_that_is_not_offered_is_not_called(sdk: Sdk) -> None:
    with pytest.raises(openai.NotFoundError, match='`tools has "get_weather"` does not hold'):
        sdk.create("call")


# -- structured output ------------------------------------------------------------------------------------------


def test_a_literal_reply_is_parsed(sdk: Sdk) -> None:
    assert sdk.parse("who?", Person).choices[0].message.parsed == Person(name="Ada Lovelace", born=1815)


def test_a_made_up_reply_fits_its_schema(sdk: Sdk) -> None:
    invoice = sdk.parse("how much?", Invoice).choices[0].message.parsed
    assert invoice is not None
    assert len(invoice.amounts) == 2


def test_the_helper_parses_too(sdk: Sdk) -> None:
    _, final = sdk.helper("who?", response_format=Person)
    assert final.choices[0].message.parsed == Person(name="Ada Lovelace", born=1815)


def test_a_refusal(sdk: Sdk) -> None:
    message = sdk.create("refuse").choices[0].message
    assert (message.content, message.refusal) == (None, "I can't help with that.")
    events, final = sdk.helper("refuse")
    assert events[-1] == "refusal.done"
    assert final.choices[0].message.refusal == message.refusal
    assert final.choices[0].finish_reason == "stop"


# -- models -----------------------------------------------------------------------------------------------------


def test_models(sdk: Sdk) -> None:
    names = sdk.models()
    assert names == [MODEL, "o3", "ft:gpt-4o:org/own"]
    assert [sdk.model(name).id for name in names] == names
    with pytest.raises(openai.NotFoundError) as error:
        sdk.model("nope")
    assert (error.value.code, error.value.type) == ("model_not_found", "invalid_request_error")


def test_an_unknown_model(sdk: Sdk) -> None:
    with pytest.raises(openai.NotFoundError) as error:
        sdk.create("text", model="nope")
    assert (error.value.code, error.value.param) == ("model_not_found", None)
    assert "The model `nope` does not exist or you do not have access to it." in error.value.message


# -- errors -----------------------------------------------------------------------------------------------------


ERRORS: dict[str, tuple[type[openai.APIStatusError], int, str, str | None, str | None]] = {
    "fail 400": (openai.BadRequestError, 400, "invalid_request_error", "my_code", "messages[0].content"),
    "too long": (openai.BadRequestError, 400, "invalid_request_error", "context_length_exceeded", "messages"),
    "fail 401": (openai.AuthenticationError, 401, "invalid_request_error", "invalid_api_key", None),
    "fail 403": (
        openai.PermissionDeniedError,
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        None,
    ),
    "fail 404": (openai.NotFoundError, 404, "invalid_request_error", None, None),
    "fail 409": (openai.ConflictError, 409, "conflict_error", None, None),
    "fail 418": (openai.APIStatusError, 418, "invalid_request_error", None, None),
    "fail 422": (openai.UnprocessableEntityError, 422, "invalid_request_error", None, None),
    "fail 429": (openai.RateLimitError, 429, "requests", "rate_limit_exceeded", None),
    "quota": (openai.RateLimitError, 429, "insufficient_quota", "insufficient_quota", None),
    "fail 500": (openai.InternalServerError, 500, "server_error", None, None),
    "fail 503": (openai.InternalServerError, 503, "service_unavailable_error", "server_is_overloaded", None),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("user", ERRORS)
def test_an_error_of_the_script(sdk: Sdk, user: str, streamed: bool) -> None:
    kind, status, type_, code, param = ERRORS[user]
    with pytest.raises(openai.APIStatusError) as raised:
        sdk.chunks(user) if streamed else sdk.create(user)
    error = raised.value
    assert type(error) is kind
    assert (error.status_code, error.type, error.code, error.param) == (status, type_, code, param)
    assert error.request_id and error.request_id.startswith("req_")
    assert isinstance(error.body, dict) and set(error.body) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("parameters", "param", "code"),
    [
        ({"temperature": 9}, "temperature", "decimal_above_max_value"),
        ({"messages": []}, "messages", "empty_array"),
        ({"model": openai.omit}, "model", "missing_required_parameter"),
        ({"extra_body": {"temprature": 1}}, None, None),
    ],
)
def test_a_really_bad_request(sdk: Sdk, parameters: dict[str, Any], param: str | None, code: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        sdk.create("text", **parameters)
    error = raised.value
    assert (error.type, error.param, error.code) == ("invalid_request_error", param, code)
    assert (param or "temprature") in error.message
    assert error.request_id and error.request_id.startswith("req_")


# -- retries and time-outs --------------------------------------------------------------------------------------


def test_the_third_try_succeeds(sdk: Sdk, server: Served) -> None:
    before = len(journal(server))
    answer = sdk.create("flaky", {"max_retries": 2})
    assert answer.choices[0].message.content == "Attempt 2 after the first."
    assert [entry["status"] for entry in journal(server)[before:]] == [429, 503, 200]


def test_without_retries_the_first_failure_is_the_answer(sdk: Sdk) -> None:
    with pytest.raises(openai.RateLimitError, match=r"Slow down\.") as error:
        sdk.create("flaky")
    assert error.value.response.headers["retry-after-ms"] == "1"
    with pytest.raises(openai.InternalServerError):
        sdk.create("flaky")
    assert sdk.create("flaky").choices[0].message.content == "Attempt 0 after the first."


@pytest.mark.parametrize("streamed", [False, True])
def test_a_server_that_hangs(sdk: Sdk, streamed: bool) -> None:
    with pytest.raises(openai.APITimeoutError):
        sdk.chunks("hang", options={"timeout": 0.1}) if streamed else sdk.create("hang", {"timeout": 0.1})


def test_a_stream_that_stalls(server: Served, key: str) -> None:
    got: list[Any] = []
    with pytest.raises(openai.APIConnectionError):
        Sync(f"{server.url}/v1", key).chunks("stall", got, options={"timeout": 2.0})
    assert said(got) == "I was about to s"
