from __future__ import annotations

import json
from typing import Any

import pytest

from dsl.timeline import End
from mockllm.transports.json import JsonPlayer
from tests.server.harness import Client, Served, eventually
from tests.server.stage import TEXT, app, body


def head_of(status: str, length: int | None) -> list[bytes]:
    fields = [b"HTTP/1.1 " + status.encode(), b"content-type: application/json"]
    return fields if length is None else [*fields, b"content-length: %d" % length]


def without_date(head: bytes) -> list[bytes]:
    return [line for line in head.split(b"\r\n") if line and not line.startswith(b"Date: ")]


def outcome(server: Served, take: str) -> tuple[int, list[str]]:
    """How many bytes were sent and how the take ended, once it did."""

    def ended() -> tuple[int, list[str]] | None:
        found = told(server, take)
        return (found["size"], found["outcomes"]) if found["outcomes"] else None

    return eventually(ended)


def told(server: Served, take: str) -> dict[str, Any]:
    """What the server tells of a take by now."""
    found: dict[str, Any] = json.loads(Client.body_of(server.address, f"/takes/{take}"))
    return found


@pytest.mark.parametrize(
    ("scene", "length", "sent", "end", "told"),
    [
        ("cut", 5, b"12", "FIN", "cut"),
        ("cut-short", 1, b"", "FIN", "cut"),
        ("limit-cut", 5, b"123", "FIN", "cut"),
        ("limit-reset", 5, b"123", "RST", "reset"),
        ("limit-nothing", 5, b"", "FIN", "cut"),
        ("limit-before-reset", 5, b"123", "FIN", "cut"),
        ("drip-cut", 4, b"12", "FIN", "cut"),
        ("drip-interrupted", 10, b"12345", "FIN", "cut"),
    ],
)
def test_a_broken_body_promises_its_whole_length(
    server: Served, scene: str, length: int, sent: bytes, end: str, told: str
) -> None:
    with Client(server.address) as client:
        client.get(f"/json/{scene}?take=json-{scene}")
        answer, ended = client.rest()
    head, _, data = answer.partition(b"\r\n\r\n")
    assert without_date(head) == head_of("200 OK", length)
    assert (data, ended) == (sent, end)
    assert outcome(server, f"json-{scene}") == (len(sent), [told])


@pytest.mark.parametrize(
    ("scene", "end", "told"),
    [
        ("reset", "RST", "reset"),
        ("hang-briefly", "FIN", "hang"),
        ("interrupted-while-it-waits", "RST", "reset"),
        ("drip-interrupted-at-first", "FIN", "cut"),
    ],
)
def test_without_a_byte(server: Served, scene: str, end: str, told: str) -> None:
    with Client(server.address) as client:
        client.get(f"/json/{scene}?take=json-{scene}")
        assert client.rest() == (b"", end)
    assert outcome(server, f"json-{scene}") == (0, [told])


@pytest.mark.parametrize(("scene", "sent"), [("hang", b""), ("limit-hang", b"123")])
def test_a_hanging_connection_is_open_and_silent_until_the_client_leaves(
    server: Served, scene: str, sent: bytes
) -> None:
    with Client(server.address) as client:
        client.get(f"/json/{scene}?take=json-{scene}")
        if sent:
            client.until(b"\r\n\r\n" + sent)
        assert client.silent()
    assert outcome(server, f"json-{scene}") == (len(sent), ["hang"])


@pytest.mark.parametrize(
    ("scene", "status", "length", "sent"),
    [
        ("whole", "200 OK", len(TEXT), TEXT),
        ("late", "200 OK", len(TEXT), TEXT),
        ("empty", "200 OK", 0, b""),
        ("unnamed-status", "529 ", len(TEXT), TEXT),
        ("no-content", "204 No Content", None, b""),
        ("limit-unreached", "200 OK", 5, b"12345"),
        ("drip", "200 OK", 200, bytes(200)),
        ("drip-in-time", "200 OK", 5, b"12345"),
    ],
)
def test_after_a_complete_body_the_connection_goes_on(
    server: Served, scene: str, status: str, length: int | None, sent: bytes
) -> None:
    with Client(server.address) as client:
        for _ in range(2):
            client.get(f"/json/{scene}")
            assert without_date(client.until(b"\r\n\r\n")) == head_of(status, length)
            assert client.exactly(len(sent)) == sent
        assert client.silent()


def test_the_head_leaves_with_the_body(server: Served) -> None:
    with Client(server.address) as client:
        client.get("/json/whole")
        assert client.some().endswith(b"\r\n\r\n" + TEXT)


def test_a_length_that_the_script_gives_is_the_one_that_is_sent() -> None:
    reply = body(End(0))
    player = JsonPlayer(type(reply)(200, (("Content-Length", "3"),), b"abc", End(0)), 0)
    sent: list[object] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> object:
        sent.extend([status, headers])
        return sent.append

    assert list(player({}, start_response)) == []  # type: ignore[arg-type]
    assert sent == ["200 OK", [("Content-Length", "3")], b"abc"]


def test_it_plays_without_a_connection() -> None:
    assert app.test_client().get("/json/late").data == TEXT


@pytest.mark.parametrize("field", [("a b", "x"), ("", "x"), ("x-a", "one\r\nx-b: two"), ("x-a", "\N{SNOWMAN}")])
def test_a_header_field_that_http_cannot_carry(field: tuple[str, str]) -> None:
    reply = body(End(0))
    with pytest.raises(ValueError, match="HTTP cannot carry"):
        JsonPlayer(type(reply)(200, (field,), b"", End(0)), 0)
