"""A request of the journal, decoded once more: for whoever asks afterwards why it was answered as it was.

The journal keeps a body, where it came in, and its headers without their secrets. How long a socket had been open
is absent from the request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dsl import Script
from dsl.addressing import OTHER, UNSPOKEN, answering
from dsl.request import Headers, Message, Messages, Request
from dsl.socket_frames import spoken
from dsl.table import RuleTable
from dsl.trace import Trace
from mockllm.apis import chat_request, embeddings_request, other, responses_request
from mockllm.apis.responses_request import Past
from mockllm.apis.serialise import utf8
from mockllm.companion import socket_request
from mockllm.journal import HIDDEN, LARGEST_BODY

# The field of which an entry of the journal tells nothing.
UNKNOWN = "elapsed"

Json = Mapping[str, Any]


class NotKept(Exception):
    """There is no request that could be asked again. Its text is one line for whoever wants it."""


def request_of(entry: Json, *, past: Past | None = None, lenient: bool = False) -> Request:
    """The request of an entry as `GET /-/journal` shows it; `past` is what it may refer to.

    Raises:
        ApiError: the API refuses it.
        NotKept: it is no call that rules answer, or its body was too large to be kept.
    """
    path, body = str(entry.get("path")), entry.get("body")
    endpoint = entry.get("endpoint") or guessed_endpoint(path)
    if endpoint is None:
        raise NotKept(f"request {entry.get('id')} ({entry.get('method')} {path}) is no call that rules answer")
    kept = not isinstance(body, str) if endpoint == OTHER else isinstance(body, dict)
    if entry.get("endpoint") and not kept:
        raise NotKept(f"the body of request {entry.get('id')} had more than {LARGEST_BODY} bytes and was not kept")
    # A body that could not be read is kept as its text.
    read = isinstance(body, dict) or endpoint == OTHER
    value = body if read else chat_request.parse(utf8(body if isinstance(body, str) else ""))
    request = _decoded(value, endpoint, entry.get("transport"), path, past, lenient)
    if entry.get("transport"):
        request.transport = entry["transport"]
    request.session = str(entry.get("session") or "")
    request.header = Headers(entry.get("headers") or {})
    request.query = entry.get("query") or {}
    return request


def notes_on(found: Trace, request: Request) -> list[str]:
    """What a trace of a request of the journal cannot know."""
    notes = []
    if found.tests(UNKNOWN):
        notes.append(f"the journal does not keep `{UNKNOWN}`: conditions on it see nothing here")
    if found.tests("header") and HIDDEN in request.header.values():
        notes.append(f"the journal hides the secrets in headers: conditions on them see `{HIDDEN}`")
    return notes


def guessed_endpoint(path: str) -> str | None:
    """The endpoint of which this is the path over HTTP, or None."""
    if path.endswith("/chat/completions"):
        return "chat"
    if path.endswith("/embeddings"):
        return "embeddings"
    return "responses" if path.endswith("/responses") else None


def tables_of(script: Script, request: Request) -> Sequence[RuleTable]:
    """The rules that are asked, in order: those of the socket's block stand before the others."""
    path = request.path if request.path in script.sockets else request.path.removeprefix("/v1")
    socket = script.sockets.get(path) if request.transport == "websocket" else None
    if request.endpoint in UNSPOKEN:
        return [answering(script.table, request.endpoint)]
    if socket is None:
        return [script.table]
    return [socket.table] if request.endpoint == "socket" else [socket.table, script.table]


def _decoded(value: Any, endpoint: str, transport: Any, path: str, past: Past | None, lenient: bool) -> Request:
    framed = endpoint == "socket" or (endpoint == "responses" and transport == "websocket" and "type" in value)
    if framed:
        kind = value.get("type")
        event = kind if isinstance(kind, str) else ""
        request = socket_request(endpoint, path, {}, Headers())(event, value, 0.0)
        request.elapsed = None
        said = spoken(value)
        if said is not None:
            request.messages = Messages([Message("user", said, content=said)])
        return request
    if endpoint == "responses":
        asked = responses_request.from_value(value, past=past, path=path, lenient=lenient)
        return asked.request
    if endpoint == "embeddings":
        return embeddings_request.from_value(value, path=path, lenient=lenient)
    if endpoint == OTHER:
        return other.from_value(value, path=path)
    return chat_request.from_value(value, path=path, lenient=lenient)
