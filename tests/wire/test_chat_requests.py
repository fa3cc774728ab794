from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl.request import Request, ToolCall
from mockllm.apis.chat_parameters import PARAMETERS
from mockllm.apis.chat_request import decode
from mockllm.apis.errors import ApiError

USER = {"role": "user", "content": "Hi"}
FUNCTION = {"type": "function", "function": {"name": "f"}}
CUSTOM = {"type": "custom", "custom": {"name": "shell"}}


def asked(*messages: Any, lenient: bool = False, **parameters: Any) -> Request:
    body = {"model": "gpt-4o", "messages": list(messages) or [USER], **parameters}
    return decode(json.dumps(body).encode(), lenient=lenient)


def refused(body: bytes) -> ApiError:
    with pytest.raises(ApiError) as raised:
        decode(body)
    assert (raised.value.status, raised.value.type) == (400, "invalid_request_error")
    return raised.value


def calling(*ids: str) -> dict[str, Any]:
    calls = [
        {"id": each, "type": "function", "function": {"name": f"f_{each}", "arguments": "{}"}} for each in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id: str, content: Any = "22") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


# -- what a request means ----------------------------------------------------------------------------------


def test_a_request_keeps_what_the_client_sent() -> None:
    body = {"model": "gpt-4o", "messages": [USER], "temperature": 0.5, "top_p": 0.1, "n": 2, "seed": 7}
    request = decode(json.dumps(body).encode(), path="/v1/x", query={"a": "b"}, headers=[("X-Mine", "1")])
    assert (request.endpoint, request.transport, request.stream) == ("chat", "json", False)
    assert (request.path, request.query["a"], request.header["x-mine"]) == ("/v1/x", "b", "1")
    assert (request.model, request.temperature, request.top_p, request.n, request.seed) == (
        "gpt-4o",
        0.5,
        0.1,
        2,
        7,
    )
    assert request.body == body


def test_a_stream_is_sse() -> None:
    request = asked(stream=True)
    assert (request.transport, request.stream) == ("sse", True)


@pytest.mark.parametrize(
    ("parameters", "limit"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_tokens": 5, "max_completion_tokens": 9}, 9),
        ({"max_tokens": 5, "max_completion_tokens": None}, 5),
    ],
)
def test_the_newer_limit_wins(parameters: dict[str, Any], limit: int | None) -> None:
    assert asked(**parameters).max_tokens == limit


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (USER, "Hi"),
        ({"role": "assistant", "refusal": "No."}, "No."),
        ({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, "No."),
        (
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is"},
                    {"type": "image_url", "image_url": {"url": "data:,"}},
                    {"type": "text", "text": "this?"},
                ],
            },
            "What is\nthis?",
        ),
    ],
)
def test_a_message_has_one_text(message: Any, text: str) -> None:
    (found,) = asked(message).messages
    assert (found.text, found.content) == (text, message.get("content"))


def test_a_tools_result_has_the_name_of_the_function_that_was_called() -> None:
    request = asked(USER, calling("a", "b"), result("b", [{"type": "text", "text": "sun"}]), result("a"))
    assert {name: str(found) for name, found in request.tool_result.items()} == {"f_b": "sun", "f_a": "22"}
    assert request.messages[1].tool_calls[0] == ToolCall("a", "f_a", "{}")


def test_a_custom_tools_input_is_its_arguments() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    request = asked(USER, {"role": "assistant", "tool_calls": [call]}, result("c"))
    assert request.messages[1].tool_calls == (ToolCall("c", "shell", "ls"),)
    assert "shell" in request.tool_result


def test_deprecated_functions_are_tools() -> None:
    request = asked(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "g", "arguments": "{}"}},
        {"role": "function", "name": "g", "content": "22"},
        functions=[{"name": "g"}],
        function_call={"name": "g"},
    )
    assert (request.tools, request.tool_choice) == (("g",), "g")
    assert request.messages[1].tool_calls == (ToolCall("", "g", "{}"),)
    assert str(request.tool_result["g"]) == "22"


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, "f"),
        ({"type": "custom", "custom": {"name": "shell"}}, "shell"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [FUNCTION]}}, "auto"),
    ],
)
def test_the_tool_choice_is_a_mode_or_a_name(choice: Any, meant: str) -> None:
    request = asked(tools=[FUNCTION, CUSTOM], tool_choice=choice)
    assert (request.tools, request.tool_choice) == (("f", "shell"), meant)


def test_null_is_absent_where_the_api_allows_it() -> None:
    assert asked(temperature=None, stop=None, stream_options=None).temperature is None


def test_messages_may_have_keys_of_other_vendors() -> None:
    assert asked({"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}).assistant == "Hi"


# -- what is refused ---------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
OPEN_INSIDE = {
    "type": "object",
    "properties": {"list": {"type": "array", "items": SCHEMA | {"required": ["a"]}}},
    "required": ["list"],
    "additionalProperties": False,
}


def strict(schema: Any) -> dict[str, Any]:
    json_schema = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": json_schema}}


def message(**keys: Any) -> dict[str, Any]:
    return {"messages": [keys]}


# (parameters, param, code, message)
REFUSALS: list[tuple[dict[str, Any], str | None, str | None, str]] = [
    ({"model": ...}, "model", "missing_required_parameter", "Missing required parameter: 'model'."),
    ({"messages": ...}, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."),
    (
        {"model": None},
        "model",
        "invalid_type",
        "Invalid type for 'model': expected a string, but got null instead.",
    ),
    ({"foo": 1}, None, None, "Unrecognized request argument supplied: foo"),
    ({"foo": 1, "bar": 2}, None, None, "Unrecognized request arguments supplied: foo, bar"),
    # types
    (
        {"messages": "Hi"},
        "messages",
        "invalid_type",
        "Invalid type for 'messages': expected an array of objects, but got a string instead.",
    ),
    (
        {"messages": ["Hi"]},
        "messages[0]",
        "invalid_type",
        "Invalid type for 'messages[0]': expected an object, but got a string instead.",
    ),
    (
        message(role="user", content=7),
        "messages[0].content",
        "invalid_type",
        "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got an integer "
        "instead.",
    ),
    ({"seed": 1.5}, "seed", "invalid_type", "expected an integer, but got a decimal number instead."),
    ({"n": True}, "n", "invalid_type", "expected an integer, but got a boolean instead."),
    ({"temperature": "hot"}, "temperature", "invalid_type", "expected a decimal, but got a string instead."),
    ({"stream": "yes"}, "stream", "invalid_type", "expected a boolean, but got a string instead."),
    (
        {"stop": [1]},
        "stop[0]",
        "invalid_type",
        "Invalid type for 'stop[0]': expected a string, but got an integer instead.",
    ),
    ({"stop": 7}, "stop", "invalid_type", "expected one of a string or array of strings, but got an integer"),
    (
        {"tool_choice": 7},
        "tool_choice",
        "invalid_type",
        "Invalid type for 'tool_choice': expected one of one of 'none', 'auto', or 'required' or object, but got "
        "an integer instead.",
    ),
    (
        {"prompt_cache_retention": {}},
        "prompt_cache_retention",
        "invalid_type",
        "expected one of 'in_memory' or '24h'",
    ),
    ({"tools": None}, "tools", "invalid_type", "expected an array of objects, but got null instead."),
    # ranges
    (
        {"temperature": 2.5},
        "temperature",
        "decimal_above_max_value",
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
    ),
    ({"top_p": -0.1}, "top_p", "decimal_below_min_value", "Expected a value >= 0, but got -0.1 instead."),
    (
        {"presence_penalty": -3},
        "presence_penalty",
        "decimal_below_min_value",
        "Expected a value >= -2, but got -3",
    ),
    (
        {"n": 0},
        "n",
        "integer_below_min_value",
        "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    ),
    ({"n": 129}, "n", "integer_above_max_value", "Expected a value <= 128, but got 129 instead."),
    ({"seed": 10**30}, "seed", "integer_above_max_value", f"but got {10**30} instead."),
    ({"max_completion_tokens": 0}, "max_completion_tokens", "integer_below_min_value", ">= 1, but got 0"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "integer_above_max_value", "<= 20, but got 21"),
    ({"logit_bias": {"5": 101}}, "logit_bias.5", "decimal_above_max_value", "<= 100, but got 101"),
    # lengths
    (
        {"prompt_cache_key": "k" * 65},
        "prompt_cache_key",
        "string_above_max_length",
        "Invalid 'prompt_cache_key': string too long. Expected a string with maximum length 64, but got a string "
        "with length 65 instead.",
    ),
    (
        {"messages": []},
        "messages",
        "empty_array",
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array "
        "instead.",
    ),
    ({"tools": []}, "tools", "empty_array", "Invalid 'tools': empty array."),
    (
        {"stop": ["a"] * 5},
        "stop",
        "array_above_max_length",
        "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 "
        "instead.",
    ),
    (
        {"metadata": {str(i): "" for i in range(17)}},
        "metadata",
        "object_above_max_properties",
        "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an "
        "object with 17 properties instead.",
    ),
    ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length", "maximum length 512"),
    (
        {"metadata": {"k" * 65: ""}},
        f"metadata.{'k' * 65}",
        "property_name_above_max_length",
        "'kkk...kkk' is too long",
    ),
    ({"metadata": {"k": 7}}, "metadata.k", "invalid_type", "expected a string, but got an integer instead."),
    # enumerations
    (
        {"verbosity": "loud"},
        "verbosity",
        "invalid_value",
        "Invalid value: 'loud'. Supported values are: 'low', 'medium', and 'high'.",
    ),
    ({"modalities": ["smell"]}, "modalities[0]", "invalid_value", "Supported values are: 'text' and 'audio'."),
    (
        message(role="bot", content="Hi"),
        "messages[0].role",
        "invalid_value",
        "Invalid value: 'bot'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and "
        "'developer'.",
    ),
    (message(role=7), "messages[0].role", "invalid_type", "but got an integer instead."),
    # messages
    (message(content="Hi"), "messages[0].role", "missing_required_parameter", "'messages[0].role'"),
    (message(role="user"), "messages[0].content", "missing_required_parameter", "'messages[0].content'"),
    (
        message(role="assistant", content=None),
        "messages.[0].content",
        None,
        "Invalid value for 'content': expected a string, got null.",
    ),
    (
        message(role="system", content=[{"type": "image_url", "image_url": {"url": ""}}]),
        "messages[0].content[0].type",
        "invalid_value",
        "Invalid value: 'image_url'. Supported values are: 'text'.",
    ),
    (
        message(role="user", content=[{"type": "text"}]),
        "messages[0].content[0].text",
        "missing_required_parameter",
        "",
    ),
    (message(role="function", content=""), "messages[0].name", "missing_required_parameter", ""),
    (message(role="tool", content=""), "messages[0].tool_call_id", "missing_required_parameter", ""),
    (
        message(role="user", name="a b", content="Hi"),
        "messages[0].name",
        "invalid_value",
        r"string does not match pattern. Expected a string that matches the pattern '^[^\s<|\\/>]+$'.",
    ),
    (
        {"messages": [USER, result("a")]},
        "messages.[1].role",
        None,
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
        "'tool_calls'.",
    ),
    (
        {"messages": [calling("a"), result("b")]},
        "messages.[1].tool_call_id",
        None,
        "Invalid parameter: 'tool_call_id' of 'b' not found in 'tool_calls' of previous message.",
    ),
    (
        {"messages": [calling("a", "b"), result("a"), USER]},
        "messages.[2].role",
        None,
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        "'tool_call_id'. The following tool_call_ids did not have response messages: b",
    ),
    ({"messages": [USER, calling("a", "b")]}, "messages", None, "did not have response messages: a, b"),
    (
        {"messages": [calling("a"), result("a"), USER, result("a")]},
        "messages.[3].role",
        None,
        "preceeding message",
    ),
    # what needs something else
    (
        {"stream_options": {}},
        "stream_options",
        None,
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    ),
    (
        {"top_logprobs": 1, "logprobs": False},
        "top_logprobs",
        None,
        "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
    ),
    (
        {"tool_choice": "auto"},
        "tool_choice",
        None,
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
    ),
    ({"parallel_tool_calls": True}, "parallel_tool_calls", None, "only allowed when 'tools' are specified."),
    ({"function_call": "auto"}, "function_call", None, "only allowed when 'functions' are specified."),
    # tools
    ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter", ""),
    (
        {"tools": [{"type": "mcp"}]},
        "tools[0].type",
        "invalid_value",
        "Supported values are: 'function' and 'custom'.",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "a b\n"}}]},
        "tools[0].function.name",
        "invalid_value",
        "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
    ),
    (
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        "tool_choice",
        None,
        "Invalid value for 'tool_choice': no function named 'g' was specified in the 'tools' parameter.",
    ),
    (
        {"functions": [{"name": "f"}], "function_call": {"name": "g"}},
        "function_call",
        None,
        "no function named 'g' was specified in the 'functions' parameter.",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
        "tools[0].function.parameters",
        "invalid_function_parameters",
        "Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', got "
        "'type: \"array\"'.",
    ),
    (
        {"functions": [{"name": "f", "strict": True, "parameters": SCHEMA}]},
        "functions[0].parameters",
        "invalid_function_parameters",
        "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be supplied and to "
        "be false.",
    ),
    # response formats
    ({"response_format": {}}, "response_format.type", "missing_required_parameter", "'response_format.type'"),
    ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value", "'json_schema', and 'text'."),
    (
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        "response_format.json_schema.name",
        "missing_required_parameter",
        "Missing required parameter: 'response_format.json_schema.name'.",
    ),
    (
        strict(SCHEMA | {"additionalProperties": False}),
        "response_format",
        "invalid_json_schema",
        "Invalid schema for response_format 'answer': In context=(), 'required' is required to be supplied and to "
        "be an array including every key in properties. Missing 'a'.",
    ),
    (
        strict(OPEN_INSIDE),
        "response_format",
        "invalid_json_schema",
        "In context=('properties', 'list', 'items'), 'additionalProperties' is required",
    ),
    (
        strict({"type": "object", "additionalProperties": False, "$defs": {"x": {"anyOf": [SCHEMA]}}}),
        "response_format",
        "invalid_json_schema",
        "In context=('$defs', 'x', 'anyOf', '0'), 'additionalProperties' is required",
    ),
]


@pytest.mark.parametrize(("parameters", "param", "code", "message"), REFUSALS)
def test_a_bad_request_is_refused_as_the_api_does(
    parameters: dict[str, Any], param: str | None, code: str | None, message: str
) -> None:
    body = {"model": "gpt-4o", "messages": [USER], **parameters}
    error = refused(json.dumps({name: value for name, value in body.items() if value is not ...}).encode())
    assert (error.param, error.code) == (param, code)
    assert message in error.message
    assert error.message.startswith(("Invalid", "Missing", "The ", "An ", "Unrecognized"))


def test_a_missing_parameter_is_reported_before_an_unknown_one_and_that_before_others() -> None:
    assert refused(b'{"foo": 1, "model": "m"}').param == "messages"
    assert "foo" in refused(b'{"model": "m", "messages": [], "foo": 1}').message


@pytest.mark.parametrize(
    "parameters",
    [
        strict({"type": "object", "properties": {}, "required": [], "additionalProperties": False}),
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}]},
        {"stop": "END", "metadata": {"k" * 64: "v" * 512}, "logit_bias": {"50256": -100}},
        {"stream": True, "stream_options": {"include_usage": True}, "logprobs": True, "top_logprobs": 20},
        {"reasoning_effort": "xhigh", "verbosity": "low", "service_tier": "flex", "store": False},
    ],
)
def test_a_good_request_passes(parameters: dict[str, Any]) -> None:
    assert asked(**parameters).model == "gpt-4o"


def test_a_long_conversation_with_tools_passes() -> None:
    assert asked(USER, calling("a"), result("a"), calling("a"), result("a"), USER).turn == 3


def test_a_lenient_decoder_takes_unknown_arguments() -> None:
    assert asked(lenient=True, top_k=40).body["top_k"] == 40


# -- whatever the bytes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"model": NaN}',
        b'{"temperature": -Infinity}',
        b'{"temperature": 1e999}',
        b'{"seed": ' + b"9" * 5000 + b"}",
        b'{"model": "\\ud800"}',
        b'{"\\udfff": 1}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_not_json_is_refused_as_such(body: bytes) -> None:
    error = refused(body)
    assert error.message.startswith("We could not parse the JSON body of your request.")
    assert (error.param, error.code) == (None, None)


def test_a_pair_of_surrogate_escapes_is_a_character() -> None:
    assert decode(json.dumps({"model": "m", "messages": [USER | {"content": "🌍"}]}).encode()).user == "🌍"


def accepted_or_refused(body: bytes) -> None:
    """A body makes a request whose texts have UTF-8, or an `ApiError`; nothing else."""
    try:
        request = decode(body)
    except ApiError as error:
        json.loads(error.body)
        assert error.status == 400
    else:
        json.dumps(request.body, ensure_ascii=False).encode()
        assert isinstance(str(request.tool_result), str)


# Copied, because the tests below change what they draw.
NASTY: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, 10**25, "", "x", "\ud800", "function", [], {}, [[]], [{}], [None]]
).map(deepcopy)
JSON = st.recursive(
    NASTY | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)

FULL: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "a"}]},
        {
            "role": "user",
            "name": "ann",
            "content": [{"type": "image_url", "image_url": {"url": "", "detail": "low"}}],
        },
        calling("a", "b"),
        result("a"),
        result("b", [{"type": "text", "text": "x"}]),
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}], "refusal": "no"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": None},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "s", "input": ""}}]},
        result("c"),
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": OPEN_INSIDE, "strict": False}}, CUSTOM],
    "functions": [{"name": "f", "parameters": SCHEMA}],
    "function_call": {"name": "f"},
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "stream": True,
    "stream_options": {"include_usage": True},
    "stop": ["a"],
    "metadata": {"k": "v"},
    "logit_bias": {"1": 1},
    **strict({"type": "object", "properties": {}, "required": [], "additionalProperties": False}),
}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each place in `value`: its container and its key there."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for key in keys for place in [(value, key), *places(value[key])]]


def test_the_full_request_is_a_good_one() -> None:
    accepted = decode(json.dumps(FULL).encode())
    assert accepted.tool_choice == "f"


@given(JSON)
def test_no_json_breaks_the_decoder(value: Any) -> None:
    accepted_or_refused(json.dumps(value).encode())


@given(st.dictionaries(st.sampled_from(sorted(PARAMETERS)), JSON))
def test_no_parameters_break_the_decoder(parameters: dict[str, Any]) -> None:
    accepted_or_refused(json.dumps({"model": "m", "messages": [USER], **parameters}).encode())


@given(st.data())
def test_no_near_miss_breaks_the_decoder(data: st.DataObject) -> None:
    body = deepcopy(FULL)
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(body)))
        if data.draw(st.booleans()):
            container[key] = data.draw(JSON)
        else:
            del container[key]
    accepted_or_refused(json.dumps(body).encode())


@given(st.binary())
def test_no_bytes_break_the_decoder(body: bytes) -> None:
    accepted_or_refused(body)
