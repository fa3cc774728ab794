"""The deltas of tool calls in each dialect, to the byte."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from dsl.timeline import Arguments, Call, End, Event, Text
from mockllm.apis.answer import Answer
from mockllm.apis.chat_stream import SSE, Framing, parts
from mockllm.apis.dialects import DIALECTS
from mockllm.transports.frames import Frame
from tests.wire.answering import MODEL, choices, request, streamed, timeline
from tests.wire.normalise import payloads

CALLS: tuple[Event, ...] = (
    Text(0.0, "Let me see."),
    Call(0.0, 0, "get_weather", "call_1"),
    Arguments(0.0, 0, '{"city"'),
    Arguments(0.0, 0, ':"Rome"}'),
    Call(0.0, 1, "get_time", "call_2"),
    Arguments(0.0, 1, "{}"),
)

# The `tool_calls` of each delta. OpenAI's are those of the golden streams, too.
STREAMED = {
    "standard": [
        r'{"index":0,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}',
        r'{"index":0,"function":{"arguments":"{\"city\""}}',
        r'{"index":0,"function":{"arguments":":\"Rome\"}"}}',
        r'{"index":1,"id":"call_2","type":"function","function":{"name":"get_time","arguments":""}}',
        r'{"index":1,"function":{"arguments":"{}"}}',
    ],
    "shared-index": [
        r'{"index":0,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}',
        r'{"index":0,"function":{"arguments":"{\"city\""}}',
        r'{"index":0,"function":{"arguments":":\"Rome\"}"}}',
        r'{"index":0,"id":"call_2","type":"function","function":{"name":"get_time","arguments":""}}',
        r'{"index":0,"function":{"arguments":"{}"}}',
    ],
    "no-index": [
        r'{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}',
        r'{"function":{"arguments":"{\"city\""}}',
        r'{"function":{"arguments":":\"Rome\"}"}}',
        r'{"id":"call_2","type":"function","function":{"name":"get_time","arguments":""}}',
        r'{"function":{"arguments":"{}"}}',
    ],
    "mixed-index": [
        r'{"index":0,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}',
        r'{"function":{"arguments":"{\"city\""}}',
        r'{"function":{"arguments":":\"Rome\"}"}}',
        r'{"index":1,"id":"call_2","type":"function","function":{"name":"get_time","arguments":""}}',
        r'{"function":{"arguments":"{}"}}',
    ],
    "start-at-one": [
        r'{"index":1,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}',
        r'{"index":1,"function":{"arguments":"{\"city\""}}',
        r'{"index":1,"function":{"arguments":":\"Rome\"}"}}',
        r'{"index":2,"id":"call_2","type":"function","function":{"name":"get_time","arguments":""}}',
        r'{"index":2,"function":{"arguments":"{}"}}',
    ],
    "no-id": [
        r'{"index":0,"type":"function","function":{"name":"get_weather","arguments":""}}',
        r'{"index":0,"function":{"arguments":"{\"city\""}}',
        r'{"index":0,"function":{"arguments":":\"Rome\"}"}}',
        r'{"index":1,"type":"function","function":{"name":"get_time","arguments":""}}',
        r'{"index":1,"function":{"arguments":"{}"}}',
    ],
    "empty-id": [
        r'{"index":0,"id":"","type":"function","function":{"name":"get_weather","arguments":""}}',
        r'{"index":0,"id":"","function":{"arguments":"{\"city\""}}',
        r'{"index":0,"id":"","function":{"arguments":":\"Rome\"}"}}',
        r'{"index":1,"id":"","type":"function","function":{"name":"get_time","arguments":""}}',
        r'{"index":1,"id":"","function":{"arguments":"{}"}}',
    ],
    "arguments-first": [
        r'{"index":0,"id":"call_1","type":"function","function":{"arguments":"{\"city\""}}',
        r'{"index":0,"function":{"name":"get_weather"}}',
        r'{"index":0,"function":{"arguments":":\"Rome\"}"}}',
        r'{"index":1,"id":"call_2","type":"function","function":{"arguments":"{}"}}',
        r'{"index":1,"function":{"name":"get_time"}}',
    ],
    "repeated-name": [
        r'{"index":0,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}',
        r'{"index":0,"function":{"name":"get_weather","arguments":"{\"city\""}}',
        r'{"index":0,"function":{"name":"get_weather","arguments":":\"Rome\"}"}}',
        r'{"index":1,"id":"call_2","type":"function","function":{"name":"get_time","arguments":""}}',
        r'{"index":1,"function":{"name":"get_time","arguments":"{}"}}',
    ],
}

# What precedes the function of each call in a body that is not streamed, where that is not OpenAI's.
IN_BODY: dict[str, list[dict[str, Any]]] = {
    "shared-index": [{"id": name, "index": 0, "type": "function"} for name in ("call_1", "call_2")],
    "no-id": [{"type": "function"}] * 2,
    "empty-id": [{"id": "", "type": "function"}] * 2,
}


def deltas(dialect: str, *events: Event, **parameters: Any) -> list[str]:
    """The JSON text of each delta of a stream, but for that of the chunk that ends it."""
    data = streamed(timeline(*events, dialect=dialect), **parameters).decode()
    found = [line.partition('"delta":')[2] for line in data.split("\n\n") if '"delta":' in line]
    return [each[: each.index(',"logprobs"')] for each in found][:-1]


def test_the_dialects_are_those_that_are_tested() -> None:
    assert set(DIALECTS) == set(STREAMED)


@pytest.mark.parametrize("dialect", STREAMED)
def test_the_deltas_of_a_stream(dialect: str) -> None:
    role, text, *found = deltas(dialect, *CALLS)
    assert (role, text) == ('{"role":"assistant","content":"","refusal":null}', '{"content":"Let me see."}')
    assert found == [f'{{"tool_calls":[{each}]}}' for each in STREAMED[dialect]]


@pytest.mark.parametrize("dialect", STREAMED)
def test_the_deltas_on_a_socket_are_those_of_a_stream(dialect: str) -> None:
    def framed(framing: Framing) -> list[bytes]:
        answer = Answer(request(stream=True), timeline(*CALLS, dialect=dialect), Random(7), 1795366800)
        return [part.data for part in parts(answer, framing) if isinstance(part, Frame)]

    assert framed(Framing()) == payloads(b"".join(framed(SSE)))


@pytest.mark.parametrize("dialect", STREAMED)
def test_the_calls_of_a_body(dialect: str) -> None:
    own = [{"id": name, "type": "function"} for name in ("call_1", "call_2")]
    functions = [
        {"function": {"name": "get_weather", "arguments": '{"city":"Rome"}'}},
        {"function": {"name": "get_time", "arguments": "{}"}},
    ]
    (choice,) = choices(timeline(*CALLS, dialect=dialect))
    told = [list(call.items()) for call in choice["message"]["tool_calls"]]
    expected = [head | function for head, function in zip(IN_BODY.get(dialect, own), functions, strict=True)]
    assert told == [list(call.items()) for call in expected]


ONLY_CALL: tuple[Event, ...] = (Call(0.5, 0, "get_weather", "call_1"), Arguments(1.0, 0, "{}"))


def test_a_call_in_the_chunk_of_the_role_has_the_dialect_too() -> None:
    first, second = deltas("no-index", *ONLY_CALL)
    opened = '{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}'
    assert first == f'{{"role":"assistant","content":null,"tool_calls":[{opened}],"refusal":null}}'
    assert second == '{"tool_calls":[{"function":{"arguments":"{}"}}]}'


def test_a_late_name_comes_with_the_first_fragment() -> None:
    role, arguments, name = deltas("arguments-first", *ONLY_CALL)
    assert role == '{"role":"assistant","content":null}'
    assert json.loads(arguments)["tool_calls"][0]["id"] == "call_1"
    assert name == '{"tool_calls":[{"index":0,"function":{"name":"get_weather"}}]}'
    answer = Answer(request(stream=True), timeline(*ONLY_CALL, dialect="arguments-first"), Random(7), 0)
    assert [part.at for part in parts(answer) if isinstance(part, Frame)][:3] == [0.5, 1.0, 1.0]


def test_a_call_without_arguments_is_named_in_its_opening() -> None:
    _, opening = deltas("arguments-first", Call(0.0, 0, "get_weather", "call_1"))
    assert opening == f'{{"tool_calls":[{STREAMED["standard"][0]}]}}'


def test_each_choice_is_named() -> None:
    found = "".join(deltas("arguments-first", *ONLY_CALL, n=2))
    assert found.count('"name":"get_weather"') == 2
    assert found.count('"arguments":"{}"') == 2


def test_fragments_without_a_call_have_no_name_to_repeat() -> None:
    _, fragment = deltas("repeated-name", Arguments(0.0, 3, "{"))
    assert fragment == '{"tool_calls":[{"index":3,"function":{"name":"","arguments":"{"}}]}'


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("repeated-name", r'{"index":0,"custom":{"name":"sql","input":"SELECT"}}'),
        ("empty-id", r'{"index":0,"id":"","custom":{"input":"SELECT"}}'),
        ("arguments-first", r'{"index":0,"custom":{"name":"sql"}}'),
    ],
)
def test_custom_tools_have_dialects(dialect: str, expected: str) -> None:
    tools = [{"type": "custom", "custom": {"name": "sql"}}]
    calls = (Call(0.0, 0, "sql", "call_1"), Arguments(0.0, 0, "SELECT"))
    assert deltas(dialect, *calls, tools=tools)[-1] == f'{{"tool_calls":[{expected}]}}'


@pytest.mark.parametrize("dialect", STREAMED)
def test_the_deprecated_form_has_no_dialects(dialect: str) -> None:
    functions = [{"name": "get_weather"}]
    assert deltas(dialect, *ONLY_CALL, functions=functions) == deltas("standard", *ONLY_CALL, functions=functions)


def test_obfuscation_hides_the_length_in_any_dialect() -> None:
    lengths = set()
    for dialect in STREAMED:
        data = streamed(timeline(*CALLS, ending=End(0.0), dialect=dialect), model=MODEL)
        lengths |= {len(each) % 16 for each in payloads(data) if each != b"[DONE]"}
    assert lengths == {1}
