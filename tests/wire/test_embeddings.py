from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from dsl.timeline import Call, End, Fail, Raw, Text, Timeline
from mockllm.apis import vectors
from mockllm.apis.answer import Answer, BadAnswer
from mockllm.apis.embeddings import reply
from mockllm.apis.embeddings_request import MOST_INPUTS, decode
from mockllm.apis.errors import ApiError
from mockllm.transports.frames import Body
from tests.wire.answering import timeline

MODEL = "text-embedding-3-small"


def request(**parameters: Any) -> Any:
    return decode(json.dumps({"model": MODEL, "input": "a cat", **parameters}).encode())


def answered(performed: Timeline, **parameters: Any) -> Body:
    found = reply(Answer(request(**parameters), performed, Random(7), 1795366800))
    assert isinstance(found, Body)
    return found


# -- the request ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("input", "texts"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ("[1,2]",)),
        ([[1, 2], [3]], ("[1,2]", "[3]")),
    ],
)
def test_the_forms_of_input(input: Any, texts: tuple[str, ...]) -> None:
    found = request(input=input)
    assert (found.texts, found.input) == (texts, "\n".join(texts))
    assert (found.endpoint, found.transport, found.model, found.messages) == ("embeddings", "json", MODEL, ())


REFUSED: list[tuple[dict[str, Any], str | None, str]] = [
    ({"input": ""}, "input", "Invalid 'input': input cannot be an empty string."),
    ({"input": ["a", ""]}, "input[1]", "Invalid 'input[1]': input cannot be an empty string."),
    ({"input": []}, "input", "Invalid 'input': empty array. "),
    ({"input": [[]]}, "input[0]", "Invalid 'input[0]': empty array. "),
    ({"input": ["a"] * (MOST_INPUTS + 1)}, "input", "Invalid 'input': array too long. "),
    ({"input": 5}, "input", "Invalid type for 'input': expected one of a string or array, but got an integer"),
    ({"input": None}, "input", "Invalid type for 'input': "),
    ({"input": [1, "a"]}, "input[1]", "Invalid type for 'input[1]': expected an integer, but got a string"),
    ({"input": [True]}, "input[0]", "Invalid type for 'input[0]': expected a string, but got a boolean"),
    ({"input": [[1], [-1]]}, "input[1][0]", "Invalid 'input[1][0]': integer below minimum value. "),
    ({"model": None}, "model", "Invalid type for 'model': expected a string, but got null"),
    ({"encoding_format": "hex"}, "encoding_format", "Invalid value: 'hex'. Supported values are: "),
    ({"dimensions": 0}, "dimensions", "Invalid 'dimensions': integer below minimum value. "),
    ({"dimensions": 1.5}, "dimensions", "Invalid type for 'dimensions': expected an integer"),
    (
        {"dimensions": 1537},
        "dimensions",
        "Invalid value for 'dimensions' = 1537. Must be less than or equal to 1536.",
    ),
    (
        {"model": "text-embedding-ada-002", "dimensions": 8},
        None,
        "This model does not support specifying dimensions.",
    ),
    ({"temperature": 1}, None, "Unrecognized request argument supplied: temperature"),
]


@pytest.mark.parametrize(("parameters", "param", "message"), REFUSED)
def test_what_is_refused(parameters: dict[str, Any], param: str | None, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        request(**parameters)
    assert (refused.value.status, refused.value.param) == (400, param)
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize("name", ["model", "input"])
def test_what_is_missing(name: str) -> None:
    body = {"model": MODEL, "input": "a"}
    del body[name]
    with pytest.raises(ApiError) as refused:
        decode(json.dumps(body).encode())
    assert (refused.value.param, refused.value.code) == (name, "missing_required_parameter")


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense"])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(ApiError, match="could not parse the JSON body"):
        decode(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(allow_nan=False) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
)


@given(st.fixed_dictionaries({"model": JSON, "input": JSON}, optional={"dimensions": JSON, "user": JSON}))
def test_whatever_is_asked_is_answered_or_refused(body: dict[str, Any]) -> None:
    try:
        found = decode(json.dumps(body).encode())
    except ApiError as refused:
        assert refused.status == 400
    else:
        reply(Answer(found, timeline(), Random(7), 1795366800))


def test_unknown_arguments_may_pass() -> None:
    body = {"model": MODEL, "input": "a", "input_type": "query"}
    assert decode(json.dumps(body).encode(), lenient=True).texts == ("a",)


# -- the answer -------------------------------------------------------------------------------------------------


def test_the_object() -> None:
    body = answered(timeline(Text(0.0, "[1, "), Text(1.0, "0.5]"), ending=End(2.0)), input=["a", "b"])
    assert json.loads(body.data) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1, 0.5]},
            {"object": "embedding", "index": 1, "embedding": [1, 0.5]},
        ],
        "model": MODEL,
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    }
    assert list(json.loads(body.data)) == ["object", "data", "model", "usage"]
    assert dict(body.headers)["openai-processing-ms"] == "2000"
    CreateEmbeddingResponse.model_validate_json(body.data)


def test_tokens_are_counted_by_number() -> None:
    body = answered(timeline(), input=[[1, 2], [3]], dimensions=1)
    assert json.loads(body.data)["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_what_the_script_adds() -> None:
    body = answered(timeline(usage={"input": 5}, meta={"model": "m", "x": 1, "data": 0}, status=201), dimensions=1)
    found = json.loads(body.data)
    assert (found["model"], found["x"], found["usage"]["prompt_tokens"]) == ("m", 1, 5)
    assert (len(found["data"]), body.status) == (1, 201)


def test_raw_is_the_body() -> None:
    assert answered(timeline(Raw(0.0, b"{"), Raw(0.0, b"oops"))).data == b"{oops"


def test_a_failure_names_the_input() -> None:
    body = answered(timeline(ending=Fail(0.0, 400, code="context_length_exceeded")))
    assert (body.status, json.loads(body.data)["error"]["param"]) == (400, "input")


@pytest.mark.parametrize(
    "text", ["", "words", "{}", "[]", "[true]", '["1"]', "[1, [2]]", "[[]]", "[1e39]", "[NaN]", "[1e999]", "1"]
)
def test_what_is_no_vector(text: str) -> None:
    with pytest.raises(BadAnswer):
        answered(timeline(Text(0.0, text)))


def test_calls_have_no_place() -> None:
    with pytest.raises(BadAnswer, match="no tool calls"):
        answered(timeline(Call(0.0, 0, "get_weather", choice=1)))


# -- vectors ----------------------------------------------------------------------------------------------------


@given(st.text(), st.integers(1, 3072))
def test_a_made_up_vector_has_the_length_1(text: str, dimensions: int) -> None:
    vector = vectors.made_up(MODEL, text, dimensions)
    assert len(vector) == dimensions
    assert sum(number * number for number in vector) == pytest.approx(1)


def test_fewer_dimensions_are_the_beginning_of_more() -> None:
    long, short = vectors.made_up(MODEL, "a cat", 1536), vectors.made_up(MODEL, "a cat", 3)
    ratio = long[0] / short[0]
    assert [number * ratio for number in short] == pytest.approx(long[:3])


def test_models_differ() -> None:
    assert vectors.made_up(MODEL, "a cat", 8) != vectors.made_up("text-embedding-ada-002", "a cat", 8)


def test_a_vector_is_the_same_everywhere() -> None:
    assert vectors.made_up(MODEL, "a cat", 3) == (0.6133474707603455, 0.22688254714012146, 0.7565244436264038)
