"""The console: the page at `/-/`, in which people make mocks and look at what is asked of them.

It is built from `console/` into `built/` (scripts/build-console), and is a client of the control API as any other:
what is here hands out its files. The page may load nothing but these, and runs no script that stands in it. Its
editor writes its styles when it runs: a nonce, new with each page, lets it.
"""

from __future__ import annotations

import secrets
from functools import cache, partial
from pathlib import Path

from flask import Flask, Response, request, send_from_directory

BUILT = Path(__file__).with_name("built")

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'nonce-{nonce}'",
        # The editor draws its marks from URLs of data.
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def add(app: Flask) -> None:
    """Serves the page at `/-/`, and its files under `/-/console/`."""
    app.add_url_rule("/-/", "console", _page)
    # Always asked for, and rarely sent: a new version is seen at once.
    send = partial(send_from_directory, BUILT, max_age=0)
    app.add_url_rule("/-/console/<name>", "console_file", lambda name: send(name))


def wanted() -> bool:
    """Whether who asks for the server's address is a browser. Others, as curl is, accept anything."""
    return "text/html" in request.headers.get("accept", "")


def _page() -> Response:
    nonce = secrets.token_urlsafe(16)
    response = Response(_template().replace("{nonce}", nonce), mimetype="text/html")
    response.headers["content-security-policy"] = _POLICY.format(nonce=nonce)
    response.headers["cache-control"] = "no-store"
    return response


@cache
def _template() -> str:
    return (BUILT / "index.html").read_text("utf-8")
