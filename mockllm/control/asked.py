"""A request that nobody has sent: what `/-/try` and `/-/explain` ask about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dsl.request import Headers
from dsl.session_names import SESSION_HEADER, session_name
from mockllm.control.bodies import Object
from mockllm.control.errors import bad_request
from mockllm.mock import Mock

HTTP_PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}
SOCKET_PATHS = {"chat": "/v1/chat", "responses": "/v1/responses"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to `chat` or `responses`, as `json`, `sse` or `websocket`."""

    endpoint: str
    transport: str
    body: Mapping[str, Any]
    headers: Headers

    @property
    def path(self) -> str:
        return (SOCKET_PATHS if self.transport == "websocket" else HTTP_PATHS)[self.endpoint]

    @property
    def method(self) -> str:
        return "WS" if self.transport == "websocket" else "POST"

    @property
    def owner(self) -> str:
        """Whose stored responses it may refer to."""
        return session_name(self.headers)

    @property
    def frame(self) -> dict[str, Any]:
        """The body as it is sent on a socket."""
        return {"type": "response.create", **self.body} if self.endpoint == "responses" else dict(self.body)

    @property
    def data(self) -> bytes:
        """The bytes that are sent."""
        sent = self.frame if self.transport == "websocket" else self.body
        return json.dumps(sent, ensure_ascii=False).encode("utf-8", "replace")


def asked_of(members: Object, mock: Mock) -> Asked:
    """The request that a body describes, for this mock: see `Asked` in the contract.

    Raises:
        ControlError: status 400; it describes none.
    """
    message, body = members.text_or("message"), members.object_or_none("body")
    if (message is None) == (body is None):
        raise bad_request("Give either a `message` or a whole `body`.", "message" if body is None else "body")
    endpoint = members.word_or_none("endpoint", tuple(HTTP_PATHS))
    transport = members.word_or_none("transport", ("json", "sse", "websocket"))
    if body is None:
        endpoint, model = endpoint or "chat", mock.models()[0]
        body = (
            {"model": model, "input": message}
            if endpoint == "responses"
            else {"model": model, "messages": [{"role": "user", "content": message}]}
        )
    elif endpoint is None:
        endpoint = "responses" if "input" in body and "messages" not in body else "chat"
    if transport is None:
        transport = "sse" if body.get("stream") is True else "json"
    elif transport == "sse":
        body = {**body, "stream": True}
    else:
        body = {key: value for key, value in body.items() if key != "stream"}
    return Asked(endpoint, transport, body, _headers(members))


def _headers(members: Object) -> Headers:
    given = members.object_or_none("headers") or {}
    for name, value in given.items():
        if not isinstance(value, str):
            raise bad_request(f"The header `{name}` is a text.", "headers")
    session = members.text_or("session")
    return Headers({**given, SESSION_HEADER: session} if session else given)
