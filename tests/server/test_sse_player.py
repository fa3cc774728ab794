from __future__ import annotations

import pytest

from tests.server.harness import Client, Served, eventually
from tests.server.stage import FLOOD, ONE, TWO, app
from tests.server.test_json_player import outcome, without_date

HEAD = [b"HTTP/1.1 200 OK", b"content-type: text/event-stream", b"Transfer-Encoding: chunked"]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    ("scene", "chunks", "end", "told"),
    [
        ("cut", [ONE], "FIN", "cut"),
        ("reset", [ONE], "RST", "reset"),
        ("hang-briefly", [ONE], "FIN", "hang"),
        ("limit-cut", [ONE + TWO[:3]], "FIN", "cut"),
        ("limit-reset", [ONE[:3]], "RST", "reset"),
        ("drip-limit", [ONE[:1], ONE[1:2]], "FIN", "cut"),
        # One takes 90 ms, the pause is 50 ms, and so 60 ms are left for Two.
        ("drip-interrupted", [bytes([byte]) for byte in ONE + TWO[:6]], "FIN", "cut"),
        ("drip-interrupted-between", [ONE[:5], ONE[5:]], "RST", "reset"),
        ("drip-interrupted-after", [ONE[:5], ONE[5:]], "FIN", "cut"),
        ("drip-interrupted-before", [ONE[:5], ONE[5:]], "FIN", "cut"),
        ("broken", [ONE], "FIN", "failed"),
    ],
)
def test_a_broken_stream_has_no_terminator(
    server: Served, scene: str, chunks: list[bytes], end: str, told: str
) -> None:
    with Client(server.address) as client:
        client.get(f"/sse/{scene}?take=sse-{scene}")
        answer, ended = client.rest()
    head, _, data = answer.partition(b"\r\n\r\n")
    assert without_date(head) == HEAD
    assert (data, ended) == (b"".join(map(chunk, chunks)), end)
    assert outcome(server, f"sse-{scene}") == (sum(map(len, chunks)), [told])


@pytest.mark.parametrize(
    ("scene", "end", "told"),
    [("cut-first", "FIN", "cut"), ("reset-first", "RST", "reset")],
)
def test_without_a_byte(server: Served, scene: str, end: str, told: str) -> None:
    with Client(server.address) as client:
        client.get(f"/sse/{scene}?take=sse-{scene}")
        assert client.rest() == (b"", end)
    assert outcome(server, f"sse-{scene}") == (0, [told])


def test_a_limit_of_no_bytes_lets_the_head_leave(server: Served) -> None:
    with Client(server.address) as client:
        client.get("/sse/limit-nothing?take=sse-limit-nothing")
        answer, end = client.rest()
    head, _, data = answer.partition(b"\r\n\r\n")
    assert (without_date(head), data, end) == (HEAD, b"", "FIN")
    assert outcome(server, "sse-limit-nothing") == (0, ["cut"])


@pytest.mark.parametrize(
    ("scene", "sent", "told"),
    [
        ("hang", ONE, "hang"),
        ("hang-first", b"", "hang"),
        ("limit-hang", ONE, "hang"),
        ("late", b"", "left"),
        ("pause", ONE, "left"),
    ],
)
def test_a_client_that_leaves_ends_the_answer(server: Served, scene: str, sent: bytes, told: str) -> None:
    before = greenlets(server)
    with Client(server.address) as client:
        client.get(f"/sse/{scene}?take=sse-{scene}")
        if sent:
            client.until(b"\r\n\r\n" + chunk(sent))
        assert client.silent()
    assert outcome(server, f"sse-{scene}") == (len(sent), [told])
    eventually(lambda: greenlets(server) <= before)


def greenlets(server: Served) -> int:
    with Client(server.address) as client:
        client.get("/greenlets", "connection: close")
        return int(client.rest()[0].partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    ("scene", "chunks"),
    [
        ("whole", [ONE, TWO]),
        ("at-once", [ONE + TWO]),
        ("empty", []),
        ("limit-unreached", [ONE]),
        ("drip", [b"12345", b"678", ONE]),
        ("binary", [b"\x00\xff"]),
    ],
)
def test_after_a_complete_stream_the_connection_goes_on(server: Served, scene: str, chunks: list[bytes]) -> None:
    with Client(server.address) as client:
        for _ in range(2):
            client.get(f"/sse/{scene}")
            assert without_date(client.until(b"\r\n\r\n")) == HEAD
            assert client.until(b"0\r\n\r\n") == b"".join(map(chunk, chunks)) + b"0\r\n\r\n"
        assert client.silent()


def test_a_status_that_has_no_body(server: Served) -> None:
    with Client(server.address) as client:
        client.get("/sse/no-content")
        assert without_date(client.until(b"\r\n\r\n")) == [b"HTTP/1.1 204 No Content", HEAD[1]]
        assert client.silent()


@pytest.mark.parametrize("fields", [(), ("connection: keep-alive",)])
def test_http_1_0_gets_the_stream_without_chunks(server: Served, fields: tuple[str, ...]) -> None:
    with Client(server.address) as client:
        client.get("/sse/whole", *fields, version="1.0")
        answer, end = client.rest()
    head, _, data = answer.partition(b"\r\n\r\n")
    assert without_date(head) == [*HEAD[:2], b"Connection: close"]
    assert (data, end) == (ONE + TWO, "FIN")


def test_the_head_leaves_with_the_first_frame_and_not_before(server: Served) -> None:
    with Client(server.address) as waiting, Client(server.address) as other:
        waiting.get("/sse/late")
        other.get("/sse/pause")
        assert other.some().endswith(b"\r\n\r\n" + chunk(ONE))
        assert waiting.silent(0)


def test_a_slow_reader_keeps_nobody_waiting_and_fills_no_memory(server: Served) -> None:
    with Client(server.address, receive_buffer=4096) as slow:
        slow.get("/sse/flood?take=flood")
        slow.some()
        with Client(server.address) as other:
            other.get("/sse/whole")
            other.until(b"0\r\n\r\n")
    size, outcomes = outcome(server, "flood")
    assert outcomes == ["left"]
    assert size < FLOOD / 8


def test_an_encoder_that_fails_before_the_head_is_answered_by_the_caller(server: Served) -> None:
    with Client(server.address) as client:
        client.get("/sse/broken-at-first", "connection: close")
        answer, _ = client.rest()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.endswith(b"\r\n\r\nenvelope: no such encoding")


def test_it_plays_without_a_connection() -> None:
    assert app.test_client().get("/sse/whole").data == ONE + TWO


def test_an_ending_without_a_connection_is_the_servers_to_handle() -> None:
    with pytest.raises(BrokenPipeError):
        app.test_client().get("/sse/reset")
