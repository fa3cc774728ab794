"""The application that answers the control API, and serves the console."""

from __future__ import annotations

import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from mockllm import console, explain_views
from mockllm.access import Access
from mockllm.apis.errors import ApiError
from mockllm.control import (
    asking_views,
    catalogue,
    contract,
    journal_views,
    login,
    mock_views,
    script_views,
    server_views,
    session_views,
)
from mockllm.control.access import protect
from mockllm.control.errors import ControlError
from mockllm.control.store import Store
from mockllm.metrics import Metrics
from mockllm.serving import Mocks
from mockllm.transports.websocket import is_handshake

# The largest request body, in bytes. A body holds a script, and hardly more.
LARGEST_BODY = 16 * 1024 * 1024

_log = logging.getLogger(__name__)


def create(mocks: Mocks, access: Access, metrics: Metrics) -> Flask:
    """The application that drives the server of `mocks` for those whom `access` permits it."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]
    protect(app, access)
    store = Store(mocks)
    mock_views.add_routes(app, store)
    script_views.add_routes(app, store)
    asking_views.add_routes(app, store)
    explain_views.add_routes(app, mocks)
    journal_views.add_routes(app, mocks.journal)
    session_views.add_routes(app, store)
    server_views.add_routes(app, mocks, access, metrics)
    catalogue.add_routes(app)
    contract.add_routes(app)
    login.add_routes(app, access)
    console.add(app)
    app.register_error_handler(ApiError, _error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _our_error)
    return app


def _error(error: ApiError) -> Response:
    return Response(error.body, error.status, error.headers, content_type=error.content_type)


def _http_error(error: HTTPException) -> Response:
    if is_handshake(request.environ):
        message = f"{request.path} is no WebSocket: the control API is asked over HTTP."
        return _error(ControlError(400, message, "no_websocket"))
    match error.code:
        case 404:
            return _error(ControlError(404, f"There is nothing at {request.path}: see /-/docs.", "not_found"))
        case 405:
            allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
            message = f"{request.path} takes {allowed}, and no {request.method}."
            return _error(ControlError(405, message, "method_not_allowed", headers=(("allow", allowed),)))
        case 413:
            message = f"A body has {LARGEST_BODY // 1024 // 1024} MiB at most."
            return _error(ControlError(413, message, "too_large"))
    return _error(ControlError(error.code or 500, error.description or error.name, "bad_request"))


def _our_error(error: Exception) -> Response:
    """A mistake of ours: the client gets a sentence, the log gets the traceback."""
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _error(ControlError(500, f"mockllm failed: {type(error).__name__}: {error}", "failed"))
