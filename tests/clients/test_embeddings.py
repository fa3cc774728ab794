"""Embeddings over real sockets, as the SDK asks for them."""

from __future__ import annotations

import json
from base64 import b64decode
from math import sqrt
from struct import unpack
from typing import Any

import openai
import pytest

from tests.clients.asking import EMBEDDING_MODEL, Sdk, Wire, fetch, journal
from tests.server.harness import Served

SCRIPT = "endpoints.llmock"


def vectors(sdk: Sdk, texts: Any, **parameters: Any) -> list[list[float]]:
    return [each.embedding for each in sdk.embed(input=texts, **parameters).data]


def length(vector: list[float]) -> float:
    return sqrt(sum(number * number for number in vector))


def test_vectors_are_made_up_without_a_rule(sdk: Sdk) -> None:
    answer = sdk.embed(input=["a cat", "a dog", "a cat"])
    assert [each.index for each in answer.data] == [0, 1, 2]
    cat, dog, again = (each.embedding for each in answer.data)
    assert cat == again != dog
    assert length(cat) == pytest.approx(1)
    assert (answer.object, answer.model, answer.data[0].object) == ("list", EMBEDDING_MODEL, "embedding")
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 6
    assert [cat] == vectors(sdk, "a cat")


@pytest.mark.parametrize(
    ("model", "parameters", "expected"),
    [
        ("text-embedding-3-small", {}, 1536),
        ("text-embedding-ada-002", {}, 1536),
        ("text-embedding-3-large", {}, 3072),
        ("text-embedding-3-large", {"dimensions": 256}, 256),
        ("nomic-embed-text", {"dimensions": 4000}, 4000),
    ],
)
def test_dimensions(sdk: Sdk, model: str, parameters: dict[str, Any], expected: int) -> None:
    (vector,) = vectors(sdk, "a cat", model=model, **parameters)
    assert len(vector) == expected
    assert length(vector) == pytest.approx(1)


def test_floats_are_what_base64_holds(sdk: Sdk) -> None:
    assert vectors(sdk, "a cat", encoding_format="float") == vectors(sdk, "a cat")


def test_a_rule_gives_the_vector_of_every_input(sdk: Sdk) -> None:
    answer = sdk.embed(input=["known", "unknown"])
    assert [each.embedding for each in answer.data] == [pytest.approx([0.12, -0.03, 0.98])] * 2
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (8, 8)


def test_a_rule_gives_a_vector_for_each_input(sdk: Sdk) -> None:
    assert vectors(sdk, ["left", "right"]) == [[1, 0], [0, 1]]


def test_a_chat_rule_is_not_asked(sdk: Sdk) -> None:
    sdk.embed(input="a cat")
    with pytest.raises(openai.InternalServerError):  # the first step is still to come
        sdk.create("hello")
    sdk.embed(input="a cat")
    assert sdk.create("hello").choices[0].message.content == "Hello."


def test_a_failure(sdk: Sdk) -> None:
    with pytest.raises(openai.RateLimitError) as failed:
        sdk.embed(input="busy")
    assert "Too many." in failed.value.message
    assert failed.value.response.headers["retry-after"] == "2"


def test_trouble_for_everybody(sdk: Sdk) -> None:
    with pytest.raises(openai.AuthenticationError):
        sdk.embed(input="a cat", extra_headers={"x-locked": "yes"})


def test_a_cut(sdk: Sdk) -> None:
    with pytest.raises(openai.APIConnectionError):
        sdk.embed(input="torn")


def post(server: Served, *fields: str, **parameters: Any) -> tuple[int, dict[str, str], Any]:
    body = {"model": EMBEDDING_MODEL, **parameters}
    status, head, data = fetch(server, body, *fields, path="/v1/embeddings")
    return status, head, json.loads(data)


def test_times_and_headers_around_a_made_up_vector(server: Served) -> None:
    status, head, body = post(server, "x-mockllm-plan: 1", input="slow", dimensions=2)
    assert (status, head["x-slow"], head["x-mockllm-plan"]) == (200, "yes", "250")
    assert len(body["data"][0]["embedding"]) == 2


def test_base64_is_little_endian_floats(server: Served) -> None:
    _, _, body = post(server, input="known", encoding_format="base64")
    (each,) = body["data"]
    assert unpack("<3f", b64decode(each["embedding"])) == pytest.approx((0.12, -0.03, 0.98))


def test_the_script_s_numbers_are_written_as_they_are(server: Served) -> None:
    assert post(server, input="known")[2]["data"][0]["embedding"] == [0.12, -0.03, 0.98]


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ("words", "an embedding is a list of numbers, or a list of such lists."),
        ("left", "it gives 2 vectors for 1 input."),
    ],
)
def test_a_rule_that_gives_no_vectors_is_named(server: Served, input: str, message: str) -> None:
    status, _, body = post(server, input=input)
    assert (status, body["error"]["code"]) == (500, "script_error")
    assert body["error"]["message"].endswith(message)
    assert "endpoints.llmock:" in body["error"]["message"]


def test_the_journal(server: Served, key: str) -> None:
    post(server, f"authorization: Bearer {key}", input=["left", "right"])
    entry = journal(server)[-1]
    assert (entry["endpoint"], entry["transport"], entry["rule"]) == ("embeddings", "json", "pair")
    post(server, f"authorization: Bearer {key}", input="a cat")
    entry = journal(server)[-1]
    assert (entry["endpoint"], entry["rule"], entry["status"], entry["outcome"]) == (
        "embeddings",
        None,
        200,
        "complete",
    )


def test_the_path_without_a_version(server: Served) -> None:
    body = {"model": EMBEDDING_MODEL, "input": "known"}
    assert fetch(server, body, path="/embeddings")[2] == fetch(server, body, path="/v1/embeddings")[2]


def test_a_request_is_explained(server: Served) -> None:
    post(server, input=["left", "right"])
    number = journal(server)[-1]["id"]
    with Wire(server) as wire:
        wire.get(f"/-/explain/{number}")
        status, _, data = wire.answer()
    assert (status, json.loads(data)["answer"]["rule"]) == (200, "pair")
