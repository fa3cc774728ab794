"""The `openai` SDK against a real server: the Responses API and conversations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response, ResponseFunctionToolCall, ToolParam
from pydantic import BaseModel

from tests.server.harness import PATIENCE, Served, eventually

SCRIPT = "sdk_responses.llmock"
MODEL = "gpt-5.5"
WEATHER: ToolParam = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Person(BaseModel):
    name: str
    born: int


@pytest.fixture
def client(server: Served, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=PATIENCE) as client:
        yield client


def called(response: Response) -> ResponseFunctionToolCall:
    (call,) = response.output
    assert isinstance(call, ResponseFunctionToolCall)
    return call


def test_text(client: OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Hi")
    assert (response.output_text, response.status, response.model) == ("Turn 1.", "completed", MODEL)
    assert response._request_id and response._request_id.startswith("req_")


def test_a_raw_stream(client: OpenAI) -> None:
    events = list(client.responses.create(model=MODEL, input="Hi", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed" and events[-1].response.output_text == "Turn 1."


def test_the_stream_helper(client: OpenAI) -> None:
    with client.responses.stream(model=MODEL, input="river", reasoning={"summary": "auto"}) as stream:
        types = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.reasoning_summary_text.delta" in types
    assert (final.output_text, final.output[0].type) == ("Seven crossings.", "reasoning")


def test_the_stream_helper_with_a_call(client: OpenAI) -> None:
    with client.responses.stream(model=MODEL, input="weather", tools=[WEATHER]) as stream:
        (call,) = stream.get_final_response().output
    assert call.type == "function_call" and call.parsed_arguments == {"city": "Paris"}


def test_parse(client: OpenAI) -> None:
    parsed = client.responses.parse(model=MODEL, input="person", text_format=Person)
    assert parsed.output_parsed == Person(name="Ada", born=1815)


def test_a_refusal(client: OpenAI) -> None:
    (item,) = client.responses.create(model=MODEL, input="refuse").output
    assert item.type == "message" and item.content[0].type == "refusal"


def test_an_incomplete_response(client: OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="long", max_output_tokens=16)
    assert response.incomplete_details and response.incomplete_details.reason == "max_output_tokens"
    with client.responses.stream(model=MODEL, input="long") as stream, pytest.raises(RuntimeError):
        stream.get_final_response()


def test_a_failure_amid_a_stream(client: OpenAI) -> None:
    stream = client.responses.create(model=MODEL, input="fail", stream=True)
    with pytest.raises(openai.APIError, match="Broken") as raised:
        list(stream)
    assert raised.value.code == "server_error"


def test_a_stream_without_its_end(client: OpenAI) -> None:
    events = list(client.responses.create(model=MODEL, input="cut", stream=True))
    assert events[-1].type == "response.output_text.delta"


def test_a_tool_turn(client: OpenAI) -> None:
    first = client.responses.create(model=MODEL, input="weather", tools=[WEATHER])
    call = called(first)
    output = json.dumps({"temp": 21})
    second = client.responses.create(
        model=MODEL,
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": output}],
    )
    assert second.output_text == "It is 21 degrees."
    with pytest.raises(openai.BadRequestError, match="No tool output found") as raised:
        client.responses.create(model=MODEL, previous_response_id=first.id, input="And?")
    assert raised.value.param == "input"


def test_a_tool_turn_without_a_store(client: OpenAI) -> None:
    said: list[Any] = [{"role": "user", "content": "weather"}]
    first = client.responses.create(model=MODEL, input=said, tools=[WEATHER], store=False)
    said += [item.model_dump(exclude_none=True) for item in first.output]
    said.append({"type": "function_call_output", "call_id": called(first).call_id, "output": '{"temp": 3}'})
    assert client.responses.create(model=MODEL, input=said, store=False).output_text == "It is 3 degrees."


def test_a_stored_response(client: OpenAI) -> None:
    first = client.responses.create(model=MODEL, input="Hi")
    second = client.responses.create(model=MODEL, input="Again", previous_response_id=first.id)
    assert second.output_text == "Turn 2."
    assert client.responses.retrieve(second.id) == second
    items = list(client.responses.input_items.list(second.id, limit=1))
    assert [cast(Any, item).role for item in items] == ["user", "assistant", "user"]
    replayed = list(client.responses.retrieve(second.id, stream=True, starting_after=2))
    assert replayed[0].sequence_number == 3
    client.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)


def test_a_response_in_the_background(client: OpenAI) -> None:
    made = client.responses.create(model=MODEL, input="late", background=True)
    assert (made.status, made.output) == ("queued", [])

    def ended() -> Response | None:
        found = client.responses.retrieve(made.id)
        return None if found.status in ("queued", "in_progress") else found

    assert eventually(ended).output_text == "Done"


def test_a_response_is_cancelled(client: OpenAI) -> None:
    made = client.responses.create(model=MODEL, input="never", background=True)
    assert client.responses.cancel(made.id).status == "cancelled"
    assert client.responses.retrieve(made.id).status == "cancelled"


def test_a_cancelled_response_ends_its_streams(client: OpenAI) -> None:
    stream = client.responses.create(model=MODEL, input="never", background=True, stream=True)
    seen = [next(stream) for _ in range(6)]
    assert seen[0].type == "response.created" and seen[-1].type == "response.output_text.delta"
    again = client.responses.retrieve(seen[0].response.id, stream=True)
    assert [next(again).type for _ in range(6)] == [event.type for event in seen]
    client.responses.cancel(seen[0].response.id)
    assert (list(stream), list(again)) == ([], [])
    rest = client.responses.retrieve(seen[0].response.id, stream=True, starting_after=3)
    assert [event.sequence_number for event in rest] == [4, 5]


@pytest.mark.parametrize("user", ["cut", "broken"])
def test_a_stream_that_was_cut_is_resumed_to_its_end(client: OpenAI, user: str) -> None:
    seen = []
    with suppress(openai.APIConnectionError):
        for event in client.responses.create(model=MODEL, input=user, stream=True):
            seen.append(event)
    assert seen[0].type == "response.created" and seen[-1].type == "response.output_text.delta"
    last = seen[-1].sequence_number
    name = seen[0].response.id
    rest = list(client.responses.retrieve(name, stream=True, starting_after=last))
    assert [event.sequence_number for event in rest] == list(range(last + 1, last + 1 + len(rest)))
    assert rest[-1].type == "response.completed"
    assert rest[-1].response.output_text == client.responses.retrieve(name).output_text == "Hel"


def test_compaction_and_counting(client: OpenAI) -> None:
    compacted = client.responses.compact(model=MODEL, input="Hi")
    assert compacted.output[-1].type == "compaction"
    assert client.responses.input_tokens.count(model=MODEL, input="Hi").input_tokens == 7


def test_conversations(client: OpenAI) -> None:
    made = client.conversations.create(items=[{"type": "message", "role": "user", "content": "Hi"}])
    for turn in (1, 2):
        response = client.responses.create(model=MODEL, input="More", conversation=made.id)
        assert response.output_text == f"Turn {turn}."
        assert response.conversation and response.conversation.id == made.id
    items = list(client.conversations.items.list(made.id, order="asc", limit=2))
    assert [cast(Any, item).role for item in items] == ["user", "user", "assistant", "user", "assistant"]
    client.conversations.items.delete(items[0].id or "", conversation_id=made.id)
    assert client.conversations.update(made.id, metadata={"a": "b"}).metadata == {"a": "b"}
    assert client.conversations.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(made.id)


def test_the_async_client(server: Served, key: str) -> None:
    async def ask() -> tuple[str, str]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0) as client:
            first = await client.responses.create(model=MODEL, input="Hi")
            async with client.responses.stream(
                model=MODEL, input="Again", previous_response_id=first.id
            ) as stream:
                return first.output_text, (await stream.get_final_response()).output_text

    assert asyncio.run(ask()) == ("Turn 1.", "Turn 2.")
