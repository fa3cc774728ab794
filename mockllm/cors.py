"""Cross-origin requests: a page that was loaded from elsewhere may call the mocked API, as it may the real one.

The control endpoints under `/-/` are not for pages: they get no permission here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ALLOWED = [
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "*"),
]
_PREFLIGHT = [
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    ("access-control-max-age", "3600"),
]


def is_control(path: str) -> bool:
    """Whether a path, however many slashes it begins with, is that of a control endpoint."""
    return path.lstrip("/").startswith("-/")


class CrossOrigin:
    """A WSGI application in front of another: answers preflights, and permits what the other answers."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_ORIGIN" not in environ or is_control(environ.get("PATH_INFO", "")):
            return self._app(environ, start_response)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            # `*` would not cover `authorization`: what is asked for is named.
            asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "authorization, content-type")
            start_response("204 No Content", [*_PREFLIGHT, ("access-control-allow-headers", asked)])
            return []

        def permitting(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            return start_response(status, [*headers, *_ALLOWED], *more)

        return self._app(environ, permitting)
