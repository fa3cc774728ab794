"""The control API under `/-/`: what the browser console does, and what everybody can do by curl.

`openapi.yaml` is its contract. It is an application of its own (`application`), with a module for each subject,
whose views are thin; `access` says who may. It is loaded when somebody first asks for it: a server that only
mocks starts without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from mockllm.access import Access, check_key
from mockllm.aside import aside
from mockllm.control.access import PREFIX
from mockllm.metrics import Metrics
from mockllm.serving import Mocks

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def add(app: Flask, mocks: Mocks, access: Access) -> None:
    """Let `app` be driven by the control API, as far as `access` permits."""
    if access.key is not None:
        app.before_request(partial(_check_key, access))
    app.wsgi_app = _Control(app.wsgi_app, mocks, access, mocks.metrics)  # type: ignore[method-assign]


def _check_key(access: Access) -> None:
    if request.path != "/":
        check_key(access, request)


class _Control:
    """A WSGI application in front of another: the control API."""

    def __init__(self, app: WSGIApplication, mocks: Mocks, access: Access, metrics: Metrics) -> None:
        self._app = app
        self._made_of = mocks, access, metrics
        self._control: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(PREFIX):
            return self._app(environ, start_response)
        if self._control is None:
            application: Any = aside(lambda: import_module("mockllm.control.application"))
            if self._control is None:  # somebody else may have asked meanwhile
                self._control = application.create(*self._made_of)
        return self._control(environ, start_response)
