"""Which rule a miss names, where there is more than one table of them."""

from __future__ import annotations

import json

from dsl import compile_text
from dsl.request import Headers
from mockllm.apis.endpoints import Chat, Embeddings
from mockllm.apis.serialise import compact
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.settings import Settings
from mockllm.transports.frames import Body

SCRIPT = """
rule other when user contains "something else" reply "?"
socket "/v1/chat" {
    rule near when user contains "weather in Paris" reply "Sunny."
}
defaults { header "x-length" "{{ body.dimensions + 1 }}" }
"""


def test_the_nearest_rule_may_be_the_socket_s() -> None:
    script = compile_text(SCRIPT)
    mock = Mock("", script, Settings(seed=7), Journal(10))
    body = compact({"model": "m", "messages": [{"role": "user", "content": "the weather in Rome"}]}).encode()
    reply, entry = mock.answer(Chat(), "WS", "/v1/chat", {}, Headers(), body, socket=script.sockets["/v1/chat"])
    assert reply.status == 404
    assert entry.error is not None and "The nearest is `near`" in entry.error


def test_defaults_that_fail_are_told_where_no_rule_answers() -> None:
    mock = Mock("", compile_text(SCRIPT), Settings(seed=7), Journal(10))
    body = compact({"model": "m", "input": "a"}).encode()
    reply, _ = mock.answer(Embeddings(), "POST", "/v1/embeddings", {}, Headers(), body)
    assert isinstance(reply, Body)
    assert (reply.status, json.loads(reply.data)["error"]["code"]) == (500, "script_error")
