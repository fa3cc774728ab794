from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mockllm.transports.websocket import LARGEST_MESSAGE
from mockllm.transports.websocket_frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from tests.server.harness import Client, Kind, Served, eventually, serve
from tests.server.websocket_client import ANSWER, HANDSHAKE, KEY, UPGRADE, Raw, close, fragments, frame, told
from tests.server.websocket_stage import TWO

MIB = 1 << 20
VERSION = "sec-websocket-version: 13"
NONCE = f"sec-websocket-key: {KEY}"
_LOGGED = re.compile(r"\[\d{4}-.*|an answer broke off, .*|malformed request: .*")


@pytest.fixture(scope="module")
def server(kind: Kind) -> Iterator[Served]:
    with serve(kind, "tests.server.websocket_stage:app") as served:
        yield served
        assert [line for line in served.stderr.splitlines() if not _LOGGED.fullmatch(line)] == []


@pytest.fixture
def echo(server: Served) -> Iterator[Raw]:
    with Raw(server, "/echo") as client:
        yield client


# -- the handshake --------------------------------------------------------------------------------------------


def test_the_handshake(server: Served) -> None:
    with Client(server.address) as client:
        client.get("/echo", *HANDSHAKE, "sec-websocket-extensions: permessage-deflate")
        assert client.until(b"\r\n\r\n").split(b"\r\n") == [
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + ANSWER,
            b"",
            b"",
        ]


def test_a_subprotocol(server: Served) -> None:
    with connect(f"ws{server.url[4:]}/echo", subprotocols=["realtime", "other"]) as client:  # type: ignore[list-item]
        assert client.subprotocol == "realtime"


@pytest.mark.parametrize(
    ("fields", "version", "status"),
    [
        ((*UPGRADE, VERSION), "1.1", b"400"),
        ((*UPGRADE, VERSION, "sec-websocket-key: c2hvcnQ="), "1.1", b"400"),
        ((*UPGRADE, VERSION, "sec-websocket-key: !"), "1.1", b"400"),
        ((*HANDSHAKE, "content-length: 1", "", "x"), "1.1", b"400"),
        ((*UPGRADE, VERSION, NONCE), "1.0", b"400"),
        ((*UPGRADE, NONCE), "1.1", b"426"),
        ((*UPGRADE, NONCE, "sec-websocket-version: 8"), "1.1", b"426"),
    ],
)
def test_a_bad_handshake_is_the_applications_to_answer(
    server: Served, fields: tuple[str, ...], version: str, status: bytes
) -> None:
    with Client(server.address) as client:
        client.get("/echo", *fields, version=version)
        head = client.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status)
        assert (b"Sec-WebSocket-Version: 13" in head) == (status == b"426")
        assert client.until(b": ") == b"refused: "


def test_a_refused_connection_goes_on_as_http(server: Served) -> None:
    with Client(server.address) as client:
        for path, status in ("/refuse", b"401 UNAUTHORIZED"), ("/nowhere", b"404 NOT FOUND"):
            client.get(path, *HANDSHAKE)
            head = client.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 %b\r\n" % status)
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert length
            client.exactly(int(length[1]))
        client.send(b"POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\nhi")
        assert client.until(b"\r\n\r\nhi").startswith(b"HTTP/1.1 200 OK\r\n")
        client.get("/echo", *HANDSHAKE)
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")


def test_a_client_that_leaves_amid_the_handshake(server: Served) -> None:
    with Client(server.address) as client:
        client.get("/echo?take=gone", *HANDSHAKE)
    assert told(server, "gone", "closed")["closed"] == [1006, ""]


# -- messages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 65537, 3 * 65536 + 3])
def test_messages_of_any_length_come_back(echo: Raw, size: int) -> None:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    echo.send(frame(BINARY, data))
    assert echo.frame() == (BINARY, data)
    text = "aä€😀".encode() * (size // 10)
    echo.text(text)
    assert echo.frame() == (TEXT, text)


def test_fragments_with_control_frames_between_them(echo: Raw) -> None:
    sun = "☀".encode()
    first, second, third, fourth = fragments(TEXT, sun[:1], b"", sun[1:2], sun[2:])
    echo.send(first + frame(PING, b"1") + second + frame(PONG) + third + frame(PING, b"2") + fourth)
    assert [echo.frame() for _ in range(3)] == [(PONG, b"1"), (PONG, b"2"), (TEXT, sun)]
    echo.send(b"".join(fragments(BINARY, b"\xff", b"\xfe")))
    assert echo.frame() == (BINARY, b"\xff\xfe")


def test_a_message_that_comes_byte_by_byte(echo: Raw) -> None:
    for byte in frame(TEXT, b"slow"):
        echo.send(bytes([byte]))
    assert echo.frame() == (TEXT, b"slow")


def test_a_ping_is_answered_and_a_pong_is_not(echo: Raw) -> None:
    echo.send(frame(PONG, b"unasked") + frame(PING, b"p" * 125))
    assert echo.frame() == (PONG, b"p" * 125)
    assert echo.silent()


def test_a_message_of_tens_of_mebibytes(server: Served) -> None:
    with connect(f"ws{server.url[4:]}/measure", max_size=None, compression=None) as client:
        client.send("ä" * (24 * MIB))
        assert client.recv() == str(24 * MIB)
        client.send(b"x" * LARGEST_MESSAGE)
        assert client.recv() == str(LARGEST_MESSAGE)


# -- what breaks the protocol ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"hi", reserved=4), 1002),
        (frame(TEXT, b"hi", reserved=1), 1002),
        (b"\x81\x02hi", 1002),
        (frame(3), 1002),
        (frame(11), 1002),
        (frame(PING, final=False), 1002),
        (frame(PING, b"p" * 126), 1002),
        (frame(CONTINUATION, b"of nothing"), 1002),
        (frame(TEXT, final=False) + frame(TEXT), 1002),
        (b"\x81\xfe\x00\x05" + bytes(9), 1002),
        (b"\x82\xff" + (1 << 63).to_bytes(8, "big") + bytes(4), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, "ä".encode()[:1]), 1007),
        (frame(TEXT, b"\xc3(", final=False), 1007),
        (frame(BINARY, b"few", length=LARGEST_MESSAGE + 1), 1009),
        (frame(BINARY, b"few", length=1 << 62), 1009),
        (frame(BINARY, b"x" * 9, final=False) + frame(CONTINUATION, b"y", length=LARGEST_MESSAGE), 1009),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, close(1000) + b"\xff"), 1007),
        *((frame(CLOSE, close(code)), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)),
    ],
)
def test_a_frame_that_breaks_the_protocol(echo: Raw, sent: bytes, code: int) -> None:
    echo.send(sent)
    assert echo.closed()[0] == code


def test_whoever_sends_too_much_is_told_although_it_goes_on_sending(server: Served) -> None:
    with connect(f"ws{server.url[4:]}/measure", max_size=None, compression=None) as client:
        with pytest.raises(ConnectionClosed) as closed:
            client.send(b"x" * (LARGEST_MESSAGE + 1))
            client.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1009, "a message may have 67108864 bytes")


def test_a_client_that_never_stops_is_cut_off_and_keeps_nobody_waiting(server: Served) -> None:
    with Raw(server, "/echo") as endless, Raw(server, "/echo") as other:
        endless.send(frame(TEXT, b"reserved", reserved=4))
        with pytest.raises(ConnectionError):
            while True:
                endless.send(bytes(MIB))
                other.text(b"hi")
                assert other.frame() == (TEXT, b"hi")


def test_memory_stays_bounded(server: Served) -> None:
    before = resident(server)
    clients = [Raw(server, "/echo") for _ in range(20)]
    for client in clients:
        client.send(frame(BINARY, b"few", length=LARGEST_MESSAGE))
    with Raw(server, "/echo") as fragmented:
        empty = frame(TEXT, final=False) + frame(CONTINUATION, final=False) * 100_000
        fragmented.send(empty + frame(CONTINUATION))
        assert fragmented.frame() == (TEXT, b"")
        assert resident(server) - before < 16 * MIB
    for client in clients:
        client.close()


def resident(server: Served) -> int:
    """The bytes of memory that the server and its workers hold."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    status = [Path(f"/proc/{pid}/status").read_text() for pid in (server.process.pid, *children)]
    return sum(int(size) << 10 for text in status for size in re.findall(r"VmRSS:\s+(\d+)", text))


# -- the end --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", close(1000), close(1001, "bye"), close(3000), close(4999, "ä" * 61)])
def test_a_close_is_echoed(server: Served, payload: bytes) -> None:
    with Raw(server, f"/echo?take=close-{payload.hex()}") as client:
        client.send(frame(TEXT, b"last") + frame(CLOSE, payload) + frame(TEXT, b"too late"))
        assert client.frame() == (TEXT, b"last")
        assert client.frame() == (CLOSE, payload)
        assert client.rest() == (b"", "FIN")
    code = int.from_bytes(payload[:2], "big") if payload else 1005
    assert told(server, f"close-{payload.hex()}", "closed")["closed"] == [code, payload[2:].decode()]


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("/close/1000", 1000, ""),
        ("/close/4000?reason=b%C3%A4h", 4000, "bäh"),
        ("/close/1011?reason=" + "%C3%A4" * 70, 1011, "ä" * 61),
        ("/return", 1000, ""),
        ("/fail", 1011, ""),
    ],
)
def test_the_application_closes(server: Served, path: str, code: int, reason: str) -> None:
    with Raw(server, path) as client:
        assert client.frame() == (CLOSE, close(code, reason))
        client.send(frame(TEXT, b"crossing") + frame(PING) + frame(CLOSE, close(code)))
        assert client.rest() == (b"", "FIN")
    with connect(f"ws{server.url[4:]}{path}") as polite, pytest.raises(ConnectionClosed) as closed:
        polite.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


def test_a_client_that_does_not_answer_a_close_is_not_waited_for(server: Served) -> None:
    with Raw(server, "/close/1000") as client:
        assert client.frame() == (CLOSE, close(1000))
        client.text(b"I never heard that")
        assert client.rest() == (b"", "FIN")


@pytest.mark.parametrize("sent", [b"", frame(TEXT, b"half a fra")[:-3], frame(TEXT, b"half", final=False)])
def test_a_half_closed_connection_is_over(server: Served, sent: bytes) -> None:
    take = f"half-{len(sent)}"
    with Raw(server, f"/echo?take={take}") as client:
        client.send(sent)
        client.half_close()
        assert client.rest() == (b"", "FIN")
    assert told(server, take, "closed")["closed"] == [1006, ""]


def test_an_abrupt_end(server: Served) -> None:
    with Raw(server, "/echo?take=abrupt") as client:
        client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert told(server, "abrupt", "closed")["closed"] == [1006, ""]


def test_a_client_that_does_not_read_is_left_alone(server: Served) -> None:
    with Raw(server, "/echo", receive_buffer=4096) as deaf:
        deaf._socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            while True:
                deaf.text(b"x" * MIB)
        with Raw(server, "/echo") as other:
            other.text(b"hi")
            assert other.frame() == (TEXT, b"hi")


@pytest.mark.parametrize(
    ("kind", "signum"),
    # On SIGINT gunicorn quits at once, and says goodbye to nobody.
    [("embedded", signal.SIGTERM), ("embedded", signal.SIGINT), ("gunicorn", signal.SIGTERM)],
)
def test_a_server_that_stops_closes_its_sockets(kind: Kind, signum: int) -> None:
    with serve(kind, "tests.server.websocket_stage:app") as server:
        paths = ["/echo", "/play/hang", "/play/whole"]
        if kind == "embedded":
            paths.append("/play/pause")  # gunicorn would wait for the end of that
        idle = [Raw(server, path) for path in paths]
        assert [client.frame() for client in idle[1:]] == [(TEXT, b"one")] * (len(paths) - 1)
        assert idle[2].frame() == (TEXT, TWO)
        idle[0].send(frame(TEXT, b"never finished", final=False))
        server.process.send_signal(signum)
        for client in idle:
            assert client.closed() == (1001, "")
            client.close()
        assert eventually(lambda: server.process.poll() is not None)
        assert server.process.returncode == 0
        assert "Traceback" not in server.stderr


def test_an_answer_comes_to_its_end_before_the_worker_closes_the_socket() -> None:
    with serve("gunicorn", "tests.server.websocket_stage:app") as server, Raw(server, "/play/second") as client:
        assert client.frame() == (TEXT, b"one")
        server.process.send_signal(signal.SIGTERM)
        assert client.frame() == (TEXT, TWO)
        assert client.closed() == (1001, "")


def test_the_access_log_has_the_upgrade(tmp_path: Path) -> None:
    log = tmp_path / "access"
    options = ("--access-logfile", str(log))
    with serve("gunicorn", "tests.server.websocket_stage:app", None, *options) as server:
        with Raw(server, "/echo") as client:
            client.send(frame(CLOSE))
            client.rest()
        assert server.stop() == 0
    assert '"GET /echo HTTP/1.1" 101' in log.read_text()
