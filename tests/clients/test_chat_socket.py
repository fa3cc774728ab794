"""`WS /v1/chat`, as docs/websocket-chat.md says it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dsl.request import Headers
from dsl.timeline import Close, Text, Timeline
from mockllm.apis.answer import Answer
from mockllm.apis.errors import ApiError
from mockllm.apis.serialise import compact
from mockllm.chat_conversation import Conversation, Turn
from mockllm.socket_connection import MOST_WAITING
from tests.clients.asking import MODEL, fetch, journal
from tests.server.harness import PATIENCE, Client, Served, eventually
from tests.server.websocket_client import HANDSHAKE, Raw
from tests.wire.answering import GOLDEN, request
from tests.wire.normalise import normalise

SCRIPT = "chat_socket.llmock"
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "clients"
DOCUMENT = (ROOT / "docs" / "websocket-chat.md").read_text()
SESSION = [json.loads(line) for line in (GOLDEN / "ws_chat_session.jsonl").read_text().splitlines()]
GREETING = "Hello! How can I help you today?"


class Chat:
    """A client of the socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, value: object) -> None:
        self.socket.send(json.dumps(value))

    def ask(self, user: str, **parameters: Any) -> None:
        """Sends a whole body."""
        self.send({"model": MODEL, "messages": said(user), **parameters})

    def say(self, user: str, **parameters: Any) -> None:
        """Sends a short message."""
        self.send({"role": "user", "content": user, **parameters})

    def frame(self) -> Any:
        data = self.socket.recv(PATIENCE)
        assert isinstance(data, str)
        return data if data == "[DONE]" else json.loads(data)

    def frames(self) -> list[Any]:
        """The frames of one streamed answer, without the last."""
        found = []
        while (frame := self.frame()) != "[DONE]":
            found.append(frame)
        return found

    def text(self) -> str:
        """The text of one streamed answer."""
        return "".join(frame["choices"][0]["delta"].get("content") or "" for frame in self.frames())

    def closed(self) -> tuple[int, str]:
        """The code and reason with which the server closes, 1006 without a close; nothing else may come."""
        with pytest.raises(ConnectionClosed):
            raise AssertionError(self.socket.recv(PATIENCE))
        return self.socket.close_code or 0, self.socket.close_reason or ""


@contextmanager
def chatting(server: Served, key: str, path: str = "/v1/chat") -> Iterator[Chat]:
    headers = {"authorization": f"Bearer {key}"}
    url = f"ws{server.url[4:]}{path}"
    # A server that hangs does not answer a close either.
    with connect(url, additional_headers=headers, max_size=None, close_timeout=1) as socket:
        yield Chat(socket)


@pytest.fixture
def chat(server: Served, key: str) -> Iterator[Chat]:
    with chatting(server, key) as chat:
        yield chat


def said(user: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": user}]


def asked_in(server: Served, user: str) -> dict[str, Any]:
    """The journal's entry of the last request with this user message, once it is over."""

    def found() -> dict[str, Any] | None:
        entries = [
            entry
            for entry in journal(server)
            if entry["place"] and isinstance(entry["body"], dict)  # a large one is not kept
            if entry["body"]["messages"][-1].get("content") == user
        ]
        return entries[-1] if entries and entries[-1]["outcome"] else None

    return eventually(found)


# -- the contract -----------------------------------------------------------------------------------------------


def test_the_golden_session(chat: Chat) -> None:
    answers: list[tuple[list[str], list[str]]] = []
    for line in SESSION:
        if line["dir"] == "client":
            chat.send(line["frame"])
            answers.append(([], []))
        elif line["dir"] == "server":
            frame = line["frame"]
            wanted, got = answers[-1]
            wanted.append(frame if isinstance(frame, str) else compact(frame))
            got.append(str(chat.socket.recv(PATIENCE)))
    for wanted, got in answers:
        assert normalise("\n".join(got).encode()) == normalise("\n".join(wanted).encode())


def test_without_v1(server: Served, key: str) -> None:
    with chatting(server, key, "/chat") as chat:
        chat.ask("fast")
        assert chat.text() == "quick"


def test_the_chunks_are_those_of_the_stream(server: Served, chat: Chat, key: str) -> None:
    body = {"model": MODEL, "messages": said("Hi"), "stream": True}
    *events, end = fetch(server, body)[2].split(b"\n\n")
    assert end == b""
    chat.send(body)
    got = [*map(compact, chat.frames()), "[DONE]"]
    wanted = [event.removeprefix(b"data: ") for event in events]
    assert normalise("\n".join(got).encode()) == normalise(b"\n".join(wanted))


def test_short_messages_continue_the_conversation(chat: Chat) -> None:
    chat.ask("fast")
    assert chat.text() == "quick"
    chat.say("history")
    assert chat.text() == "user assistant user: quick"
    chat.send({"role": "system", "content": "fast"})
    assert chat.text() == "user assistant user assistant system: user assistant user: quick"


def test_a_body_begins_anew(chat: Chat) -> None:
    chat.ask("fast")
    chat.frames()
    chat.send({"model": MODEL, "messages": [{"role": role, "content": "history"} for role in ("system", "user")]})
    assert chat.text() == "system user: history"


def test_a_short_message_inherits_the_parameters_of_the_last_body(chat: Chat) -> None:
    chat.ask("parameters", temperature=0.5, stream=False)
    assert chat.frame()["choices"][0]["message"]["content"] == f"{MODEL}, 0.5, websocket, False"
    chat.say("parameters")
    assert chat.text() == f"{MODEL}, 0.5, websocket, True"
    chat.say("parameters", temperature=1, model="gpt-4o")
    assert chat.text() == "gpt-4o, 1, websocket, True"
    chat.say("parameters")
    assert chat.text() == f"{MODEL}, 0.5, websocket, True"


def test_a_short_message_needs_a_body_before_it(chat: Chat) -> None:
    chat.say("fast")
    assert chat.frame()["error"]["code"] == "missing_required_parameter"
    chat.say("fast", model=MODEL)
    assert chat.text() == "quick"


@pytest.mark.parametrize("stream", [True, False])
def test_a_request_id_is_echoed(chat: Chat, stream: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if stream else {}
    chat.ask("fast", request_id="first", stream=stream, **options)
    frames = chat.frames() if stream else [chat.frame()]
    assert [frame["request_id"] for frame in frames] == ["first"] * len(frames)
    chat.say("fail", request_id="second")
    assert chat.frame()["request_id"] == "second"
    chat.say("fast", stream=False)
    assert "request_id" not in chat.frame()


@pytest.mark.parametrize(("name", "code"), [(7, "invalid_type"), ("x" * 513, "string_above_max_length")])
def test_a_request_id_is_a_short_text(chat: Chat, name: object, code: str) -> None:
    chat.ask("fast", request_id=name)
    assert chat.frame()["error"]["code"] == code


def test_first_in_first_out(chat: Chat) -> None:
    chat.ask("slow", request_id="1")
    chat.say("fast", request_id="2")
    chat.say("history", request_id="3", stream=False)
    first, second = chat.frames(), chat.frames()
    assert {frame["request_id"] for frame in first} == {"1"}
    assert {frame["request_id"] for frame in second} == {"2"}
    content = chat.frame()["choices"][0]["message"]["content"]
    assert content == "user assistant user assistant user: quick"


def test_tool_calls(chat: Chat) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("get_weather", "get_time")]
    chat.ask("calls", tools=tools)
    deltas = [frame["choices"][0]["delta"] for frame in chat.frames()]
    calls = [call["id"] for delta in deltas for call in delta.get("tool_calls", ()) if "id" in call]
    chat.send({"role": "tool", "tool_call_id": "call_unknown", "content": "?"})
    assert chat.frame()["error"]["param"] == "messages.[2].tool_call_id"
    chat.send({"role": "tool", "tool_call_id": calls[1]})
    assert chat.frame()["error"]["code"] == "missing_required_parameter"
    chat.send({"role": "tool", "tool_call_id": calls[1], "content": "noon"})
    chat.say("fast")
    assert "must be followed by tool messages" in chat.frame()["error"]["message"]
    chat.send({"role": "tool", "tool_call_id": calls[0], "content": "sun"})
    assert chat.text() == "sun at noon"
    chat.say("fast")
    assert chat.text() == "quick"


def test_a_request_for_the_time_since_the_socket_was_opened(chat: Chat) -> None:
    chat.ask("elapsed")
    assert chat.text() == "in time"


# -- errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "code", "has"),
    [
        ("no JSON", None, "could not parse"),
        ("[1, 2]", None, "could not parse"),
        ('"[DONE]"', None, "could not parse"),
        ("", None, "could not parse"),
        (b'{"model": "binary"}', None, "text frame"),
        ("{}", "missing_required_parameter", "Missing required parameter"),
        (
            '{"role": "user", "content": "x", "colour": 1, "model": "gpt-4o"}',
            None,
            "Unrecognized request argument",
        ),
        ('{"role": "nobody", "content": "x", "model": "gpt-4o"}', "invalid_value", "nobody"),
        ('{"model": "gpt-99", "messages": [{"role": "user", "content": "x"}]}', "model_not_found", "gpt-99"),
        ('{"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}', "no_rule_matched", "rule"),
    ],
)
def test_an_error_is_a_frame_and_the_socket_stays_open(
    chat: Chat, sent: str | bytes, code: str | None, has: str
) -> None:
    chat.socket.send(sent)
    error = chat.frame()["error"]
    assert error["code"] == code
    assert has in error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    chat.ask("fast")
    assert chat.text() == "quick"


@pytest.mark.parametrize("stream", [True, False])
def test_a_script_fails(server: Served, chat: Chat, stream: bool) -> None:
    chat.ask("fail", stream=stream)
    assert chat.frame()["error"]["code"] == "rate_limit_exceeded"
    chat.ask("fail later", stream=stream, request_id="7")
    if stream:
        assert [chat.frame()["choices"][0]["delta"].get("content") for _ in range(2)] == ["", "so far"]
    failed = chat.frame()
    assert (failed["error"]["message"], failed["request_id"]) == ("No further.", "7")
    chat.ask("bad template", stream=stream)
    assert chat.frame()["error"]["code"] == "script_error"


def test_an_error_leaves_the_conversation_as_it_was(chat: Chat) -> None:
    chat.ask("fast")
    chat.frames()
    for user in ("fail", "bad template", "matched by no rule"):
        chat.say(user)
        assert "error" in chat.frame()
    chat.say("fail later")
    assert "error" in [chat.frame() for _ in range(3)][-1]
    chat.say("history")
    assert chat.text() == "user assistant user: quick"


# -- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["cut", "reset", "after bytes"])
def test_the_connection_breaks(server: Served, chat: Chat, user: str) -> None:
    chat.ask(user, request_id=user)
    assert [chat.frame()["choices"][0]["delta"]["content"] for _ in range(2)] == ["", "one"]
    assert chat.closed()[0] == 1006
    assert asked_in(server, user)["outcome"] == ("reset" if user == "reset" else "cut")


@pytest.mark.parametrize("stream", [True, False])
def test_a_truncation_is_a_normal_close(server: Served, chat: Chat, stream: bool) -> None:
    chat.ask("cut clean", stream=stream)
    if stream:
        assert [chat.frame()["choices"][0]["finish_reason"] for _ in range(2)] == [None, None]
    else:
        assert chat.frame()["choices"][0]["finish_reason"] is None
    assert chat.closed() == (1000, "")
    assert asked_in(server, "cut clean")["outcome"] == "complete"


@pytest.mark.parametrize(("user", "outcome"), [("hang", "hang"), ("wait", "left")])
def test_a_client_that_closes_cancels_the_answer(server: Served, chat: Chat, user: str, outcome: str) -> None:
    chat.ask(user)
    chat.say("fast")
    assert [chat.frame()["choices"][0]["delta"]["content"] for _ in range(2)] == ["", "one"]
    if user == "wait":
        assert chat.socket.ping().wait(PATIENCE)
    with pytest.raises(TimeoutError):
        chat.socket.recv(0.02)
    chat.socket.close()
    assert asked_in(server, user)["outcome"] == outcome


def test_raw_bytes_are_a_frame_of_their_own(chat: Chat) -> None:
    chat.ask("raw", request_id="r")
    chat.frame(), chat.frame()
    assert chat.socket.recv(PATIENCE) == '{"choices": [oops'
    assert chat.text() == "two"
    chat.say("raw", stream=False)
    assert chat.socket.recv(PATIENCE) == '{"choices": [oops'


def test_a_comment_is_a_ping(server: Served) -> None:
    body = {"model": MODEL, "messages": said("comment")}
    with Raw(server, "/v1/chat") as client:
        client.text(json.dumps(body).encode())
        assert client.frame() == (9, b"still there?")
        assert client.frame()[0] == 1


def test_too_many_requests(chat: Chat) -> None:
    chat.ask("hang")
    with pytest.raises(ConnectionClosed):
        for _ in range(MOST_WAITING + 2):
            chat.say("fast")
        while True:
            chat.frame()
    assert (chat.socket.close_code, chat.socket.close_reason) == (
        1008,
        "too many requests wait for their answers",
    )


def test_a_message_of_tens_of_mebibytes(chat: Chat) -> None:
    chat.send({"model": MODEL, "messages": [*said("x" * (40 << 20)), *said("fast")]})
    assert chat.text() == "quick"
    chat.say("x" * (30 << 20))
    assert chat.frame()["error"]["code"] == "request_too_large"


# -- the handshake and the journal ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "status"),
    [((), 426), (HANDSHAKE[:3], 400), ((*HANDSHAKE[:2], HANDSHAKE[3]), 426)],
)
def test_who_cannot_have_a_socket_gets_an_envelope(server: Served, fields: tuple[str, ...], status: int) -> None:
    with Client(server.address) as client:
        client.get("/v1/chat", *fields)
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 %d " % status)
        assert client.until(b'"error"') == b'{\n  "error"'


def test_a_path_without_a_socket_refuses_it_over_http(server: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws{server.url[4:]}/v1/nowhere")
    assert refused.value.response.status_code == 404
    assert b"Invalid URL" in (refused.value.response.body or b"")


def test_the_journal_has_an_entry_for_each_answer(server: Served, chat: Chat, key: str) -> None:
    chat.ask("fast")
    chat.frames()
    chat.say("fail")
    chat.frame()
    chat.socket.close()
    entry = asked_in(server, "fast")
    assert {name: entry[name] for name in ("method", "path", "endpoint", "transport", "status", "outcome")} == {
        "method": "WS",
        "path": "/v1/chat",
        "endpoint": "chat",
        "transport": "websocket",
        "status": 200,
        "outcome": "complete",
    }
    assert entry["session"].startswith("key-")
    assert entry["sent"] > 0
    assert asked_in(server, "fail")["status"] == 429


def test_a_close_that_the_script_asks_for() -> None:
    turn = Turn(Conversation(), '{"model":"m","messages":[{"role":"user","content":"x"}]}')
    ending = Close(0.0, 4000, "why")
    turn.reply(Answer(request(stream=True), Timeline((Text(0.0, "one"),), ending), Random(1), 0))
    assert turn.end == ending


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=6,
)
KEYS = ("role", "content", "messages", "model", "stream", "request_id", "tool_call_id", "tool_calls", "tools")
VALUES = JSON | st.sampled_from(["user", "tool", "assistant", MODEL, "call_a"])


@given(st.text() | st.dictionaries(st.sampled_from(KEYS), VALUES).map(json.dumps))
def test_any_text_is_a_request_or_an_error(text: str) -> None:
    conversation = Conversation()
    conversation.parameters = {"model": MODEL}
    calls = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": ""}} for name in "ab"
    ]
    conversation.messages = [*said("x"), {"role": "assistant", "tool_calls": calls}]
    turn = Turn(conversation, text)
    if turn.is_incomplete:
        turn.keep()
    else:
        with suppress(ApiError):
            turn.decode(b"", path="", query={}, headers=Headers(), lenient=False)


# -- the examples -----------------------------------------------------------------------------------------------


def example() -> str:
    """The client in the documentation. (That in JavaScript is run by scripts/test-node.)"""
    found = re.search(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


TALK = f"You: Hi\nMock: {GREETING}\nYou: fast\nMock: quick\n"
WRITTEN = "ws://127.0.0.1:8000/v1/chat"


def test_the_python_clients(server: Served) -> None:
    url = f"ws{server.url[4:]}/v1/chat"
    assert run(sys.executable, str(EXAMPLES / "chat_socket.py"), url) == TALK
    assert run(sys.executable, "-c", example().replace(WRITTEN, url)) == GREETING
