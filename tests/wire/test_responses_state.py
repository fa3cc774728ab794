"""What is stored, continued, polled, cancelled and deleted, through the application in process.

It is the same wherever it is stored: in memory, or in Redis.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from openai.types.conversations import Conversation
from openai.types.responses import CompactedResponse, Response

from dsl import compile_text
from mockllm import responses_views
from mockllm.app import create_app
from mockllm.archive import MemoryArchive
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.serving import Mocks
from mockllm.settings import Settings
from mockllm.state import state_at
from mockllm.transports.clock import monotonic
from tests.wire.answering import GOLDEN
from tests.wire.responding import events

SCRIPT = """
when tool_result { reply "It is {{ tool_result.weather }}." }
when user is "weather" { call weather { city: "Paris" } }
when user is "later" { wait 60s; chunk "Done"; wait 60s }
when user is "late failure" { wait 60s; chunk "Hm"; call weather {}; wait 60s; fail "Broken." }
when user is "hang" { chunk "Hm"; hang }
when user is "no" { fail 429 }
when user is "raw" { raw '{"id": "resp_raw"}' }
otherwise { reply "{{ turn }} {{ system or '-' }} {{ user }}" }
"""
TOOLS = [{"type": "function", "name": "weather"}]


class Api:
    """The application, asked with JSON."""

    def __init__(self, **settings: Any) -> None:
        asked = Settings(seed=1, **settings)
        journal, state = Journal(10), state_at(asked.state)
        self.mock = Mock("", compile_text(SCRIPT), asked, journal, state)
        self.mocks = Mocks([self.mock], journal, asked, state=state)
        self._client = create_app(self.mocks).test_client()

    def ask(self, method: str, path: str, value: Any = None, key: str = "k") -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {key}"}
        answer = self._client.open(f"/v1{path}", method=method, json=value, headers=headers)
        return answer.status_code, json.loads(answer.data)

    def get(self, path: str) -> Any:
        status, value = self.ask("GET", path)
        assert status == 200, value
        return value

    def post(self, path: str, **value: Any) -> Any:
        status, found = self.ask("POST", path, value)
        assert status == 200, found
        return found

    def create(self, user: Any, **parameters: Any) -> Any:
        return self.post("/responses", model="gpt-5", input=user, **parameters)

    def stream(self, path: str) -> list[dict[str, Any]]:
        return events(self._client.get(f"/v1{path}", headers={"authorization": "Bearer k"}).data)

    def refusal(self, method: str, path: str, value: Any = None, key: str = "k") -> tuple[int, str]:
        status, found = self.ask(method, path, value, key)
        return status, found["error"]["message"]


@pytest.fixture(params=["memory", "redis"])
def stored(request: pytest.FixtureRequest) -> str | None:
    """Where it is stored."""
    return request.getfixturevalue("state") if request.param == "redis" else None


@pytest.fixture
def api(stored: str | None) -> Api:
    return Api(state=stored)


@pytest.fixture
def skip(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock that responses are looked at with so many seconds forward."""
    return lambda seconds: monkeypatch.setattr(responses_views, "monotonic", lambda: monotonic() + seconds)


def text(response: Any) -> str:
    found = response["output"][-1]["content"][0]["text"]
    assert isinstance(found, str)
    return found


# -- continuing --------------------------------------------------------------------------------------------


def test_a_response_is_continued_without_its_instructions(api: Api) -> None:
    first = api.create("a", instructions="Be brief.")
    second = api.create("b", previous_response_id=first["id"])
    assert (text(first), text(second)) == ("1 Be brief. a", "2 - b")
    assert second["previous_response_id"] == first["id"]


def test_a_tools_result_continues_a_call(api: Api) -> None:
    call = api.create("weather", tools=TOOLS)
    result = {"type": "function_call_output", "call_id": call["output"][0]["call_id"], "output": "sunny"}
    assert text(api.create([result], previous_response_id=call["id"])) == "It is sunny."


def test_an_item_is_continued_by_reference(api: Api) -> None:
    first = api.create("a")
    reference = {"type": "item_reference", "id": first["output"][0]["id"]}
    assert text(api.create([reference, {"role": "user", "content": "b"}])) == "2 - b"


def test_a_conversation_grows_with_each_answer(api: Api) -> None:
    made = api.post("/conversations", items=[{"role": "user", "content": "a"}], metadata={"m": "n"})
    Conversation.model_validate(made, strict=True)
    assert text(api.create("b", conversation=made["id"])) == "1 - b"
    assert text(api.create("c", conversation={"id": made["id"]})) == "2 - c"
    items = api.get(f"/conversations/{made['id']}/items?order=asc")["data"]
    assert [item["role"] for item in items] == ["user", "user", "assistant", "user", "assistant"]
    assert all(item["id"].startswith("msg_") for item in items)


@pytest.mark.parametrize("user", ["no", "raw"])
def test_what_is_no_response_is_not_stored(api: Api, user: str) -> None:
    api.ask("POST", "/responses", {"model": "gpt-5", "input": user})
    assert api.mock.archive.owners() == []


def test_what_is_not_stored_is_not_found(api: Api) -> None:
    made = api.create("a", store=False)
    assert api.refusal("GET", f"/responses/{made['id']}") == (404, f"Response with id '{made['id']}' not found.")


def test_one_key_does_not_see_what_another_stored(api: Api) -> None:
    made = api.create("a")
    assert api.refusal("GET", f"/responses/{made['id']}", key="other")[0] == 404


def test_the_longest_unused_responses_are_forgotten(stored: str | None) -> None:
    api = Api(responses=2, state=stored)
    first, second = api.create("a"), api.create("b")
    api.get(f"/responses/{first['id']}")
    api.create("c")
    assert api.refusal("GET", f"/responses/{second['id']}")[0] == 404
    assert api.get(f"/responses/{first['id']}")["id"] == first["id"]


def test_a_reset_forgets_what_is_stored(api: Api) -> None:
    made = api.create("a")
    api.post("/conversations")
    api.mocks.reset()
    assert api.refusal("GET", f"/responses/{made['id']}")[0] == 404
    archive = api.mock.archive
    assert archive.owners() == []
    if isinstance(archive, MemoryArchive):
        assert (archive.size, archive.stems, archive.conversations) == (0, {}, {})


# -- stored responses --------------------------------------------------------------------------------------


def test_a_stored_response_is_as_it_was(api: Api) -> None:
    made = api.create("a")
    assert api.get(f"/responses/{made['id']}") == made


def test_a_deleted_response_is_gone(api: Api) -> None:
    made = api.create("a")
    deleted = {"id": made["id"], "object": "response", "deleted": True}
    assert api.ask("DELETE", f"/responses/{made['id']}") == (200, deleted)
    assert api.refusal("DELETE", f"/responses/{made['id']}")[0] == 404


def test_a_stream_is_replayed_from_any_event(api: Api) -> None:
    made = api.create("a")
    whole = api.stream(f"/responses/{made['id']}?stream=true")
    assert (whole[0]["response"]["id"], whole[-1]["response"]["output"]) == (made["id"], made["output"])


def test_events_that_were_seen_are_not_replayed(api: Api) -> None:
    made = api.create("a")
    path = f"/v1/responses/{made['id']}?stream=true&starting_after=3&include_obfuscation=false"
    data = api._client.get(path, headers={"authorization": "Bearer k"}).data
    first = json.loads(data.split(b"\n")[1].removeprefix(b"data: "))
    assert first["sequence_number"] == 4 and b"obfuscation" not in data


def test_a_long_conversation_costs_what_is_new_in_each_turn(api: Api) -> None:
    latest = api.create("0")["id"]
    for number in range(1, 40):
        latest = api.create(str(number), previous_response_id=latest)["id"]
    items = api.get(f"/responses/{latest}/input_items?limit=100&order=asc")["data"]
    assert [item["content"][0]["text"] for item in items[::2]] == [str(number) for number in range(40)]
    stored = api.mock.archive.shelf("key-8254c329a928").find_response(latest)
    assert (len(stored.new), len(stored.context), stored.output.answer.request.messages) == (1, 79, ())


def test_input_items_have_identifiers_and_pages(api: Api) -> None:
    first = api.create("a")
    path = f"/responses/{api.create('b', previous_response_id=first['id'])['id']}/input_items"
    page = api.get(f"{path}?limit=2")
    assert [item["content"][0]["text"] for item in page["data"]] == ["b", "1 - a"]
    assert (page["has_more"], page["first_id"]) == (True, page["data"][0]["id"])
    rest = api.get(f"{path}?after={page['last_id']}")
    assert ([item["role"] for item in rest["data"]], rest["has_more"]) == (["user"], False)
    assert api.get(path)["data"] == page["data"] + rest["data"] == api.get(f"{path}?order=asc")["data"][::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "order=best"])
def test_an_odd_page_is_refused(api: Api, query: str) -> None:
    assert api.refusal("GET", f"/responses/{api.create('a')['id']}/input_items?{query}")[0] == 400


# -- in the background -------------------------------------------------------------------------------------


def test_a_response_in_the_background_comes_by_the_clock(api: Api, skip: Callable[[float], None]) -> None:
    made = api.create("later", background=True)
    path = f"/responses/{made['id']}"
    assert (made["status"], api.get(path)["status"]) == ("queued", "queued")
    skip(90)
    assert (api.get(path)["status"], api.get(path)["output"]) == ("in_progress", [])
    skip(120)
    done = api.get(path)
    assert (done["status"], text(done)) == ("completed", "Done")
    Response.model_validate_json(json.dumps(done), strict=True)


def test_a_failure_in_the_background_is_the_responses(api: Api, skip: Callable[[float], None]) -> None:
    path = f"/responses/{api.create('late failure', background=True)['id']}"
    skip(120)
    failed = api.get(path)
    assert (failed["status"], failed["error"]) == ("failed", {"code": "server_error", "message": "Broken."})
    assert [item["type"] for item in failed["output"]] == ["message"]


def test_a_response_that_hangs_never_ends(api: Api, skip: Callable[[float], None]) -> None:
    path = f"/responses/{api.create('hang', background=True)['id']}"
    skip(1e6)
    assert api.get(path)["status"] == "in_progress"


def test_a_response_is_cancelled_once(api: Api, skip: Callable[[float], None]) -> None:
    path = f"/responses/{api.create('later', background=True)['id']}"
    assert api.post(f"{path}/cancel")["status"] == "cancelled"
    skip(120)
    assert (api.post(f"{path}/cancel")["status"], api.get(path)["status"]) == ("cancelled", "cancelled")


def test_a_response_that_has_ended_is_not_cancelled(api: Api, skip: Callable[[float], None]) -> None:
    path = f"/responses/{api.create('later', background=True)['id']}"
    skip(120)
    assert api.post(f"{path}/cancel")["status"] == "completed"


def test_only_responses_in_the_background_can_be_cancelled(api: Api) -> None:
    path = f"/responses/{api.create('a')['id']}/cancel"
    assert api.refusal("POST", path) == (400, "Cannot cancel a synchronous response.")


# -- the rest ----------------------------------------------------------------------------------------------


def test_the_tokens_of_an_input_are_counted(api: Api) -> None:
    counted = api.post("/responses/input_tokens", input="Hello there")
    assert counted == {"object": "response.input_tokens", "input_tokens": 8}
    nulls = dict.fromkeys(("model", "text", "tools", "tool_choice"))
    assert api.post("/responses/input_tokens", input="Hello there", personality="friendly", **nulls) == counted
    assert api.post("/responses/input_tokens", input=None)["input_tokens"] < 8
    assert api.refusal("POST", "/responses/input_tokens", {"personality": 1})[0] == 400


def test_a_compaction_keeps_what_the_user_said(api: Api) -> None:
    items = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    made = api.post("/responses/compact", model="gpt-5", input=items)
    assert [item["type"] for item in made["output"]] == ["message", "compaction"]
    assert set(made) == set(CompactedResponse.model_fields) - {"image"}
    assert text(api.create([*made["output"], {"role": "user", "content": "c"}])) == "1 - c"
    assert api.post("/responses/compact", model="gpt-5", input=None)["output"][0]["type"] == "compaction"
    assert api.refusal("POST", "/responses/compact", {"input": "a"})[0] == 400


def shape(value: Any) -> Any:
    """The keys of a JSON value, in order, with the types of what is in it."""
    if isinstance(value, dict):
        return [(key, shape(each)) for key, each in value.items()]
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


def test_a_compaction_has_the_shape_of_the_golden_one(api: Api) -> None:
    made = api.post("/responses/compact", model="gpt-5", input=[{"role": "assistant", "content": "b"}])
    assert shape(made) == shape(json.loads((GOLDEN / "responses_compact.json").read_bytes()))


def test_a_conversation_can_be_changed(api: Api) -> None:
    path = f"/conversations/{api.post('/conversations')['id']}"
    assert api.post(path, metadata={"a": "b"})["metadata"] == {"a": "b"}
    assert api.post(path, metadata=None)["metadata"] == {}
    assert api.refusal("POST", path, {}) == (400, "Missing required parameter: 'metadata'.")
    (added,) = api.post(f"{path}/items", items=[{"role": "user", "content": "a"}])["data"]
    assert api.get(f"{path}/items/{added['id']}") == added
    assert api.ask("DELETE", f"{path}/items/{added['id']}")[1]["object"] == "conversation"
    assert api.refusal("GET", f"{path}/items/{added['id']}")[0] == 404
    assert api.ask("DELETE", path)[1]["object"] == "conversation.deleted"
    assert api.refusal("GET", path)[0] == 404


def test_an_unknown_model_is_a_bad_request() -> None:
    mock = Mock("", compile_text('defaults { models ["a"] } otherwise { reply "x" }'), Settings(), Journal(1))
    client = create_app(Mocks([mock], Journal(1))).test_client()
    answer = client.post("/v1/responses", json={"model": "nope", "input": "a"})
    assert answer.status_code == 400
    assert json.loads(answer.data)["error"] == {
        "message": "The requested model 'nope' does not exist.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


@pytest.mark.parametrize(
    ("method", "path", "value"),
    [
        ("GET", "/responses/resp_x", None),
        ("DELETE", "/responses/resp_x", None),
        ("POST", "/responses/resp_x/cancel", None),
        ("GET", "/responses/resp_x/input_items", None),
        ("POST", "/responses", {"model": "m", "input": "a", "previous_response_id": "x"}),
        ("POST", "/responses", {"model": "m", "input": "a", "conversation": "x"}),
        ("GET", "/conversations/conv_x", None),
        ("POST", "/conversations/conv_x", {"metadata": {}}),
        ("DELETE", "/conversations/conv_x", None),
        ("GET", "/conversations/conv_x/items", None),
        ("POST", "/conversations/conv_x/items", {"items": []}),
        ("GET", "/conversations/conv_x/items/msg_x", None),
        ("DELETE", "/conversations/conv_x/items/msg_x", None),
    ],
)
def test_any_identifier_is_known_where_that_is_wanted(api: Api, method: str, path: str, value: Any) -> None:
    assert api.ask(method, path, value)[0] in (400, 404)
    assert Api(lenient_ids=True).ask(method, path, value)[0] == 200
