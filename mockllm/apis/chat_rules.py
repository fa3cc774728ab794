"""What a Chat Completions request must keep beyond the shape of each parameter.

`check` takes any JSON object and raises the API's own 400 for its first mistake. It looks in the
order in which the API does: required parameters, unknown ones, shapes, then what they mean for each other.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from mockllm.apis.chat_parameters import BODY, PARAMETERS
from mockllm.apis.errors import ApiError
from mockllm.apis.strict_schema import strict_problem, type_problem
from mockllm.apis.validation import missing, refused

Json = dict[str, Any]

# (parameter, what it needs, what the API says without)
_NEEDS = (
    ("stream_options", "stream", "The 'stream_options' parameter is only allowed when 'stream' is enabled."),
    ("top_logprobs", "logprobs", "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled."),
    (
        "tool_choice",
        "tools",
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
    ),
    (
        "parallel_tool_calls",
        "tools",
        "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are "
        "specified.",
    ),
    (
        "function_call",
        "functions",
        "Invalid value for 'function_call': 'function_call' is only allowed when 'functions' are specified.",
    ),
)


def check(body: Json, *, lenient: bool = False) -> None:
    """Check a whole request; `lenient` lets unknown top-level arguments pass.

    Raises:
        ApiError: status 400, as the real API words it.
    """
    for name in BODY.required:
        if name not in body:
            raise missing(name)
    if not lenient:
        check_arguments(body, PARAMETERS)
    BODY.limit(body, "")
    for name, needed, message in _NEEDS:
        if body.get(name) is not None and not body.get(needed):
            raise refused(name, message)
    _check_messages(body["messages"])
    if "tools" in body or "functions" in body:
        _check_tools(body)
    if "response_format" in body:
        _check_response_format(body["response_format"])


def check_arguments(body: Json, known: Container[str]) -> None:
    """Refuse top-level arguments that are not `known`.

    Raises:
        ApiError: status 400.
    """
    unknown = [name for name in body if name not in known]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise ApiError(400, f"Unrecognized request argument{plural} supplied: {', '.join(unknown)}")


def _check_messages(messages: list[Json]) -> None:
    """Each tool message answers a call of the assistant message before it, and each call is answered."""
    asked: set[str] = set()
    unanswered: list[str] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            _check_tool_message(message["tool_call_id"], asked, index)
            unanswered = [each for each in unanswered if each != message["tool_call_id"]]
            continue
        _check_answered(unanswered, f"messages.[{index}].role")
        if message["role"] == "assistant":
            _check_says_something(message, index)
            unanswered = [call["id"] for call in message.get("tool_calls") or ()]
        asked = set(unanswered)
    _check_answered(unanswered, "messages")


def _check_tool_message(answered: str, asked: set[str], index: int) -> None:
    if not asked:
        raise refused(
            f"messages.[{index}].role",
            # The spelling is the real API's.
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
            "'tool_calls'.",
        )
    if answered not in asked:
        raise refused(
            f"messages.[{index}].tool_call_id",
            f"Invalid parameter: 'tool_call_id' of '{answered}' not found in 'tool_calls' of previous message.",
        )


def _check_answered(unanswered: list[str], path: str) -> None:
    if unanswered:
        raise refused(
            path,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(unanswered)}",
        )


def _check_says_something(message: Json, index: int) -> None:
    keys = ("content", "refusal", "audio", "tool_calls", "function_call")
    if all(message.get(key) is None for key in keys):
        raise refused(f"messages.[{index}].content", "Invalid value for 'content': expected a string, got null.")


def _check_tools(body: Json) -> None:
    offered = [(f"tools[{index}]", tool) for index, tool in enumerate(body.get("tools") or ())]
    functions = [(f"{path}.function", tool["function"]) for path, tool in offered if tool["type"] == "function"]
    functions += [(f"functions[{index}]", each) for index, each in enumerate(body.get("functions") or ())]
    for path, function in functions:
        check_schema(
            function.get("parameters") or {},
            bool(function.get("strict")),
            f"Invalid schema for function '{function['name']}'",
            f"{path}.parameters",
            "invalid_function_parameters",
        )
    _check_choice(body, {tool[tool["type"]]["name"] for _, tool in offered})


def _check_choice(body: Json, tools: set[str]) -> None:
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and choice["type"] != "allowed_tools":
        name = choice[choice["type"]]["name"]
        if name not in tools:
            raise refused(
                "tool_choice",
                f"Invalid value for 'tool_choice': no function named '{name}' was specified in the 'tools' "
                "parameter.",
            )
    call = body.get("function_call")
    if isinstance(call, dict) and call["name"] not in {each["name"] for each in body["functions"]}:
        raise refused(
            "function_call",
            f"Invalid value for 'function_call': no function named '{call['name']}' was specified in the "
            "'functions' parameter.",
        )


def _check_response_format(response_format: Json) -> None:
    json_schema = response_format.get("json_schema")
    if response_format.get("type") == "json_schema" and json_schema:
        check_schema(
            json_schema.get("schema") or {},
            bool(json_schema.get("strict")),
            f"Invalid schema for response_format '{json_schema['name']}'",
            "response_format",
            "invalid_json_schema",
        )


def check_schema(schema: Json, strict: bool, what: str, path: str, code: str) -> None:
    """Refuse a schema that is not an object's, or that is strict and leaves something open."""
    if not schema:
        return
    problem = type_problem(schema) or (strict_problem(schema) if strict else None)
    if problem:
        raise refused(path, f"{what}: {problem}", code)
