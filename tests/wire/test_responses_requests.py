from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl.request import Request, ToolCall
from mockllm.apis.errors import ApiError
from mockllm.apis.responses_parameters import ITEMS, PARAMETERS
from mockllm.apis.responses_request import Nothing, decode

USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "22"}
CUSTOM = {"type": "custom_tool_call", "call_id": "c", "name": "shell", "input": "ls"}
CUSTOM_RESULT = {"type": "custom_tool_call_output", "call_id": "c", "output": "a.txt"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}]}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}


def encoded(**parameters: Any) -> bytes:
    body = {"model": "gpt-4o", "input": "Hi"} | parameters
    return json.dumps({key: value for key, value in body.items() if value is not ...}).encode()


def asked(**parameters: Any) -> Request:
    return decode(encoded(**parameters)).request


def of(*items: Any, **parameters: Any) -> Request:
    return asked(input=list(items), **parameters)


def refused(body: bytes, status: int = 400) -> tuple[str | None, str | None, str]:
    with pytest.raises(ApiError) as raised:
        decode(body)
    assert (raised.value.status, raised.value.type) == (status, "invalid_request_error")
    return raised.value.code, raised.value.param, raised.value.message


# -- what a request means ----------------------------------------------------------------------------------


def test_a_request_keeps_what_the_client_sent() -> None:
    body = encoded(temperature=0.5, top_p=0.1, max_output_tokens=99, metadata={"a": "b"}, stream=True)
    request = decode(body, path="/v1/x", query={"a": "b"}, headers=[("X-Mine", "1")]).request
    assert (request.endpoint, request.transport, request.stream) == ("responses", "sse", True)
    assert (request.path, request.query["a"], request.header["x-mine"]) == ("/v1/x", "b", "1")
    assert (request.model, request.temperature, request.top_p, request.max_tokens) == ("gpt-4o", 0.5, 0.1, 99)
    assert request.body == json.loads(body)


def test_a_text_is_a_message_of_the_user() -> None:
    request = asked(input="Hello")
    assert (request.user, request.turn, len(request.messages)) == ("Hello", 1, 1)


def test_instructions_are_a_system_message() -> None:
    request = of({"role": "developer", "content": "Be kind."}, USER, instructions="Be brief.")
    assert request.system == "Be brief.\nBe kind."


def test_the_parts_of_a_message_have_one_text() -> None:
    parts = [
        {"type": "input_text", "text": "What is"},
        {"type": "input_image", "image_url": "data:,"},
        {"type": "input_text", "text": "this?"},
    ]
    assert of({"type": "message", "role": "user", "content": parts}).user == "What is\nthis?"


def test_what_the_assistant_did_at_once_is_one_turn() -> None:
    said = {"role": "assistant", "content": [{"type": "output_text", "text": "Let me look."}]}
    request = of(USER, REASONING, said, CALL, RESULT, {"role": "assistant", "content": "22."}, USER)
    assert [message.role for message in request.messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert request.turn == 3
    assert request.messages[1].text == "Let me look."
    assert request.messages[1].tool_calls == (ToolCall("c", "f", "{}"),)


def test_a_result_has_the_name_of_the_function_that_was_called() -> None:
    parts = [{"type": "input_text", "text": '{"temp": 22}'}]
    request = of(USER, CALL, RESULT | {"output": parts})
    assert request.tool_result["f"]["temp"] == 22
    assert request.last == "tool"


def test_a_custom_tools_input_is_its_arguments() -> None:
    request = of(USER, CUSTOM, CUSTOM_RESULT)
    assert request.messages[1].tool_calls == (ToolCall("c", "shell", "ls"),)
    assert str(request.tool_result["shell"]) == "a.txt"


def test_results_of_the_apis_own_tools_have_their_names() -> None:
    item = {"type": "local_shell_call_output", "call_id": "x", "output": "done"}
    assert str(of(USER, item).tool_result["local_shell"]) == "done"


@pytest.mark.parametrize("kind", sorted(ITEMS.keys() - {"message", "item_reference"}))
def test_items_of_every_kind_pass(kind: str) -> None:
    known: dict[str, Any] = {
        "function_call": CALL,
        "function_call_output": RESULT,
        "custom_tool_call": CUSTOM,
        "custom_tool_call_output": CUSTOM_RESULT,
        "reasoning": REASONING,
        "compaction": {"encrypted_content": "x"},
    }
    item = {"type": kind, **known.get(kind, {})}
    around = {"function_call": [item, RESULT], "custom_tool_call": [item, CUSTOM_RESULT]}
    before = {"function_call_output": [CALL, item], "custom_tool_call_output": [CUSTOM, item]}
    assert of(USER, *(around | before).get(kind, [item])).user == "Hi"


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("required", "required"),
        ({"type": "function", "name": "f"}, "f"),
        ({"type": "allowed_tools", "mode": "auto", "tools": []}, "auto"),
        ({"type": "web_search"}, "web_search"),
    ],
)
def test_a_tool_choice_is_a_mode_or_a_name(choice: Any, name: str) -> None:
    assert asked(tools=[FUNCTION], tool_choice=choice).tool_choice == name


def test_tools_have_names() -> None:
    namespace = {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "g"}]}
    tools = [FUNCTION, {"type": "custom", "name": "shell"}, {"type": "web_search"}, namespace]
    assert asked(tools=tools).tools == ("f", "shell", "web_search", "g")


def test_a_stored_prompt_may_name_the_model() -> None:
    assert asked(model=..., input=..., prompt={"id": "pmpt_1"}).model == "gpt-4o-mini"


# -- what it continues -------------------------------------------------------------------------------------


class Past(Nothing):
    def response(self, name: str) -> tuple[dict[str, Any], ...] | None:
        return ({"type": "message", **USER}, CALL) if name == "resp_1" else None

    def item(self, name: str) -> dict[str, Any] | None:
        return {"type": "message", "role": "user", "content": "Referred"} if name == "msg_1" else None


def test_a_response_is_continued() -> None:
    found = decode(encoded(previous_response_id="resp_1", input=[RESULT]), past=Past())
    assert [message.role for message in found.request.messages] == ["user", "assistant", "tool"]
    assert "f" in found.request.tool_result
    assert (len(found.before), len(found.new)) == (2, 1)


@pytest.mark.parametrize("item", [{"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}])
def test_a_reference_is_the_item_that_it_names(item: Any) -> None:
    assert decode(encoded(input=[item]), past=Past()).request.user == "Referred"


def test_a_call_of_the_past_must_be_answered() -> None:
    with pytest.raises(ApiError, match="No tool output found for function call c"):
        decode(encoded(previous_response_id="resp_1", input="And?"), past=Past())


# -- what is refused ---------------------------------------------------------------------------------------

ASSISTANT_INPUT = {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}


@pytest.mark.parametrize(
    ("parameters", "code", "param"),
    [
        ({"model": ...}, "missing_required_parameter", "model"),
        ({"input": ...}, "missing_required_parameter", "input"),
        ({"foo": 1}, "unknown_parameter", "foo"),
        ({"messages": []}, "unknown_parameter", "messages"),
        ({"model": 7}, "invalid_type", "model"),
        ({"input": 7}, "invalid_type", "input"),
        ({"input": [7]}, "invalid_type", "input[0]"),
        ({"input": [{"role": "user"}]}, "missing_required_parameter", "input[0].content"),
        ({"input": [{"role": "robot", "content": "x"}]}, "invalid_value", "input[0].role"),
        ({"input": [{"type": "dream"}]}, "invalid_value", "input[0]"),
        ({"input": [ASSISTANT_INPUT]}, "invalid_value", "input[0].content[0].type"),
        ({"temperature": 9}, "decimal_above_max_value", "temperature"),
        ({"max_output_tokens": 15}, "integer_below_min_value", "max_output_tokens"),
        ({"top_logprobs": 21}, "integer_above_max_value", "top_logprobs"),
        ({"prompt_cache_key": "x" * 65}, "string_above_max_length", "prompt_cache_key"),
        ({"include": ["everything"]}, "invalid_value", "include[0]"),
        ({"reasoning": {"effort": "utmost"}}, "invalid_value", "reasoning.effort"),
        ({"truncation": "never"}, "invalid_value", "truncation"),
        ({"text": {"format": {"type": "xml"}}}, "invalid_value", "text.format.type"),
        ({"tools": [{"name": "f"}]}, "missing_required_parameter", "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].name"),
        ({"tool_choice": {"type": "function", "name": "f"}}, None, "tool_choice"),
        (
            {"previous_response_id": "resp_1", "conversation": "conv_1"},
            "mutually_exclusive_parameters",
            "previous_response_id",
        ),
        ({"previous_response_id": "resp_x"}, "previous_response_not_found", "previous_response_id"),
        ({"stream_options": {}}, None, "stream_options"),
        ({"background": True, "store": False}, None, "background"),
        ({"input": [CALL]}, None, "input"),
        ({"input": [RESULT]}, None, "input"),
    ],
)
def test_a_mistake_is_refused_by_name(parameters: dict[str, Any], code: str | None, param: str) -> None:
    assert refused(encoded(**parameters))[:2] == (code, param)


def test_calls_and_outputs_that_do_not_fit_are_refused_in_the_apis_words() -> None:
    assert refused(encoded(input=[USER, CALL]))[2] == "No tool output found for function call c."
    message = "No tool call found for function call output with call_id c."
    assert refused(encoded(input=[USER, RESULT]))[2] == message


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"conversation": {"id": "conv_x"}}, "Conversation"), ({"input": [{"id": "msg_x"}]}, "Item")],
)
def test_what_is_not_there_is_not_found(parameters: dict[str, Any], message: str) -> None:
    assert refused(encoded(**parameters), 404)[2].startswith(f"{message} with id")


def test_strict_schemas_are_checked() -> None:
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    text = {"format": {"type": "json_schema", "name": "n", "schema": loose, "strict": True}}
    assert refused(encoded(text=text))[:2] == ("invalid_json_schema", "text.format.schema")
    tools = [FUNCTION | {"parameters": loose, "strict": True}]
    assert refused(encoded(tools=tools))[:2] == ("invalid_function_parameters", "tools[0].parameters")


def test_a_lenient_server_lets_unknown_parameters_pass() -> None:
    assert decode(encoded(foo=1), lenient=True).request.user == "Hi"


# -- whatever a client sends -------------------------------------------------------------------------------

_KEYS = st.sampled_from(
    "type role content id call_id name arguments input output summary text refusal tools mode format".split()
)
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([*ITEMS, "user", "assistant", "function", "custom", "namespace", "json_schema", "text", "a"]),
)
_JSON = st.recursive(
    _VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)
_ITEMS = st.lists(st.dictionaries(_KEYS, _JSON, max_size=5), max_size=4)


@given(st.dictionaries(st.sampled_from(sorted(PARAMETERS)), _JSON, max_size=4), _ITEMS)
def test_no_body_raises_anything_but_an_api_error(parameters: dict[str, Any], items: Any) -> None:
    for body in (parameters, {"model": "m", "input": items, **parameters}):
        try:
            decode(json.dumps(body).encode(), past=Past())
        except ApiError as error:
            assert error.status in (400, 404)
