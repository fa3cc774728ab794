"""A socket that is open while the script is replaced: what is its own goes on as it was."""

from __future__ import annotations

import json

from websockets.sync.client import ClientConnection, connect

from dsl import compile_text
from mockllm.mock_server import MockServer

OLD = """
let greeting = "Old."
socket "/v1/chat" {
    when user is "own" reply "{{ greeting }}"
    every 20ms push {greeting: "{{ greeting }}"}
}
otherwise reply "Old rule."
"""
NEW = """
socket "/v1/chat" { when user is "own" reply "New." }
otherwise reply "New rule."
"""


def said(socket: ClientConnection, text: str) -> str:
    """The text of the answer; what the socket says by itself meanwhile is checked."""
    socket.send(json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}))
    found = ""
    while True:
        frame = socket.recv(10)
        if frame == "[DONE]":
            return found
        value = json.loads(frame)
        if "greeting" in value:
            assert value["greeting"] == "Old."
        else:
            found += "".join(choice["delta"].get("content") or "" for choice in value["choices"])


def test_its_own_rules_and_timers_stay_and_those_of_the_script_are_new() -> None:
    with MockServer(OLD) as server:
        url = server.base_url.replace("http", "ws")
        with connect(f"{url}/chat") as old:
            assert said(old, "own") == "Old."
            mock = server._mocks.by_name[""]
            server._server.call(lambda: mock.replace(compile_text(NEW)))
            assert said(old, "own") == "Old."
            assert said(old, "other") == "New rule."
            with connect(f"{url}/chat") as new:
                assert said(new, "own") == "New."
            assert [entry["error"] for entry in server.journal() if entry["error"]] == []
