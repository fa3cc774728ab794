"""The endpoints beside `POST /v1/responses` that read, cancel and delete stored responses, and the two that
count and compact an input without answering it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask, Response, request

from dsl import tokens
from dsl.session_names import session_name
from dsl.timeline import ByteLimit, ByteRate, Close, Comment, Cut, End, Event, Fail, Raw, Reset
from mockllm.apis import identifiers
from mockllm.apis.chat_request import parse
from mockllm.apis.errors import ApiError
from mockllm.apis.headers import response_headers
from mockllm.apis.responses_object import body
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_request import Asked, from_value
from mockllm.apis.responses_stream import failed, parts
from mockllm.apis.serialise import escaped, indented
from mockllm.apis.usage import response_usage
from mockllm.apis.validation import Integer, Text, invalid_value
from mockllm.archive import Shelf, Stored, with_identifiers
from mockllm.transports.clock import monotonic, request_began
from mockllm.transports.frames import Frame, Part, Stream
from mockllm.views import current_mock, played, request_headers

Json = dict[str, Any]


def add_routes(app: Flask, prefix: str) -> None:
    def route(path: str, view: Any, *methods: str) -> None:
        app.add_url_rule(f"{prefix}{path}", f"{view.__name__}{prefix}", view, methods=methods)

    route("/responses/input_tokens", _input_tokens, "POST")
    route("/responses/compact", _compact, "POST")
    route("/responses/<name>", _retrieve, "GET")
    route("/responses/<name>", _delete, "DELETE")
    route("/responses/<name>/cancel", _cancel, "POST")
    route("/responses/<name>/input_items", _input_items, "GET")


def own_shelf() -> Shelf:
    """What belongs to the sender of the request."""
    return current_mock().archive.shelf(session_name(request_headers()))


def answered(value: Json) -> Response:
    """A JSON value as the answer."""
    return _body(escaped(indented(value, "\n")))


def listed(items: list[Json], default_order: str = "desc") -> Response:
    """One page of items, oldest first in `items`: the one that the query asks for.

    Raises:
        ApiError: status 400; the query makes no sense.
    """
    limit = _number("limit", 20)
    Integer(1, 100).check(limit, "limit")
    order = request.args.get("order", default_order)
    if order not in ("asc", "desc"):
        raise invalid_value("order", order, ("asc", "desc"))
    found = items if order == "asc" else items[::-1]
    after = request.args.get("after")
    if after:
        places = [place for place, item in enumerate(found) if item["id"] == after]
        found = found[places[0] + 1 :] if places else []
    page = found[:limit]
    return answered(
        {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": len(found) > limit,
        }
    )


def request_value() -> Json:
    """The JSON object that the request sends; empty if it sends nothing."""
    data = request.get_data(cache=False)
    value = parse(data) if data else {}
    if not isinstance(value, dict):
        raise ApiError(400, "Invalid type for request body: expected an object.", code="invalid_type")
    return value


# -- stored responses ------------------------------------------------------------------------------------------


def _retrieve(name: str) -> Response:
    stored = own_shelf().find_response(name)
    if request.args.get("stream") == "true":
        return _replay(stored, _number("starting_after", -1))
    return _response(stored)


def _delete(name: str) -> Response:
    own_shelf().delete_response(name)
    return answered({"id": name, "object": "response", "deleted": True})


def _cancel(name: str) -> Response:
    """A response that has ended is left as it is, and cancelling twice is cancelling once."""
    stored = own_shelf().find_response(name)
    if not stored.background:
        raise ApiError(400, "Cannot cancel a synchronous response.")
    if stored.status(monotonic()) in ("queued", "in_progress"):
        stored.cancellation.cancel()
    return _response(stored)


def _input_items(name: str) -> Response:
    return listed(own_shelf().find_response(name).input_items())


def _response(stored: Stored) -> Response:
    output, status = stored.output, stored.status(monotonic())
    ending = output.answer.timeline.ending
    more: Json = {}
    if status == "failed" and isinstance(ending, Fail):
        error = failed(ending)
        more = {
            "error": {"code": error.code, "message": error.message},
            "output": [item.value() for item in output.items if item is not output.last],
        }
    return _body(body(output, status, more))


def _replay(stored: Stored, after: int) -> Response:
    """The events of a response behind the one of the number `after`; those to come when they are due."""
    output = _only_events(stored.output)
    if request.args.get("include_obfuscation") == "false":
        options = {"stream_options": {"include_obfuscation": False}}
        asked = replace(output.answer.request, body=output.answer.body | options)
        output = output.with_answer(replace(output.answer, request=asked))
    began = request_began(request.environ)
    passed = began - stored.began
    found: list[Part] = []
    for number, part in enumerate(parts(output)):
        if not isinstance(part, Frame):
            found.append(End(part.at - passed))
        elif number > after:
            found.append(Frame(part.at - passed, part.data))
    headers = response_headers("text/event-stream; charset=utf-8", output.answer.random, 0.0)
    return played(Stream(200, headers, iter(found), cancellation=stored.cancellation), began)


def _only_events(output: Output) -> Output:
    """The output without what a script did to the connection that it was first sent on: it cut that, and not the
    response, which went on to its end."""
    timeline = output.answer.timeline
    other = (Raw, Comment, ByteRate, ByteLimit)
    events = tuple(Event(each.at) if isinstance(each, other) else each for each in timeline.events)
    ending = timeline.ending
    if isinstance(ending, Cut | Reset | Close):
        ending = End(ending.at)
    return output.with_answer(replace(output.answer, timeline=replace(timeline, events=events, ending=ending)))


# -- inputs without an answer ----------------------------------------------------------------------------------


def _input_tokens() -> Response:
    value = _without_nulls(request_value())
    # The one parameter that is not one of `POST /responses`, too.
    Text().check(value.pop("personality", ""), "personality")
    asked = _asked({"model": current_mock().models()[0], "input": []} | value)
    return answered({"object": "response.input_tokens", "input_tokens": asked.request.messages.tokens})


def _compact() -> Response:
    asked = _asked({"input": []} | _without_nulls(request_value()))
    mock = current_mock()
    random = mock.random(session_name(request_headers()))
    created, stem = int(mock.now().timestamp()), identifiers.stem(random)
    kept = tuple(item for item in asked.items if item["type"] == "message" and item["role"] == "user")
    secret = "gAAAAAB" + identifiers.alphanumerics(random, 93)
    name = identifiers.stored("resp", stem, created, random)
    compaction = {
        "id": identifiers.stored("cmp", stem, created, random),
        "type": "compaction",
        "encrypted_content": secret,
    }
    return answered(
        {
            "id": name,
            "object": "response.compaction",
            "created_at": created,
            "output": [*with_identifiers(kept, stem, created, random), compaction],
            "usage": response_usage(asked.request.messages.tokens, tokens.count(secret)),
        }
    )


def _without_nulls(value: Json) -> Json:
    """What is null is absent here: the SDKs type more of it as nullable than where a response is created."""
    return {name: each for name, each in value.items() if each is not None}


def _asked(value: Json) -> Asked:
    return from_value(value, past=own_shelf(), lenient=current_mock().lenient)


# -- HTTP ------------------------------------------------------------------------------------------------------


def _body(data: bytes) -> Response:
    random = current_mock().random(session_name(request_headers()))
    return Response(data, headers=list(response_headers("application/json", random, 0.0)))


def _number(name: str, default: int) -> int:
    given = request.args.get(name, "")
    if not given:
        return default
    try:
        return int(given)
    except ValueError:
        message = f"Invalid type for '{name}': expected an integer, but got a string instead."
        raise ApiError(400, message, param=name, code="invalid_type") from None
