"""The shortest way to an answer: the paths that a load test asks thousands of times a second, in front of Flask.

To find and call a view takes Flask longer than the view takes to answer. So a POST to one of these paths, written
exactly so, with a body of a known length and without a query, is answered here. Everything else, and all that goes
wrong here, is left to Flask. What is asked of the mock, what is answered and what the journal says is the same,
and a switch (`--no-exact-paths`) lets Flask do it all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dsl.request import Headers
from dsl.session_names import session_name
from mockllm.apis.endpoints import Chat
from mockllm.journal import Recorder
from mockllm.mock import Api, Mock
from mockllm.responses_api import Responses
from mockllm.serving import MOCK
from mockllm.transports.clock import request_began
from mockllm.transports.players import player_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# What went wrong here, for Flask to tell the client.
FAILURE = "mockllm.failure"

_CHAT = Chat()


def _chat(mock: Mock, headers: Headers, began: float) -> Api:
    return _CHAT


def _responses(mock: Mock, headers: Headers, began: float) -> Api:
    return Responses(mock.archive.shelf(session_name(headers)), began)


_APIS = {
    f"{prefix}/{name}": (f"/v1/{name}", api)
    for prefix in ("", "/v1")
    for name, api in (("chat/completions", _chat), ("responses", _responses))
}

# The names of header fields by what WSGI calls them; empty for all else that is in an environ.
_NAMES: dict[str, str] = {}
_MOST_NAMES = 1000


class ExactPaths:
    """A WSGI application in front of another; `largest` is the largest body that it takes, in bytes."""

    def __init__(self, app: WSGIApplication, largest: int) -> None:
        self._app = app
        self._largest = largest

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = _APIS.get(environ["PATH_INFO"])
        mock: Mock | None = environ[MOCK]
        if found is None or mock is None or not self._takes(environ):
            return self._app(environ, start_response)
        path, api = found
        try:
            began = request_began(environ)
            headers = header_of(environ)
            body = _read(environ)
            reply, entry = mock.answer(api(mock, headers, began), "POST", path, {}, headers, body)
            player = player_of(reply, began, Recorder(entry))
        except Exception as error:
            environ[FAILURE] = error
            return self._app(environ, start_response)
        return player(environ, start_response)

    def _takes(self, environ: Mapping[str, Any]) -> bool:
        length = environ.get("CONTENT_LENGTH", "")
        return (
            environ["REQUEST_METHOD"] == "POST"
            and not environ.get("QUERY_STRING")
            and length.isdecimal()
            and int(length) <= self._largest
            and "HTTP_TRANSFER_ENCODING" not in environ
        )


def _read(environ: Mapping[str, Any]) -> bytes:
    """The body.

    Raises:
        HTTPException: the client has left before it had sent all of it, as Werkzeug says that.
    """
    try:
        body: bytes = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    except (OSError, ValueError):
        from werkzeug.exceptions import ClientDisconnected

        raise ClientDisconnected from None
    return body


def header_of(environ: Mapping[str, Any]) -> Headers:
    """The header fields of a request, as Werkzeug finds them in the environ."""
    fields: dict[str, str] = {}
    for key, value in environ.items():
        name = _NAMES.get(key)
        if name is None:
            name = _name(key)
        if name and (value or not key.startswith("CONTENT_")):
            fields[name] = value
    return Headers.of_lower(fields)


def _name(key: str) -> str:
    name = ""
    if key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        name = key
    elif key.startswith("HTTP_") and key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
        name = key.removeprefix("HTTP_")
    name = name.replace("_", "-").lower()
    if len(_NAMES) < _MOST_NAMES:
        _NAMES[key] = name
    return name
