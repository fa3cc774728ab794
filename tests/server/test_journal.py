from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from mockllm.mock_server import MockServer
from tests.server.harness import Client


def ask(server: MockServer, text: str, *, stream: bool) -> bytes:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}
    request = Request(f"{server.base_url}/chat/completions", json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    with urlopen(request) as answer:
        data: bytes = answer.read()
    return data


@pytest.mark.parametrize("stream", [False, True])
def test_who_has_the_whole_answer_finds_its_end_in_the_journal(stream: bool) -> None:
    with MockServer('otherwise reply "Hello there."') as server:
        for number in range(30):
            data = ask(server, "hi", stream=stream)
            entries = server.journal()
            assert len(entries) == number + 1
            assert entries[-1]["outcome"] == "complete"
            assert entries[-1]["sent"] == len(data)
            assert entries[-1]["events"] == (data.count(b"\n\n") if stream else 1)


def test_a_journal_can_be_read_before_and_after_the_server_has_run() -> None:
    server = MockServer('otherwise reply "Hello."')
    assert server.journal() == []
    with server:
        ask(server, "hi", stream=False)
    assert [entry["outcome"] for entry in server.journal()] == ["complete"]
    server.reset()
    assert server.journal() == []


def test_how_many_events_had_left_when_it_was_cut() -> None:
    with MockServer('otherwise { after 2 chunks cut  reply "one two three four" }') as server:
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()
        host, _, port = server.base_url.removeprefix("http://").removesuffix("/v1").rpartition(":")
        with Client((host, int(port))) as client:
            client.send(
                b"POST /v1/chat/completions HTTP/1.0\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%b" % (len(body), body)
            )
            data = client.rest()[0].partition(b"\r\n\r\n")[2]
        (entry,) = server.journal()
    assert entry["outcome"] == "cut"
    assert entry["events"] == data.count(b"\n\n") > 0
    assert entry["sent"] == len(data)
