"""`socket` blocks: what a script says on a socket by itself, and sockets whose protocol is the script's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.clients.asking import MODEL
from tests.server.harness import PATIENCE, Served

SCRIPT = "script_socket.llmock"


class Talk:
    """A client that takes the ticks of the clock out of what it hears."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.by_itself: list[dict[str, Any]] = []

    def send(self, **frame: Any) -> None:
        self.socket.send(json.dumps(frame))

    def hear(self) -> dict[str, Any]:
        while True:
            frame: dict[str, Any] = json.loads(self.socket.recv(PATIENCE))
            if frame["type"] not in ("tick", "once"):
                return frame
            self.by_itself.append(frame)

    def answer(self) -> str:
        """The text of a whole answer."""
        while (event := self.hear())["type"] != "response.completed":
            assert event["type"].startswith("response."), event
        text: str = event["response"]["output"][0]["content"][0]["text"]
        return text

    def closed(self) -> tuple[int, str, list[str]]:
        """How the server closes, and the types of the frames before."""
        types: list[str] = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                types.append(self.hear()["type"])
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, closed.value.rcvd.reason, types


@contextmanager
def talking(server: Served, key: str, path: str) -> Iterator[Talk]:
    headers = {"authorization": f"Bearer {key}"}
    with connect(f"ws{server.url[4:]}{path}", additional_headers=headers) as socket:
        yield Talk(socket)


@pytest.fixture
def talk(server: Served, key: str) -> Iterator[Talk]:
    with talking(server, key, "/v1/realtime?model=gpt-realtime") as talk:
        assert talk.hear() == {"type": "session.created", "session": {"model": "gpt-realtime"}}
        yield talk


def test_rules_answer_events(talk: Talk) -> None:
    talk.send(type="session.update", session={"voice": "ash"})
    assert talk.hear() == {"type": "session.updated", "session": {"voice": "ash"}}


def test_a_handler_answers_an_event_by_its_type(talk: Talk) -> None:
    talk.send(type="ping.sent", n=7)
    heard = [talk.hear(), talk.hear()]
    assert {"type": "pong", "saw": "7"} in heard
    assert any(frame["type"] == "error" for frame in heard), "no rule answers it"


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "user", "text": "hi"},
        {"role": "user", "content": "hi"},
        {"type": "response.create", "input": "hi"},
        {
            "type": "response.create",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        },
        {"type": "conversation.item.create", "item": {"role": "user", "content": [{"text": "hi"}]}},
    ],
)
def test_a_user_turn_in_any_form_is_answered_with_the_events_of_responses(talk: Talk, frame: Any) -> None:
    talk.send(**frame)
    assert talk.answer() == "Hello. This is my first answer."


def test_a_sequence_and_a_push_between(talk: Talk) -> None:
    for _ in range(2):
        talk.send(text="hi")
        talk.answer()
    talk.send(text="hi")
    assert talk.hear()["type"] == "response.created"
    rest = [talk.hear()["type"] for _ in range(2)]
    assert "rate_limits.updated" in rest
    assert talk.answer() == "One more, then."


def test_the_clock_speaks(talk: Talk) -> None:
    while len(talk.by_itself) < 4:
        talk.send(type="session.update", session={})
        talk.hear()
    ticks = [frame["at"] for frame in talk.by_itself if frame["type"] == "tick"]
    assert ticks == [pytest.approx(0.04 * number) for number in range(1, len(ticks) + 1)], "planned, and no drift"
    assert sum(frame["type"] == "once" for frame in talk.by_itself) == 1


def test_close_1000_completes_the_answer_and_another_code_breaks_it_off(server: Served, key: str) -> None:
    with talking(server, key, "/v1/realtime?model=m") as talk:
        talk.send(text="bye")
        code, reason, types = talk.closed()
        assert (code, reason, types[-1]) == (1000, "done", "response.completed")
    with talking(server, key, "/v1/realtime?model=m") as talk:
        talk.send(text="crash")
        code, reason, types = talk.closed()
        assert (code, reason, types[-1]) == (1011, "internal error", "response.output_text.delta")


def test_what_happens_on_close_is_remembered(server: Served, key: str) -> None:
    with talking(server, key, "/v1/realtime?model=m") as talk:
        talk.hear()
        talk.send(text="left?")
        assert talk.answer() == "never"
    said = "never"
    while said == "never":  # until the server has noticed
        with talking(server, key, "/v1/realtime?model=m") as talk:
            talk.hear()
            talk.send(text="left?")
            said = talk.answer()
    assert said == "yes"


def test_errors_are_frames(talk: Talk) -> None:
    talk.send(text="broken")
    assert talk.hear()["error"]["code"] == "rate_limit_exceeded"
    talk.socket.send("nonsense")
    assert talk.hear()["status"] == 400
    talk.send(type="unheard.of")
    assert talk.hear()["error"]["code"] == "no_rule_matched"
    talk.send(text="hi")
    assert talk.answer()


def test_a_script_can_refuse_the_connection(server: Served, key: str) -> None:
    with pytest.raises(InvalidStatus) as refused, talking(server, key, "/v1/closed"):
        pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == "invalid_api_key"


def test_a_block_adds_to_responses(server: Served, key: str) -> None:
    with talking(server, key, "/v1/responses") as talk:
        assert talk.hear() == {"type": "hello"}
        talk.send(type="response.create", model=MODEL, input="secret")
        assert talk.answer() == "For sockets only."
        talk.send(type="response.create", model=MODEL, input="else")
        assert talk.answer() == "responses"
        talk.send(type="session.update")
        assert talk.hear() == {"type": "session.updated"}
        talk.send(type="response.create", model=MODEL, input="bye")
        assert talk.closed() == (4000, "client said bye", [])


def test_a_block_adds_to_chat(server: Served, key: str) -> None:
    with talking(server, key, "/v1/chat") as talk:
        assert talk.hear() == {"type": "hello", "path": "/v1/chat"}
        talk.send(model=MODEL, messages=[{"role": "user", "content": "secret"}], stream=False)
        answer = json.loads(talk.socket.recv(PATIENCE))
        assert answer["choices"][0]["message"]["content"] == "For sockets only."
