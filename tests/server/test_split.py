"""The writes of a body that is split: of a stream each is a chunk of HTTP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl.timeline import Split
from mockllm.transports.json import JsonPlayer
from mockllm.transports.split import Splitter
from tests.server.harness import Client, Served, eventually
from tests.server.stage import BODIES
from tests.server.test_json_player import outcome, told
from tests.server.test_sse_player import chunk


@pytest.mark.parametrize(
    ("scene", "chunks"),
    [
        ("split-every", [b"data", b": 1\n", b"\n", b"dat", b"a: 2", b"\n\n"]),
        ("split-at", [b"data: 1\n\n", b"da", b"ta: 2\n\n"]),
        ("split-crlf", [b"data: 1\r", b"\n\r", b"\na\r", b"\nb\r", b"\nc\r", b"\n"]),
        ("split-drip", [b"123", b"45", b"6", b"78"]),
    ],
)
def test_each_write_is_a_chunk(server: Served, scene: str, chunks: list[bytes]) -> None:
    with Client(server.address) as client:
        client.get(f"/sse/{scene}?take={scene}")
        client.until(b"\r\n\r\n")
        whole = b"".join(map(chunk, chunks)) + b"0\r\n\r\n"
        assert client.exactly(len(whole)) == whole
        assert client.silent()
    assert outcome(server, scene) == (sum(map(len, chunks)), ["complete"])
    assert told(server, scene)["frames"] == {"split-crlf": 3, "split-drip": 1}.get(scene, 2)


@pytest.mark.parametrize(
    ("scene", "data", "frames"),
    # The limit counts what leaves: CR LF is two bytes.
    [("split-crlf-cut", b"data: 1\r\n\r\n", 1), ("split-limit", b"data: 1\r\n", 0)],
)
def test_what_is_kept_back_leaves_before_the_ending(server: Served, scene: str, data: bytes, frames: int) -> None:
    with Client(server.address) as client:
        client.get(f"/sse/{scene}?take={scene}", version="1.0")
        answer, _ = client.rest()
    assert answer.partition(b"\r\n\r\n")[2] == data
    assert outcome(server, scene) == (len(data), ["cut"])
    assert told(server, scene)["frames"] == frames


def test_a_client_that_leaves_amid_the_writes_of_a_frame(server: Served) -> None:
    with Client(server.address) as client:
        client.get("/sse/split-for-ever?take=split-for-ever")
        client.until(b"\r\n\r\n1\r\n\0\r\n")
    size, outcomes = outcome(server, "split-for-ever")
    assert outcomes == ["left"]
    assert size < 1 << 24
    assert told(server, "split-for-ever")["frames"] == 0


@pytest.mark.parametrize(
    ("scene", "writes"), [("split", [b"12", b"34", b"5"]), ("crlf", [b"{\r", b"\n}\r", b"\n"])]
)
def test_a_body_in_one_piece(server: Served, scene: str, writes: list[bytes]) -> None:
    heads: list[list[tuple[str, str]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> object:
        heads.append(headers)
        return written.append

    list(JsonPlayer(BODIES[scene](), 0)({}, start_response))  # type: ignore[arg-type]
    assert written == writes
    assert ("content-length", str(len(b"".join(writes)))) in heads[0]
    with Client(server.address) as client:
        client.get(f"/json/{scene}")
        client.until(b"\r\n\r\n")
        assert client.exactly(len(b"".join(writes))) == b"".join(writes)
        assert client.silent()


@given(st.lists(st.binary(max_size=20)), st.integers(1, 30))
def test_every_so_many_bytes_of_the_whole_body(frames: list[bytes], every: int) -> None:
    splitter = Splitter(Split(every=every))
    position = 0
    for frame in frames:
        writes = list(splitter.writes(splitter.encode(frame)))
        assert b"".join(writes) == frame
        for write in writes[:-1]:
            position += len(write)
            assert position % every == 0
        position += len(writes[-1])
        assert all(0 < len(write) <= every for write in writes) or not frame
        assert not splitter.holds


@given(st.lists(st.binary(max_size=20)), st.integers(1, 100))
def test_one_cut(frames: list[bytes], at: int) -> None:
    splitter = Splitter(Split(at=at))
    ends = 0
    for frame in frames:
        writes = list(splitter.writes(splitter.encode(frame)))
        assert b"".join(writes) == frame
        assert len(writes) == 1 + (ends < at < ends + len(frame))
        if len(writes) == 2:
            assert ends + len(writes[0]) == at
        ends += len(frame)


@given(st.lists(st.text("a\r\n", max_size=8)))
def test_line_ends(texts: list[str]) -> None:
    splitter = Splitter(Split())
    writes: list[bytes] = []
    for text in texts:
        writes += splitter.writes(splitter.encode(text.encode()))
    if splitter.holds:
        writes += splitter.writes(b"")
    assert not splitter.holds
    body = "".join(texts).replace("\r\n", "\n").replace("\n", "\r\n").encode()
    assert b"".join(writes) == body
    assert not any(b"\r\n" in write for write in writes)
    assert len([write for write in writes if write.endswith(b"\r")]) >= body.count(b"\r\n")


def test_nothing_is_left_of_a_client_that_left_amid_the_writes(server: Served) -> None:
    def greenlets() -> int:
        return int(Client.body_of(server.address, "/greenlets"))

    before = greenlets()
    with Client(server.address) as client:
        client.get("/sse/split-for-ever")
        client.until(b"\r\n\r\n1\r\n")
    eventually(lambda: greenlets() <= before)
