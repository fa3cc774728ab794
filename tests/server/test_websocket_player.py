from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from mockllm.transports.websocket_frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from tests.server.harness import Kind, Served, serve
from tests.server.websocket_client import Raw, close, frame, told
from tests.server.websocket_stage import FLOOD, ONE, TWO

_LOGGED = re.compile(r"\[\d{4}-.*|an answer broke off, .*")


@pytest.fixture(scope="module")
def server(kind: Kind) -> Iterator[Served]:
    with serve(kind, "tests.server.websocket_stage:app") as served:
        yield served
        assert [line for line in served.stderr.splitlines() if not _LOGGED.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("scene", "frames"),
    [
        ("whole", [(TEXT, ONE), (TEXT, TWO)]),
        ("ping", [(TEXT, ONE), (PING, b"still there?"), (TEXT, TWO)]),
        ("limit-unreached", [(TEXT, ONE)]),
        ("rate", [(TEXT, ONE), (TEXT, TWO)]),
        ("binary", [(BINARY, ONE), (TEXT, TWO)]),
    ],
)
def test_after_a_complete_answer_the_socket_stays_open(
    server: Served, scene: str, frames: list[tuple[int, bytes]]
) -> None:
    with Raw(server, f"/play/{scene}?take=play-{scene}") as client:
        assert [client.frame() for _ in frames] == frames
        assert client.silent()
        said = told(server, f"play-{scene}", "outcomes")
    assert (said["outcomes"], said["closed"]) == (["complete"], None)
    messages = [data for opcode, data in frames if opcode != PING]
    assert (said["size"], said["frames"]) == (sum(map(len, messages)), len(messages))


def test_an_end_that_closes(server: Served) -> None:
    with Raw(server, "/play/whole?take=end&end=4001") as client:
        assert [client.frame() for _ in range(3)] == [
            (TEXT, ONE),
            (TEXT, TWO),
            (CLOSE, close(4001, "that was all")),
        ]
        client.send(frame(CLOSE, close(4001)))
        assert client.rest() == (b"", "FIN")
    assert told(server, "end", "outcomes")["outcomes"] == ["complete"]


@pytest.mark.parametrize(
    ("scene", "sent", "end", "outcome"),
    [
        ("cut", ONE, "FIN", "cut"),
        ("reset", ONE, "RST", "reset"),
        ("hang-briefly", ONE, "FIN", "hang"),
        ("limit-cut", ONE, "FIN", "cut"),
        ("limit-reset", ONE, "RST", "reset"),
        ("limit-nothing", ONE, "FIN", "cut"),
        ("interrupted", ONE, "FIN", "cut"),
    ],
)
def test_an_answer_that_breaks_off(server: Served, scene: str, sent: bytes, end: str, outcome: str) -> None:
    with Raw(server, f"/play/{scene}?take=break-{scene}") as client:
        assert client.frame() == (TEXT, sent)
        assert client.rest() == (b"", end)
    said = told(server, f"break-{scene}", "outcomes")
    assert (said["size"], said["frames"], said["outcomes"]) == (len(sent), 1, [outcome])


@pytest.mark.parametrize(
    ("code", "payload"),
    [
        (1005, b""),
        (1004, close(1004, "that was all")),
        (1015, close(1015, "that was all")),
        (999, None),
        (0, None),
    ],
)
def test_a_close_that_breaks_the_protocol_is_sent_as_it_is(
    server: Served, code: int, payload: bytes | None
) -> None:
    with Raw(server, f"/play/limit-unreached?take=close-{code}&end={code}") as client:
        assert client.frame() == (TEXT, ONE)
        assert client.frame() == (CLOSE, close(code, "that was all") if payload is None else payload)
        # The client has its answer, and has not closed yet.
        assert told(server, f"close-{code}", "outcomes")["outcomes"] == ["complete"]
        client.send(frame(CLOSE))
        assert client.rest() == (b"", "FIN")


def test_a_close_with_1006_is_none(server: Served) -> None:
    with Raw(server, "/play/limit-unreached?take=1006&end=1006") as client:
        assert client.frame() == (TEXT, ONE)
        assert client.rest() == (b"", "FIN")
    assert told(server, "1006", "outcomes")["outcomes"] == ["cut"]


def test_a_message_that_is_split_leaves_in_frames(server: Served) -> None:
    with Raw(server, "/play/binary?every=2&take=split") as client:
        assert client.exactly(8) == bytes([BINARY, 2]) + b"on" + bytes([0x80 | CONTINUATION, 1]) + b"e" + bytes(
            [TEXT]
        )
        assert client.exactly(3) == bytes([2]) + TWO[:2]
        assert client.exactly(4) == bytes([CONTINUATION, 2]) + TWO[2:4]
        assert client.exactly(3) == bytes([0x80 | CONTINUATION, 1]) + TWO[4:]
        assert client.silent()
    said = told(server, "split", "outcomes")
    assert (said["size"], said["frames"]) == (len(ONE + TWO), 2)


def test_no_message_comes_between_the_frames_of_another(server: Served) -> None:
    with connect(f"ws{server.url[4:]}/play/large?lanes=3&every=1000", max_size=None) as client:
        # The client is strict: it fails a connection on which a message begins amid another.
        assert [len(client.recv()) for _ in range(12)] == [1 << 20] * 12


@pytest.mark.parametrize("lanes", [1, 2])
def test_while_an_answer_hangs_the_socket_answers_nothing(server: Served, lanes: int) -> None:
    with Raw(server, f"/play/hang?take=silent-{lanes}&lanes={lanes}") as client:
        assert [client.frame() for _ in range(lanes)] == [(TEXT, ONE)] * lanes
        client.send(frame(PING, b"still there?"))
        assert client.silent()
        client.send(frame(CLOSE, close(1000)))
        assert client.silent()
        client.send(b"what is no frame at all")
        assert client.silent()
        assert told(server, f"silent-{lanes}", "frames")["outcomes"] == []
    assert told(server, f"silent-{lanes}", "outcomes")["outcomes"] == ["hang"] * lanes


def test_one_that_hangs_is_silent_when_its_client_breaks_the_protocol(server: Served) -> None:
    with Raw(server, "/play/hang?take=broken-frame") as client:
        assert client.frame() == (TEXT, ONE)
        client.send(b"what is no frame at all")
        assert client.silent()
    assert told(server, "broken-frame", "outcomes")["outcomes"] == ["hang"]


def test_an_answer_that_cannot_be_encoded(server: Served) -> None:
    with Raw(server, "/play/broken?take=broken") as client:
        assert client.frame() == (TEXT, ONE)
        assert client.closed() == (1011, "")
    assert told(server, "broken", "outcomes")["outcomes"] == ["failed"]


@pytest.mark.parametrize(("scene", "outcome"), [("pause", "left"), ("hang", "hang")])
@pytest.mark.parametrize("goodbye", [b"", frame(CLOSE, close(1000))])
def test_a_client_that_leaves_ends_the_answer(server: Served, scene: str, outcome: str, goodbye: bytes) -> None:
    take = f"{scene}-{len(goodbye)}"
    with Raw(server, f"/play/{scene}?take={take}") as client:
        assert client.frame() == (TEXT, ONE)
        assert client.silent()
        client.send(goodbye)
    assert told(server, take, "outcomes")["outcomes"] == [outcome]


def test_an_answer_that_is_cancelled_leaves_the_others_alone(server: Served) -> None:
    with Raw(server, "/play/second?lanes=2&take=lanes") as client:
        assert [client.frame() for _ in range(2)] == [(TEXT, ONE), (TEXT, ONE)]
        client.text(b"stop the first")
        assert client.frame() == (TEXT, TWO)
        assert client.silent()
    assert told(server, "lanes", "outcomes")["outcomes"] == ["cut", "complete"]


def test_the_frames_of_answers_that_play_at_once_stay_whole(server: Served) -> None:
    with Raw(server, "/play/large?lanes=3", receive_buffer=4096) as client:
        client.send(frame(PING, b"amid them"))
        frames = [client.frame() for _ in range(13)]
    assert frames.count((TEXT, b"x" * (1 << 20))) == 12
    assert frames.count((PONG, b"amid them")) == 1


def test_a_slow_reader_keeps_nobody_waiting_and_fills_no_memory(server: Served) -> None:
    with Raw(server, "/play/flood?take=flood", receive_buffer=4096) as slow:
        slow.frame()
        with Raw(server, "/play/whole") as other:
            assert other.frame() == (TEXT, ONE)
    said = told(server, "flood", "outcomes")
    assert said["outcomes"] == ["left"]
    assert said["size"] < FLOOD / 8
