"""About the server itself: `/-/healthy`, `/-/ready`, `/-/version`, `/-/server`, `/-/metrics`, `/-/reset`."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Flask, Response, jsonify, request

from mockllm import __version__
from mockllm.access import Access
from mockllm.control import contract
from mockllm.metrics import Metrics
from mockllm.serving import Mocks


def add_routes(app: Flask, mocks: Mocks, access: Access, metrics: Metrics) -> None:
    app.add_url_rule("/-/healthy", "healthy", lambda: {"status": "ok", "version": __version__})
    app.add_url_rule("/-/ready", "ready", partial(_ready, mocks))
    app.add_url_rule("/-/version", "version", _version)
    app.add_url_rule("/-/server", "server", partial(_server, mocks, access))
    app.add_url_rule("/-/metrics", "metrics", partial(_metrics, metrics))
    app.add_url_rule("/-/reset", "reset", partial(_reset, mocks), methods=["POST"])


def _ready(mocks: Mocks) -> tuple[Response, int]:
    return (jsonify(status="ready"), 200) if mocks.by_name else (jsonify(status="no mocks"), 503)


def _version() -> dict[str, Any]:
    return {"version": __version__, "api": contract.version()}


def _server(mocks: Mocks, access: Access) -> dict[str, Any]:
    path = mocks.path
    return {
        "version": __version__,
        "serves": "memory" if path is None else "folder" if path.is_dir() else "file",
        "path": None if path is None else str(path),
        "mocks": len(mocks.by_name),
        "key_required": access.key is not None,
    }


def _metrics(metrics: Metrics) -> Response:
    from mockllm.control.prometheus import CONTENT_TYPE, as_text  # which a server needs only if it is asked

    return Response(as_text(metrics), content_type=CONTENT_TYPE)


def _reset(mocks: Mocks) -> dict[str, str]:
    mocks.reset(request.args.get("session"))
    return {"status": "reset"}
