"""`/-/try` and `/-/explain`: what would answer a request, and why."""

from __future__ import annotations

from functools import partial

from flask import Flask, Response, jsonify, request

from dsl import ScriptError
from dsl.request import Request
from dsl.session_names import session_name
from dsl.trace import as_json, trace
from dsl.trace_text import as_text
from mockllm.apis import chat_request, responses_request
from mockllm.apis.errors import ApiError
from mockllm.control import bodies
from mockllm.control.asked import Asked, asked_of
from mockllm.control.errors import ControlError, bad_script
from mockllm.control.performance_json import performance_json
from mockllm.control.rehearsal import rehearse
from mockllm.control.store import ROOT, Store
from mockllm.journaled import tables_of
from mockllm.mock import Mock


def add_routes(app: Flask, store: Store) -> None:
    app.add_url_rule("/-/try", "try", partial(_try, store), methods=["POST"])
    app.add_url_rule("/-/explain", "explain_asked", partial(_explain, store), methods=["POST"])


def _try(store: Store) -> Response:
    members = bodies.body()
    mock = store.find(members.text_or("mock") or ROOT)
    asked, text = asked_of(members, mock), members.text_or("script")
    seed, move = members.text_or("seed"), members.flag("move")
    members.end()
    script = None
    if text is not None:
        try:
            script = store.compiled(bodies.as_script(text), mock.name)
        except ScriptError as error:
            raise bad_script(error.diagnostics, store.called(mock.name)) from None
    return jsonify(performance_json(rehearse(store.mocks, mock, script, asked, seed, move=move), asked))


def _explain(store: Store) -> Response:
    members = bodies.body()
    mock = store.find(members.text_or("mock") or ROOT)
    asked = asked_of(members, mock)
    members.end()
    try:
        found = _request(mock, asked)
    except ApiError as error:
        message = f"The request is refused before any rule is asked: {error.message}"
        raise ControlError(409, message, "not_explainable", error.param) from None
    explained = trace(tables_of(mock.script, found), found, mock.sessions.look(found.session))
    if request.accept_mimetypes.best_match(["application/json", "text/plain"]) == "text/plain":
        return Response(as_text(explained) + "\n", mimetype="text/plain")
    return jsonify(as_json(explained))


def _request(mock: Mock, asked: Asked) -> Request:
    """The request as rules see it.

    Raises:
        ApiError: the API refuses it.
    """
    path, headers, lenient = asked.path, asked.headers, mock.lenient
    if asked.endpoint == "responses":
        past = mock.archive.shelf(asked.owner)
        value = responses_request.from_value(
            dict(asked.body), past=past, path=path, headers=headers, lenient=lenient
        )
        found = value.request
    else:
        found = chat_request.from_value(dict(asked.body), path=path, headers=headers, lenient=lenient)
    found.transport = asked.transport
    found.session = mock.script.conversation(found) or session_name(headers)
    return found
