"""What a fault looks like: byte by byte, in the journal, and to the SDK."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import openai
import pytest

from tests.clients.asking import Sdk, Wire, asked, journal, parsed, said, without_chunks
from tests.server.harness import Served, eventually

SCRIPT = "faults.llmock"

PLAIN = {"stream": True, "stream_options": {"include_obfuscation": False}}
DONE = b"data: [DONE]\n\n"
BAD_FRAME = b'data: {"choices":[{"delta":{"content": oops\n\n'
RAW = b'data: {"id":"mine","choices":[]}\n\n'
HALF = b'data: {"id":"whole","choices":[]}\n\ndata: {"id":"ha'
HTML = b"<html>\n<body>502 Bad Gateway</body></html>\n"

DRIP = 50  # a hundredth of a second's worth at the script's pace


@dataclass
class Seen:
    """An answer as it came over the wire.

    Attributes:
        status: 0 if not even the head came.
        body: without the framing of HTTP.
        whole: whether HTTP's framing says that the body is complete.
        pieces: the sizes of the HTTP chunks of a stream.
    """

    status: int
    fields: dict[str, str]
    body: bytes
    whole: bool
    pieces: list[int]
    end: Literal["FIN", "RST"]
    outcome: str

    @property
    def events(self) -> list[bytes]:
        return [event + b"\n\n" for event in self.body.split(b"\n\n")[:-1]]

    @property
    def said(self) -> str:
        chunks = [json.loads(event[6:]) for event in self.events if b'"choices":[{"index"' in event]
        return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)

    @property
    def finished(self) -> bool:
        return b'"finish_reason":"' in self.body or b'"finish_reason": "' in self.body


def see(server: Served, key: str, user: str, **parameters: Any) -> Seen:
    with Wire(server) as wire:
        wire.post(asked(user, **parameters), f"x-mockllm-session: {key}", "connection: close")
        data, end = wire.rest()
    head, _, body = data.partition(b"\r\n\r\n")
    status, fields = parsed(head) if head else (0, {})
    pieces: list[int] = []
    whole = bool(head) and len(body) == int(fields.get("content-length", -1))
    if "transfer-encoding" in fields:
        body, pieces, whole = without_chunks(body)
    return Seen(status, fields, body, whole, pieces, end, outcome(server, key))


def outcome(server: Served, session: str) -> str:
    """How the session's last answer went, once it is over."""

    def told() -> str | None:
        entries = [entry for entry in journal(server) if entry["session"] == session]
        found: str | None = entries[-1]["outcome"]
        return found

    return eventually(told)


# -- bytes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["cut", "cut first"])
def test_a_cut_body_is_shorter_than_its_length(server: Served, key: str, user: str) -> None:
    seen = see(server, key, user)
    assert (seen.status, seen.whole, seen.end, seen.outcome) == (200, False, "FIN", "cut")
    assert 0 < len(seen.body) < int(seen.fields["content-length"])
    assert seen.body.startswith(b'{\n  "id": "chatcmpl-')


@pytest.mark.parametrize(
    ("user", "end", "outcome"),
    [
        ("cut", "FIN", "cut"),
        ("reset", "RST", "reset"),
        ("reset late", "RST", "reset"),
        ("hang briefly", "FIN", "hang"),
    ],
)
def test_a_broken_stream_ends_inside_its_framing(
    server: Served, key: str, user: str, end: str, outcome: str
) -> None:
    seen = see(server, key, user, **PLAIN)
    assert (seen.status, seen.whole, seen.end, seen.outcome) == (200, False, end, outcome)
    assert (seen.said, seen.finished) == ("Hello,", False)
    assert seen.body.endswith(b"\n\n")


@pytest.mark.parametrize(
    ("user", "parameters", "end"),
    [
        ("reset first", PLAIN, "RST"),
        ("reset first", {}, "RST"),
        ("reset", {}, "RST"),
        ("reset late", {}, "RST"),
        ("hang briefly", {}, "FIN"),
    ],
)
def test_not_a_byte(server: Served, key: str, user: str, parameters: dict[str, Any], end: str) -> None:
    seen = see(server, key, user, **parameters)
    assert (seen.status, seen.body, seen.end) == (0, b"", end)


def test_a_stream_that_is_cut_before_a_word_has_a_head(server: Served, key: str) -> None:
    seen = see(server, key, "cut first", **PLAIN)
    assert (seen.status, seen.body, seen.whole, seen.end) == (200, b"", False, "FIN")


@pytest.mark.parametrize("parameters", [{}, PLAIN])
@pytest.mark.parametrize(("user", "end"), [("cut bytes", "FIN"), ("reset bytes", "RST")])
def test_so_many_bytes(server: Served, key: str, user: str, end: str, parameters: dict[str, Any]) -> None:
    seen = see(server, key, user, **parameters)
    assert (seen.status, len(seen.body), seen.whole, seen.end) == (200, 40, False, end)
    assert seen.body.startswith(b'data: {"id":"chatcmpl-' if parameters else b'{\n  "id": "chatcmpl-')


@pytest.mark.parametrize(
    ("user", "parameters", "heard"),
    [
        ("hang", PLAIN, b'"content":"lo,"},"logprobs":null,"finish_reason":null}]}\n\n\r\n'),
        ("hang bytes", PLAIN, b"\r\n\r\n28\r\ndata: "),
        ("hang bytes", {}, b'\r\n\r\n{\n  "id": "'),
        ("hang first", PLAIN, b""),
        ("hang", {}, b""),
    ],
)
def test_a_server_that_hangs_says_nothing_more_until_the_client_leaves(
    server: Served, key: str, user: str, parameters: dict[str, Any], heard: bytes
) -> None:
    with Wire(server) as wire:
        wire.post(asked(user, **parameters), f"x-mockllm-session: {key}")
        if heard:
            wire.until(heard)
        if user == "hang bytes":
            wire.exactly(40 - len(heard.rpartition(b"\r\n")[2]) + 2 * bool(parameters))
        assert wire.silent()
    assert outcome(server, key) == "hang"


def test_a_clean_cut_lacks_only_the_terminal(server: Served, key: str) -> None:
    seen = see(server, key, "cut clean", **PLAIN)
    assert (seen.status, seen.whole, seen.end, seen.said, seen.finished) == (200, True, "FIN", "Hello,", False)
    assert DONE not in seen.body
    body = see(server, key, "cut clean")
    (choice,) = json.loads(body.body)["choices"]
    assert (body.whole, choice["message"]["content"], choice["finish_reason"]) == (True, "Hello,", None)


def test_after_a_clean_cut_the_connection_goes_on(server: Served) -> None:
    with Wire(server) as wire:
        for _ in range(2):
            wire.post(asked("cut clean", **PLAIN))
            assert wire.answer()[0] == 200


@pytest.mark.parametrize(
    ("user", "status", "error"),
    [
        ("fail", 500, {"type": "server_error", "param": None, "code": None}),
        ("fail named", 503, {"type": "service_unavailable_error", "param": "mine", "code": "my_code"}),
    ],
)
def test_a_failure_after_output(
    server: Served, key: str, user: str, status: int, error: dict[str, str | None]
) -> None:
    stream = see(server, key, user, **PLAIN)
    assert (stream.status, stream.whole, stream.said, stream.finished) == (200, True, "Hello,", False)
    last = json.loads(stream.events[-1].removeprefix(b"data: "))["error"]
    body = see(server, key, user)
    assert (body.status, body.fields["content-type"]) == (status, "application/json")
    for told in (last, json.loads(body.body)["error"]):
        del told["message"]
        assert told == error


@pytest.mark.parametrize(
    ("user", "parameters", "status", "body"),
    [
        ("raw", PLAIN, 200, RAW),
        ("raw", {}, 200, RAW),
        ("html", PLAIN, 502, HTML),
        ("html", {}, 502, HTML),
        ("half an event", PLAIN, 200, HALF),
        ("bad frame", {}, 200, BAD_FRAME),
        ("done twice", {}, 200, DONE),
    ],
)
def test_a_raw_body_is_verbatim(
    server: Served, key: str, user: str, parameters: dict[str, Any], status: int, body: bytes
) -> None:
    seen = see(server, key, user, **parameters)
    assert (seen.status, seen.body, seen.whole, seen.outcome) == (status, body, True, "complete")
    if user == "html":
        assert seen.fields["content-type"] == "text/html"


def test_raw_bytes_amid_a_stream(server: Served, key: str) -> None:
    seen = see(server, key, "bad frame", **PLAIN)
    assert seen.events.index(BAD_FRAME) == 2
    assert seen.events[-1] == DONE
    assert b"".join(event for event in seen.events if event != BAD_FRAME).count(b"Hel") == 1


def test_a_script_that_finishes_twice(server: Served, key: str) -> None:
    seen = see(server, key, "done twice", **PLAIN)
    assert seen.body.count(b'"finish_reason":"stop"') == 1
    assert seen.events[-2:] == [DONE, DONE]


def test_comments(server: Served, key: str) -> None:
    seen = see(server, key, "ping", **PLAIN)
    assert seen.events[:2] == [b": keep-alive\n\n"] * 2
    assert (seen.said, seen.events[-1]) == ("Hello", DONE)


@pytest.mark.parametrize("parameters", [{}, PLAIN])
def test_a_byte_pace_changes_no_byte(server: Served, key: str, parameters: dict[str, Any]) -> None:
    seen = see(server, key, "drip", **parameters)
    assert (seen.status, seen.whole, seen.outcome) == (200, True, "complete")
    assert max(seen.pieces, default=0) <= DRIP
    said = seen.said if parameters else json.loads(seen.body)["choices"][0]["message"]["content"]
    assert said == "Hello, world"
    (entry,) = [entry for entry in journal(server) if entry["session"] == key]
    assert entry["sent"] == len(seen.body)
    assert entry["took"] > 0.9 * (len(seen.body) - DRIP) / 5000


# -- the SDK ----------------------------------------------------------------------------------------------------


def ask(sdk: Sdk, user: str, got: list[Any] | None = None) -> Callable[[bool], object]:
    return lambda streamed: sdk.chunks(user, got) if streamed else sdk.create(user)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("user", "heard"),
    [
        ("cut", "Hello,"),
        ("cut first", ""),
        ("cut bytes", ""),
        ("reset", "Hello,"),
        ("reset first", ""),
        ("reset late", "Hello,"),
        ("reset bytes", ""),
        ("hang briefly", "Hello,"),
    ],
)
def test_a_broken_connection_raises(sdk: Sdk, user: str, heard: str, streamed: bool) -> None:
    got: list[Any] = []
    with pytest.raises(openai.APIConnectionError):
        ask(sdk, user, got)(streamed)
    assert said(got) == (heard if streamed else "")


@pytest.mark.parametrize("user", ["cut", "reset"])
def test_a_broken_connection_raises_in_the_helper(sdk: Sdk, user: str) -> None:
    with pytest.raises(openai.APIConnectionError):
        sdk.helper(user)


def test_a_clean_cut_goes_unnoticed(sdk: Sdk) -> None:
    chunks = sdk.chunks("cut clean")
    assert said(chunks) == "Hello,"
    assert {chunk.choices[0].finish_reason for chunk in chunks} == {None}
    choice = sdk.helper("cut clean")[1].choices[0]
    assert choice.message.content == "Hello,"
    assert choice.finish_reason in (None,)  # which is not among its types


@pytest.mark.parametrize(("user", "code"), [("fail", None), ("fail named", "my_code")])
def test_an_error_in_a_stream(sdk: Sdk, user: str, code: str | None) -> None:
    got: list[Any] = []
    with pytest.raises(openai.APIError) as raised:
        sdk.chunks(user, got)
    assert not isinstance(raised.value, openai.APIStatusError | openai.APIConnectionError)
    assert raised.value.code == code
    assert said(got) == "Hello,"


def test_a_bad_frame_raises_what_its_parser_says(sdk: Sdk) -> None:
    got: list[Any] = []
    with pytest.raises(json.JSONDecodeError):
        sdk.chunks("bad frame", got)
    assert said(got) == "Hel"


@pytest.mark.parametrize("streamed", [False, True])
def test_html_in_place_of_json(sdk: Sdk, streamed: bool) -> None:
    with pytest.raises(openai.InternalServerError) as raised:
        ask(sdk, "html")(streamed)
    assert raised.value.status_code == 502
    assert raised.value.response.headers["content-type"] == "text/html"


@pytest.mark.parametrize(("user", "ids"), [("raw", ["mine"]), ("half an event", ["whole"])])
def test_a_raw_stream(sdk: Sdk, user: str, ids: list[str]) -> None:
    assert [chunk.id for chunk in sdk.chunks(user)] == ids


@pytest.mark.parametrize(("user", "text"), [("done twice", "Hello"), ("ping", "Hello"), ("drip", "Hello, world")])
def test_what_does_no_harm(sdk: Sdk, user: str, text: str) -> None:
    assert said(sdk.chunks(user)) == text
    assert sdk.helper(user)[1].choices[0].finish_reason == "stop"
