"""The Flask application: thin views that join a mock, an API and a transport."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from flask import Flask, Response, g, redirect, request
from werkzeug.exceptions import HTTPException

from dsl import tokens
from dsl.session_names import session_name
from mockllm import (
    __version__,
    chat_socket,
    console,
    control,
    conversations_views,
    responses_socket,
    responses_views,
    script_paths,
    script_socket,
)
from mockllm.access import Access
from mockllm.apis import errors, models
from mockllm.apis.endpoints import Chat, Embeddings
from mockllm.apis.errors import ApiError
from mockllm.application import LARGEST_BODY, exact_paths, in_front
from mockllm.exact_paths import FAILURE, ExactPaths
from mockllm.journal import Recorder
from mockllm.mock import Mock
from mockllm.responses_api import Responses
from mockllm.serving import MOCK, Mocks
from mockllm.transports.clock import monotonic, request_began
from mockllm.transports.websocket import SOCKET
from mockllm.views import Played, answered_by, current_mock, request_headers, unknown_url

_log = logging.getLogger(__name__)


class App(Flask):
    """Flask, with what our own server asks before it asks the application."""

    front: Any = None
    exact: ExactPaths | None = None

    @property
    def exact_paths(self) -> ExactPaths | None:
        """The exact paths, unless somebody has put something else in front of the application."""
        return self.exact if self.wsgi_app is self.front else None


def create_app(mocks: Mocks, access: Access | None = None) -> App:
    """The application that serves `mocks`. It needs no server of its own kind, and no monkey patching.

    `access` says who may drive it; without it that is whoever is on this machine.
    """
    access = access or Access()
    app = create_views(mocks, access)
    app.wsgi_app = app.front = in_front(app.wsgi_app, mocks)  # type: ignore[method-assign, assignment]
    app.exact = exact_paths(mocks, access)
    return app


def create_views(mocks: Mocks, access: Access) -> App:
    """The application without what stands in front of it (`in_front`)."""
    tokens.count("")  # loads the vocabulary, if there is one, before a client has to wait for it
    app = App(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.strict_slashes = False
    for prefix in ("", "/v1"):
        app.add_url_rule(f"{prefix}/chat/completions", f"chat{prefix}", _chat, methods=["POST"])
        chat_socket.add_routes(app, prefix)
        app.add_url_rule(f"{prefix}/responses", f"responses{prefix}", _responses, methods=["POST"])
        responses_socket.add_routes(app, prefix)
        responses_views.add_routes(app, prefix)
        conversations_views.add_routes(app, prefix)
        app.add_url_rule(f"{prefix}/embeddings", f"embeddings{prefix}", _embeddings, methods=["POST"])
        app.add_url_rule(f"{prefix}/models", f"models{prefix}", _models, methods=["GET"])
        app.add_url_rule(f"{prefix}/models/<path:model>", f"model{prefix}", _model, methods=["GET"])
    app.add_url_rule("/", "index", lambda: redirect("/-/") if console.wanted() else _index(mocks))
    control.add(app, mocks, access)
    script_socket.add_routes(app)
    script_paths.add_routes(app)
    app.before_request(_fail)
    app.after_request(partial(_record, mocks))
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _our_error)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    return app


# -- the API ----------------------------------------------------------------------------------------------------


def _chat() -> Response:
    return answered_by(Chat())


def _responses() -> Response:
    shelf = current_mock().archive.shelf(session_name(request_headers()))
    return answered_by(Responses(shelf, request_began(request.environ)))


def _embeddings() -> Response:
    return answered_by(Embeddings())


def _models() -> dict[str, Any]:
    mock = current_mock()
    return models.model_list(mock.models(), _created(mock))


def _model(model: str) -> dict[str, Any]:
    mock = current_mock()
    if not mock.has_model(model):
        raise models.model_not_found(model)
    return models.model_object(model, _created(mock))


def _created(mock: Mock) -> int:
    return int(mock.now().timestamp())


# -- about the server -------------------------------------------------------------------------------------------


def _index(mocks: Mocks) -> Response:
    """For a person who opens the server's address."""
    paths = ["/v1"] if mocks.root else [f"/{mock.name}/v1" for mock in mocks.by_name.values()]
    lines = [f"mockllm {__version__}", "", *(f"base URL  {request.host_url.rstrip('/')}{path}" for path in paths)]
    lines += [
        "console   /-/",
        "control   /-/docs",
        "journal   /-/journal",
        "reset     POST /-/reset",
        "health    /-/healthy",
        "",
    ]
    return Response("\n".join(lines), mimetype="text/plain")


def _record(mocks: Mocks, response: Response) -> Response:
    """Put a call of the API that no rule has answered into the journal: a wrong URL above all."""
    upgraded = request.environ.get(SOCKET)
    recorded = isinstance(response, Played) or (upgraded is not None and upgraded.accepted)
    if not recorded and request.path != "/" and not request.path.startswith("/-/"):
        mock: Mock | None = request.environ[MOCK]
        entry = mocks.journal.begin(mock.name if mock else "", request.method, request.path)
        entry.status, entry.error = response.status_code, g.get("error")
        Recorder(entry).ended(monotonic() - request_began(request.environ), "complete")
    return response


def _fail() -> None:
    """Let what went wrong on an exact path be told as if it had here."""
    failure: Exception | None = request.environ.get(FAILURE)
    if failure is not None:
        raise failure


# -- errors -----------------------------------------------------------------------------------------------------


def _api_error(error: ApiError) -> Response:
    g.error = error.message
    return Response(error.body, error.status, error.headers, content_type=error.content_type)


def _http_error(error: HTTPException) -> Response:
    if error.code == 404:
        return _api_error(unknown_url())
    if error.code == 405:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return _api_error(errors.method_not_allowed(request.method, request.path, allowed))
    if error.code == 413:
        return _api_error(errors.request_too_large())
    return _api_error(ApiError(error.code or 500, error.description or error.name))


def _our_error(error: Exception) -> Response:
    """A mistake of ours: the client gets the API's envelope, the log gets the traceback."""
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _api_error(ApiError(500, f"mockllm failed: {type(error).__name__}: {error}", "server_error"))
