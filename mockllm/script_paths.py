"""Paths that no API has, where a script's rules name them: `when path is "/v1/moderations" raw '…'`."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from mockllm.apis import errors, other, replies
from mockllm.mock import Mock
from mockllm.serving import MOCK
from mockllm.transports.websocket import is_handshake
from mockllm.views import answered_by, versioned_path

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Other:
    """A path of the script's own, for `Mock.answer`."""

    decode = staticmethod(other.decode)
    reply = staticmethod(other.reply)
    error_reply = staticmethod(replies.error_reply)
    model_not_found = staticmethod(errors.model_not_found)


def add_routes(app: Flask) -> None:
    """Not a route that takes any path: beside one, no other route could refuse a method."""
    app.before_request(_answer)


def _answer() -> Response | None:
    mock: Mock | None = request.environ[MOCK]
    if mock is None or request.method not in METHODS or not isinstance(request.routing_exception, NotFound):
        return None
    if request.path.startswith("/-/") or is_handshake(request.environ):
        return None
    # A script may mean a path without `/v1`, too.
    paths = dict.fromkeys((versioned_path(), request.path))
    named = next((path for path in paths if mock.has_path(path)), None)
    return None if named is None else answered_by(Other(), named)
