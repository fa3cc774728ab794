"""`WS /v1/responses`: lanes, continuation, errors; with `websockets` and with the SDK's own connection."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from openai import OpenAI
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from mockllm import MockServer
from mockllm.apis.serialise import compact
from mockllm.responses_socket import MOST_LANES
from mockllm.settings import Settings
from tests.clients.asking import MODEL, SCRIPTS, journal
from tests.server.harness import PATIENCE, Served, eventually
from tests.wire.answering import GOLDEN
from tests.wire.normalise import normalise

SCRIPT = "responses_socket.llmock"

_LAST = {"response.completed", "response.incomplete", "response.failed", "error", "response.steer.failed"}
SESSION = [json.loads(line) for line in (GOLDEN / "ws_responses_session.jsonl").read_text().splitlines()]
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}


class Talk:
    """A client of the socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def create(self, content: str | None = None, **parameters: Any) -> None:
        given = {} if content is None else {"input": content}
        self.send({"type": "response.create", "model": MODEL, "store": False, **given, **parameters})

    def send(self, value: object) -> None:
        self.socket.send(json.dumps(value))

    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.socket.recv(PATIENCE))
        return event

    def events(self, answers: int = 1) -> list[dict[str, Any]]:
        """All events until so many answers have ended."""
        found = []
        while answers:
            found.append(self.event())
            answers -= found[-1]["type"] in _LAST
        return found

    def answer(self, content: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The response that completes a request."""
        self.create(content, **parameters)
        last = self.events()[-1]
        assert last["type"] == "response.completed"
        response: dict[str, Any] = last["response"]
        return response

    def error(self, content: str | None = None, **parameters: Any) -> dict[str, Any]:
        self.create(content, **parameters)
        (event,) = self.events()
        assert event["type"] == "error"
        return event


@contextmanager
def talking(url: str, key: str, path: str = "/v1/responses") -> Iterator[Talk]:
    headers = {"authorization": f"Bearer {key}"}
    # A server that hangs does not answer a close either.
    with connect(f"ws{url[4:]}{path}", additional_headers=headers, max_size=None, close_timeout=1) as socket:
        yield Talk(socket)


@pytest.fixture
def talk(server: Served, key: str) -> Iterator[Talk]:
    with talking(server.url, key) as talk:
        yield talk


def said(response: dict[str, Any]) -> str:
    text: str = response["output"][-1]["content"][0]["text"]
    return text


def test_an_answer_is_the_events_of_the_stream_one_a_frame(talk: Talk) -> None:
    talk.create("hi")
    events = talk.events()
    assert [event["type"] for event in events[:4]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert said(events[-1]["response"]) == "You said hi over websocket."
    assert not any("stream_id" in event for event in events)


def test_both_paths_are_served(server: Served, key: str) -> None:
    with talking(server.url, key, "/responses") as talk:
        assert said(talk.answer("hi")) == "You said hi over websocket."


def test_what_is_not_stored_can_be_continued_on_its_connection_only(server: Served, key: str) -> None:
    with talking(server.url, key) as talk:
        first = talk.answer("hi")
        second = talk.answer("and back?", previous_response_id=first["id"])
        assert said(second) == "There were 1 answers, the last “You said hi over websocket.”."
    with talking(server.url, key) as talk:
        error = talk.error("and back?", previous_response_id=second["id"])
        assert error["error"]["code"] == "previous_response_not_found"


def test_what_is_stored_can_be_continued_on_another_connection_and_over_http(server: Served, key: str) -> None:
    with talking(server.url, key) as talk:
        first = talk.answer("hi", store=True)
    with talking(server.url, key) as talk:
        assert "the last “You said hi" in said(talk.answer("and back?", previous_response_id=first["id"]))
    with OpenAI(base_url=f"{server.url}/v1", api_key=key) as client:
        assert client.responses.retrieve(first["id"]).output_text == "You said hi over websocket."


def test_only_the_newest_response_of_a_lane_is_kept(talk: Talk) -> None:
    first = talk.answer("hi")
    talk.answer("ho")
    error = talk.error("and back?", previous_response_id=first["id"])
    assert (error["status"], error["error"]["param"]) == (400, "previous_response_id")


def test_a_continuation_that_fails_evicts_its_parent_on_its_own_lane(talk: Talk) -> None:
    parent = talk.answer("hi")["id"]
    assert talk.error("refused", previous_response_id=parent)["status"] == 429
    assert talk.error("and back?", previous_response_id=parent)["error"]["code"] == "previous_response_not_found"


def test_a_fork_that_fails_keeps_the_parent(talk: Talk) -> None:
    parent = talk.answer("hi")["id"]
    assert talk.error("refused", previous_response_id=parent, stream_id="fork")["stream_id"] == "fork"
    assert "1 answers" in said(talk.answer("and back?", previous_response_id=parent))


def test_a_tool_turn(talk: Talk) -> None:
    warm = talk.answer(generate=False, tools=[WEATHER], instructions="Be brief.")
    assert (warm["output"], warm["instructions"]) == ([], "Be brief.")
    first = talk.answer("Weather in Paris?", previous_response_id=warm["id"], tools=[WEATHER])
    (call,) = first["output"]
    assert json.loads(call["arguments"]) == {"city": "Paris"}
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "18C, sunny"}
    second = talk.answer(previous_response_id=first["id"], input=[output])
    assert said(second) == "It's 18°C and sunny."
    wrong = output | {"call_id": "call_unknown"}
    assert "No tool call found" in talk.error(previous_response_id=second["id"], input=[wrong])["error"]["message"]


def test_lanes_answer_side_by_side_and_each_in_order(talk: Talk) -> None:
    for lane in ("a", "b", "a"):
        talk.create("slow", stream_id=lane)
    events = talk.events(3)
    assert {event["stream_id"] for event in events} == {"a", "b"}
    ended = [number for number, event in enumerate(events) if event["type"] == "response.completed"]
    began = [number for number, event in enumerate(events) if event["type"] == "response.created"]
    assert began[1] < ended[0], "the lanes do not wait for each other"
    of_a = [event["response"]["id"] for event in events if event["stream_id"] == "a" and "response" in event]
    assert of_a == sorted(of_a, key=of_a.index) and len(set(of_a)) == 2
    assert began[2] > min(ended), "one lane answers one at a time"


def test_more_than_sixteen_answers_wait_and_are_not_refused(talk: Talk) -> None:
    for number in range(20):
        talk.create("slow", stream_id=f"lane-{number}")
    events = talk.events(20)
    running = most = 0
    for event in events:
        running += (event["type"] == "response.created") - (event["type"] == "response.completed")
        most = max(most, running)
    assert most == 16
    assert {event["type"] for event in events if event["type"] in _LAST} == {"response.completed"}


def test_a_connection_has_only_so_many_named_lanes(talk: Talk) -> None:
    for number in range(MOST_LANES):
        talk.answer("hi", stream_id=f"lane-{number}")
    error = talk.error("hi", stream_id="one-more")
    assert error["error"]["code"] == "websocket_stream_limit_reached"
    assert said(talk.answer("hi")) and said(talk.answer("hi", stream_id="lane-0"))


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 257, 7, ["a"]])
def test_a_bad_stream_id_is_refused_without_one(talk: Talk, name: object) -> None:
    error = talk.error("hi", stream_id=name)
    assert (error["error"]["code"], error["error"]["param"]) == ("invalid_stream_id", "stream_id")
    assert "stream_id" not in error


@pytest.mark.parametrize(
    ("frame", "param"),
    [
        ("nonsense", None),
        ("[]", None),
        ("{}", "type"),
        ('{"type": "response.cancel"}', "type"),
        ('{"type": 7}', "type"),
        ('{"type": "response.create"}', "model"),
        ('{"type": "response.create", "model": "gpt-4o", "input": "hi", "temperature": 9}', "temperature"),
        ('{"type": "response.create", "model": "gpt-4o", "input": "hi", "nope": 1}', "nope"),
        (b"binary", None),
    ],
)
def test_a_bad_frame_is_an_error_and_the_socket_stays_open(
    talk: Talk, frame: str | bytes, param: str | None
) -> None:
    talk.socket.send(frame)
    event = talk.event()
    assert (event["type"], event["status"], event["error"].get("param")) == ("error", 400, param)
    assert isinstance(event["error"]["code"], str)
    assert said(talk.answer("hi"))


def test_steering_is_refused_politely(talk: Talk) -> None:
    talk.send({"type": "response.steer", "previous_response_id": "resp_1", "input": "left"})
    event = talk.event()
    assert (event["type"], event["error"]["code"]) == ("response.steer.failed", "steering_not_supported")
    assert event["steer"] == {"input": "left", "previous_response_id": "resp_1"}


def test_stream_and_background_are_tolerated(talk: Talk) -> None:
    assert said(talk.answer("hi", stream=True, background=False)) == "You said hi over websocket."


def test_a_failure_amid_an_answer(talk: Talk) -> None:
    talk.create("late")
    *before, error = talk.events()
    assert before[-1]["type"] == "response.output_text.delta"
    assert (error["status"], error["error"]["type"]) == (500, "server_error")
    talk.create("failed")
    assert talk.events()[-1]["response"]["error"]["message"] == "It broke."
    assert said(talk.answer("hi"))


def test_a_comment_is_a_ping_and_no_event(talk: Talk) -> None:
    assert said(talk.answer("pinged")) == "ok"


@pytest.mark.parametrize(("content", "code"), [("clean", 1000), ("cut", 1006)])
def test_a_broken_answer_ends_the_connection(talk: Talk, content: str, code: int) -> None:
    talk.create(content)
    with pytest.raises(ConnectionClosed) as closed:
        talk.events()
    assert (closed.value.rcvd.code if closed.value.rcvd else 1006) == code


def test_a_client_that_leaves_ends_its_answers(server: Served, key: str) -> None:
    with talking(server.url, key) as talk:
        talk.create("endless", stream_id="a")
        while talk.event()["type"] != "response.output_text.delta":
            pass
    mine = eventually(
        lambda: [entry for entry in journal(server) if entry["rule"] == "endless" and entry["outcome"]]
    )
    assert mine[-1]["outcome"] in ("left", "hang")


def test_a_connection_lives_only_so_long() -> None:
    with (
        MockServer(SCRIPTS / SCRIPT, Settings(socket_lifetime=0.2)) as mock,
        talking(mock.base_url.removesuffix("/v1"), "key") as talk,
    ):
        event = talk.event()
        assert event["error"]["code"] == "websocket_connection_limit_reached"
        with pytest.raises(ConnectionClosed) as closed:
            talk.event()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001


def test_a_frame_of_tens_of_mebibytes(talk: Talk) -> None:
    assert said(talk.answer("x" * (20 << 20))) == f"That was {20 << 20} characters."


def test_an_unknown_path_is_no_socket(server: Served, key: str) -> None:
    with pytest.raises(InvalidStatus) as refused, talking(server.url, key, "/v1/nope"):
        pass
    assert refused.value.response.status_code == 404
    assert b'"error"' in (refused.value.response.body or b"")


# The SDK calls `websockets` in a way that its newest versions advise against.
@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used")
def test_the_sdk_connects_and_continues(server: Served, key: str) -> None:
    with OpenAI(base_url=f"{server.url}/v1", api_key=key) as client, client.responses.connect() as connection:
        connection.response.create(model=MODEL, input="hi", store=False)
        first = _completed(connection)
        connection.response.create(
            model=MODEL, input="and back?", store=False, previous_response_id=first.id, stream_id="fork"
        )
        second = _completed(connection)
        assert second.output_text == "There were 1 answers, the last “You said hi over websocket.”."
        connection.response.create(model=MODEL, input="refused")
        error: Any = next(iter(connection))
        assert (error.type, error.error.code) == ("error", "rate_limit_exceeded")


def _completed(connection: Any) -> Any:
    for event in connection:
        if event.type == "response.completed":
            return event.response
    raise AssertionError("the connection ended")


def test_the_golden_session(key: str) -> None:
    """Byte for byte, lane by lane: which lane speaks first is nobody's promise."""
    wanted = lanes(line["frame"] for line in SESSION if line["dir"] == "server")
    got: list[Any] = []
    with (
        MockServer(SCRIPTS / "ws_responses_session.llmock") as mock,
        talking(mock.base_url.removesuffix("/v1"), key) as talk,
    ):
        for asked, following in pairwise([*SESSION, {"dir": "note"}]):
            if asked["dir"] == "client":
                talk.send(continued(asked["frame"], got))
                if following["dir"] != "client":
                    got += talk.events(answers=2 if "stream_id" in asked["frame"] else 1)
    assert lanes(got) == wanted


def continued(frame: dict[str, Any], got: list[Any]) -> dict[str, Any]:
    """A frame of the golden client, with the ids that our server has given."""
    last: Any = got[-1]["response"] if got and "response" in got[-1] else None
    if frame.get("previous_response_id", "resp_missing") != "resp_missing":
        frame = frame | {"previous_response_id": last["id"]}
    if isinstance(frame.get("input"), list) and frame["input"][0]["type"] == "function_call_output":
        frame = frame | {"input": [{**frame["input"][0], "call_id": last["output"][0]["call_id"]}]}
    return frame


def lanes(frames: Iterable[Any]) -> dict[str | None, bytes]:
    """The frames of each lane, normalised. The golden conversation took seconds, and its ids tell how many."""
    found: dict[str | None, list[str]] = {}
    for frame in frames:
        found.setdefault(frame.get("stream_id"), []).append(compact(frame))
    return {
        lane: re.sub(rb"(#\d+-\d+)\+-?\d+", rb"\1", normalise("\n".join(texts).encode()))
        for lane, texts in found.items()
    }
