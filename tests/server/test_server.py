from __future__ import annotations

import signal
import socket
import threading

import pytest

from mockllm.server import ServeError, Server
from tests.server.harness import Client, Kind, Served, serve
from tests.server.stage import TEXT, app


@pytest.mark.parametrize(
    "request_",
    [
        b"NONSENSE\r\n\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /unread HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /unread HTTP/1.1\r\ncontent-length: 1_0\r\n\r\n",
        b"POST /unread HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /unread HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /unread HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
        b"POST /unread HTTP/1.1\r\ncontent-length : 1\r\n\r\n",
        b"GET /nodelay HTTP/1.1\r\n: no name\r\n\r\n",
        b"GET /nodelay HTTP/1.1\r\n continued\r\n\r\n",
        b"GET /nodelay HTTP/1.1\r\nno colon\r\ncontent-length: 1\r\n\r\n",
        b"GET /nodelay HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n",
        b"GET /nodelay HTTP/1.1\r\na: " + b"b" * 70_000 + b"\r\n\r\n",
    ],
)
def test_malformed_requests_get_400(server: Served, request_: bytes) -> None:
    with Client(server.address) as client:
        client.send(request_)
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET",
        b"GET / HTTP/1.1\r\nhost: te",
        b"POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\nabc",
        b"POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
    ],
)
def test_a_request_that_stops_short_is_no_error(server: Served, request_: bytes) -> None:
    with Client(server.address) as client:
        client.send(request_)
    with Client(server.address) as client:
        client.get("/json/whole")
        assert client.some()


@pytest.mark.parametrize(
    "body",
    [
        b"content-length: 28\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n1c\r\nGET /smuggled HTTP/1.1\r\n\r\n\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_body_that_nobody_reads_is_not_the_next_request(server: Served, body: bytes) -> None:
    with Client(server.address) as client:
        client.send(b"POST /unread HTTP/1.1\r\nhost: test\r\n" + body)
        client.get("/nodelay", "connection: close")
        answers, _ = client.rest()
    assert answers.count(b"HTTP/1.1 200 OK") == answers.count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize("body", [b"\r\n", b"zz\r\n", b"1\r\nabc\r\n"])
@pytest.mark.parametrize("path", ["unread", "echo"])
def test_after_a_malformed_body_the_connection_ends(server: Served, path: str, body: bytes) -> None:
    with Client(server.address) as client:
        client.send(b"POST /%b HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n" % path.encode())
        client.send(body + b"GET /smuggled HTTP/1.1\r\n\r\n")
        answers, _ = client.rest()
    assert answers.count(b"HTTP/1.1 ") == 1
    if path == "echo":
        assert answers.startswith(b"HTTP/1.1 400 ")


def test_a_multipart_body_is_not_malformed(server: Served) -> None:
    with Client(server.address) as client:
        client.send(
            b"POST /echo HTTP/1.1\r\nhost: test\r\nconnection: close\r\n"
            b"content-type: multipart/form-data; boundary=x\r\ncontent-length: 3\r\n\r\nabc"
        )
        assert client.rest()[0].endswith(b"\r\n\r\nabc")


def test_an_upgrade_gets_an_ordinary_answer(server: Served) -> None:
    with Client(server.address) as client:
        for _ in range(2):
            client.get(
                "/json/whole",
                "connection: Upgrade",
                "upgrade: websocket",
                "sec-websocket-version: 13",
                "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            )
            # Flask's own word on a WebSocket at a path that has none.
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 400 BAD REQUEST\r\n")
            client.until(b"</p>\n")


def test_a_pipelined_request_waits_for_its_turn(server: Served) -> None:
    with Client(server.address) as client:
        client.send(b"GET /sse/whole HTTP/1.1\r\nhost: test\r\n\r\n" * 2)
        client.get("/json/late", "connection: close")
        answers, _ = client.rest()
    assert answers.count(b"\r\n0\r\n\r\n") == 2
    assert answers.endswith(b"\r\n\r\n" + TEXT)


def test_an_empty_line_before_a_request_is_ignored(server: Served) -> None:
    with Client(server.address) as client:
        client.send(b"\r\nGET /json/whole HTTP/1.1\r\nhost: test\r\n\r\n\r\n")
        client.get("/json/whole", "connection: close")
        assert client.rest()[0].count(b"HTTP/1.1 200 OK") == 2


def test_the_host_of_an_absolute_target_counts(server: Served) -> None:
    with Client(server.address) as client:
        client.send(b"GET http://there:81/host HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
        assert client.rest()[0].endswith(b"\r\n\r\nthere:81")


def test_small_writes_are_not_held_back(server: Served) -> None:
    with Client(server.address) as client:
        client.get("/nodelay", "connection: close")
        assert client.rest()[0].endswith(b"\r\n\r\n1")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_whatever_its_connections_do(kind: Kind, signum: int) -> None:
    # On SIGTERM gunicorn lets answers come to their end, but it waits neither for idle nor for hanging clients.
    scenes = ["/json/hang", "/sse/hang"] if kind == "gunicorn" else ["/json/hang", "/sse/hang", "/sse/pause"]
    with serve(kind, "tests.server.stage:app") as server:
        with Client(server.address) as silent, Client(server.address) as idle:
            idle.get("/json/whole")
            idle.some()
            playing = [Client(server.address) for _ in scenes]
            for client, scene in zip(playing, scenes, strict=True):
                client.get(scene)
            for client in playing[1:]:
                client.until(b"data: 1\n\n\r\n")
            assert server.stop(signum) == 0
            assert silent.rest() == idle.rest() == (b"", "FIN")
            for client in playing:
                assert client.rest() == (b"", "FIN")
                client.close()
        assert "Traceback" not in server.stderr
        if kind == "embedded":
            assert server.stderr == ""


def test_a_port_in_use() -> None:
    first = Server(app)
    try:
        with pytest.raises(ServeError, match=rf"^port {first.port} on 127\.0\.0\.1 is already in use$"):
            Server(app, port=first.port)
    finally:
        first.stop()


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("192.0.2.1", 0, "192.0.2.1 is not an address of this machine"),
        ("not a host", 0, "there is no host 'not a host'"),
        ("." * 70, 0, f"there is no host '{'.' * 70}'"),
        ("127.0.0.1", 65536, "65536 is not a port: they end at 65535"),
    ],
)
def test_an_address_to_which_nothing_can_listen(host: str, port: int, message: str) -> None:
    with pytest.raises(ServeError) as error:
        Server(app, host, port)
    assert str(error.value) == message


# What there is on this machine: not each has IPv6.
HOSTS = [("127.0.0.1", socket.AF_INET), *([("::1", socket.AF_INET6)] if socket.has_ipv6 else [])]


@pytest.mark.parametrize(("host", "family"), HOSTS)
def test_it_serves_in_a_thread_until_it_is_shut_down(host: str, family: int) -> None:
    server = Server(app, host)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert server.url == f"http://{'[::1]' if family == socket.AF_INET6 else host}:{server.port}"
        with socket.create_connection((host, server.port)) as client:
            client.sendall(b"GET /nodelay HTTP/1.0\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"\r\n\r\n1")
    finally:
        server.shutdown()
        thread.join()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, server.port))


def test_a_shutdown_that_comes_first_is_not_lost() -> None:
    server = Server(app)
    server.shutdown()
    server.serve_forever()
