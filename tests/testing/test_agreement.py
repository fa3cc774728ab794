"""What a test sees is what a client gets: outcomes against the server's own replies."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dsl import compile_text
from dsl.request import Headers
from dsl.testing.outcome import Outcome
from dsl.testing.requests import KEYS, PARAMETERS, request_of
from dsl.testing.stage import Stage
from mockllm.apis import chat_parameters, embeddings_request, responses_parameters
from mockllm.apis.endpoints import Chat
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.settings import Settings
from mockllm.transports.frames import Body

WORDS = st.sampled_from(["Hello", "“quoted”", "21 °C", "a b c", "", "x" * 40, "👩‍👧"])


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


STATEMENTS = st.one_of(
    WORDS.map(lambda text: f"reply {quoted(text)}"),
    WORDS.map(lambda text: f"chunk {quoted(text)}"),
    WORDS.map(lambda text: f"think {quoted(text)}"),
    WORDS.map(lambda text: f"refuse {quoted(text)}"),
    WORDS.map(lambda text: f"call tool {{ a: {quoted(text)} }}"),
    st.sampled_from(
        [
            "finish length",
            "usage { input: 3, output: 4, reasoning: 1, cached: 2 }",
            "status 206",
            'pick { reply "one" reply "two" reply "three" }',
            'sequence { reply "first" reply "second" }',
            "fail 429 retry after 2s",
            'fail 400 "Why." as "context_length_exceeded"',
            "fail",
            'reply "{{ memory.missing.part }}"',
        ]
    ),
)
SCRIPTS = st.lists(STATEMENTS, max_size=5).map(
    lambda body: f"defaults {{ seed 5 }} otherwise {{ {'; '.join(body)} }}"
)
REQUESTS = st.fixed_dictionaries(
    {"user": st.just("hi")},
    optional={
        "n": st.integers(1, 3),
        "system": WORDS,
        "tools": st.just(["tool"]),
        "tool_choice": st.sampled_from(["auto", "required"]),
        "tool_result": st.just({"tool": {"temp": 21}}),
    },
)


def replied(mock: Mock, body: Any) -> tuple[int, Any, dict[str, str]]:
    reply, _ = mock.answer(Chat(), "POST", "/v1/chat/completions", {}, Headers(), json.dumps(body).encode())
    assert isinstance(reply, Body)
    return reply.status, json.loads(reply.data), dict(reply.headers)


def outcomes(script: str, keys: dict[str, Any], times: int) -> list[Outcome]:
    stage = Stage(compile_text(script), set())
    return [stage.answer(request_of(keys, stage.model)) for _ in range(times)]


@settings(max_examples=150, deadline=None)
@given(SCRIPTS, REQUESTS)
def test_chat(script: str, keys: dict[str, Any]) -> None:
    if "tool_choice" in keys and "tools" not in keys:
        keys = {key: value for key, value in keys.items() if key != "tool_choice"}
    mock = Mock("", compile_text(script), Settings(), Journal(10))
    for outcome in outcomes(script, keys, 2):
        status, body, headers = replied(mock, outcome.request.body)
        assert status == outcome.status
        if status >= 400:
            error = body["error"]
            assert outcome.error is not None
            told = dict(outcome.error)
            if told["code"] == "script_error":
                assert error["code"] == "script_error"
                continue
            assert error == told
            assert outcome.header.get("retry-after") == headers.get("retry-after")
            continue
        assert len(body["choices"]) == len(outcome.choices) or not outcome.choices
        first = body["choices"][0]
        message = first["message"]
        assert (message["content"], message["refusal"]) == (outcome.text, outcome.refusal)
        assert message.get("reasoning_content") == outcome.thinking or outcome.thinking == ""
        called = [
            (call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", ())
        ]
        assert called == outcome.called
        assert first["finish_reason"] == outcome.finish
        usage = body["usage"]
        assert outcome.usage == {
            "input": usage["prompt_tokens"],
            "output": usage["completion_tokens"],
            "total": usage["total_tokens"],
            "cached": usage["prompt_tokens_details"]["cached_tokens"],
            "reasoning": usage["completion_tokens_details"]["reasoning_tokens"],
        }


def test_the_parameters_are_those_of_the_apis() -> None:
    known = {*chat_parameters.BODY.fields, *responses_parameters.BODY.fields}
    assert {*PARAMETERS} <= known | {*embeddings_request.PARAMETERS}
    later = {"access_programs", "background_options", "context_management", "image"}
    assert known - PARAMETERS - set(KEYS) <= later
