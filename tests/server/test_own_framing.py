"""Scripts that write a body's length, its transfer coding or the fate of the connection themselves."""

from __future__ import annotations

import pytest

from tests.server.harness import Client, Served
from tests.server.stage import ONE, TEXT, TWO
from tests.server.test_json_player import outcome, without_date

JSON = b"content-type: application/json"
SSE = b"content-type: text/event-stream"
CLOSE = b"Connection: close"


@pytest.mark.parametrize(
    ("path", "head", "data"),
    [
        ("json/long", [JSON, b"content-length: 3", CLOSE], b"12345"),
        ("json/short", [JSON, b"Content-Length: 9", CLOSE], b"12345"),
        ("json/chunked", [JSON, b"transfer-encoding: chunked", CLOSE], b"no chunks"),
        ("json/two-lengths", [JSON, b"content-length: 3", b"Content-Length: 9", CLOSE], b"12345"),
        ("json/both", [JSON, b"content-length: 3", b"transfer-encoding: chunked", CLOSE], b"12345"),
        ("json/long-kept", [JSON, b"content-length: 3", b"Connection: keep-alive"], b"12345"),
        ("sse/long", [SSE, b"content-length: 3", CLOSE], ONE + TWO),
        ("sse/chunked", [SSE, b"transfer-encoding: chunked", CLOSE], ONE + TWO),
        ("json/closed", [JSON, b"connection: Close", b"content-length: 16"], TEXT),
        (
            "sse/closed",
            [SSE, b"connection: Close", b"Transfer-Encoding: chunked"],
            b"9\r\n" + ONE + b"\r\n0\r\n\r\n",
        ),
    ],
)
@pytest.mark.parametrize("asked", ["keep-alive", "close"])
def test_the_bytes_are_the_scripts_and_the_connection_ends(
    server: Served, path: str, head: list[bytes], data: bytes, asked: str
) -> None:
    take = f"{path}-{asked}".replace("/", "-")
    with Client(server.address) as client:
        client.get(f"/{path}?take={take}", f"connection: {asked}")
        answer, end = client.rest()
    sent, _, body = answer.partition(b"\r\n\r\n")
    assert without_date(sent) == [b"HTTP/1.1 200 OK", *head]
    assert (body, end) == (data, "FIN")
    assert outcome(server, take)[1] == ["complete"]


@pytest.mark.parametrize(
    ("path", "status"), [("no-content", "204 No Content"), ("not-modified", "304 Not Modified")]
)
def test_a_length_where_there_is_no_body(server: Served, path: str, status: str) -> None:
    with Client(server.address) as client:
        client.get(f"/json/{path}-long")
        answer, end = client.rest()
    head, _, data = answer.partition(b"\r\n\r\n")
    assert without_date(head) == [b"HTTP/1.1 " + status.encode(), JSON, b"content-length: 3", CLOSE]
    assert (data, end) == (b"", "FIN")


@pytest.mark.parametrize(
    ("path", "framing", "data"),
    [
        ("json/kept", b"content-length: 16", TEXT),
        ("sse/kept", b"Transfer-Encoding: chunked", b"9\r\n" + ONE + b"\r\n0\r\n\r\n"),
    ],
)
def test_keep_alive_is_sent_as_it_is_written_and_kept(
    server: Served, path: str, framing: bytes, data: bytes
) -> None:
    with Client(server.address) as client:
        for _ in range(2):
            client.get(f"/{path}")
            head = without_date(client.until(b"\r\n\r\n"))
            assert head[2:] == [b"Connection: keep-alive", framing]
            assert client.exactly(len(data)) == data
        assert client.silent()


@pytest.mark.parametrize("path", ["json/long", "sse/long", "sse/chunked"])
def test_to_a_client_of_http_1_0(server: Served, path: str) -> None:
    with Client(server.address) as client:
        client.get(f"/{path}", "connection: keep-alive", version="1.0")
        answer, end = client.rest()
    head, _, data = answer.partition(b"\r\n\r\n")
    assert without_date(head)[2:] == [
        b"transfer-encoding: chunked" if path == "sse/chunked" else b"content-length: 3",
        CLOSE,
    ]
    assert (data, end) == (b"12345" if path == "json/long" else ONE + TWO, "FIN")
