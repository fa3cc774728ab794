"""Who may drive the server, which is everything under `/-/`; and who may call the mocked API.

Theory. Three kinds of strangers are kept out, each by another check:

* *Other machines*, by a token. Where none is set, the control API is open to this machine only: to a peer on
  a loopback address, at a server that listens on one. What a proxy says of its clients is not believed; that
  there is one is: then the peer is not who asks.
* *Pages of other origins in a browser of this machine.* A browser sends `Origin` with all that may change
  something, and `Sec-Fetch-Site` with everything. A body must be JSON by its content type, which no page can
  send elsewhere without asking first; and it is never told that it may.
* *Names of others that resolve to this machine* (DNS rebinding): the page's origin is then the same as the
  server's. So where no token is needed, the host must be called as this machine calls itself. (A token is its
  own proof: such a page has neither it nor the cookie, which browsers keep by name.)

The token comes as `Authorization: Bearer TOKEN`, or by a cookie that `POST /-/login` sets. The cookie holds a
digest of it, and is `HttpOnly` and `SameSite=Strict`.
"""

from __future__ import annotations

from functools import partial

from flask import Flask, Response, request

from mockllm.access import Access, is_loopback
from mockllm.control.bodies import is_json
from mockllm.control.errors import ControlError

PREFIX = "/-/"

# What may be read without a token, for it tells nothing of what is served. The console's page and its files are
# among it: it is they that ask for the token.
_OPEN = frozenset(
    f"{PREFIX}{name}" for name in ("", "healthy", "ready", "login", "logout", "docs", "openapi.json")
)
_OPEN_PREFIX = f"{PREFIX}console/"

_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))

_HEADERS = (
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cache-control", "no-store"),
)


def protect(app: Flask, access: Access) -> None:
    """Check every request to the control API before any view gets it, and close its answers to other pages."""
    app.before_request(partial(_check, access))
    app.after_request(_seal)


def _check(access: Access) -> None:
    """Raises:
    ControlError: status 401, 403 or 415; the request may not be made, or not so.
    """
    _check_origin()
    if request.path not in _OPEN and not request.path.startswith(_OPEN_PREFIX):
        _check_right(access)
    if access.is_open(request.environ) and not is_loopback(_host()):
        message = f"{_host()!r} is not a name by which this machine calls itself: use 127.0.0.1 or localhost."
        raise ControlError(403, message, "foreign_host")
    _check_body()


def _check_origin() -> None:
    origin = request.headers.get("origin")
    foreign = origin is not None and origin not in (f"http://{request.host}", f"https://{request.host}")
    site = request.headers.get("sec-fetch-site", "none")
    # Who follows a link from elsewhere to the console is welcome, and sends no request that changes anything.
    visits = request.headers.get("sec-fetch-mode") == "navigate" and request.method in _SAFE_METHODS
    if foreign or (site not in ("none", "same-origin") and not visits):
        raise ControlError(403, "The control API is not for pages of other origins.", "foreign_origin")


def _check_right(access: Access) -> None:
    if access.allows(request):
        return
    challenge = (("www-authenticate", 'Bearer realm="mockllm"'),)
    if access.token is None:
        message = (
            "The control API is open on this machine's loopback address only. To use it from elsewhere, start the "
            "server with a token, in MOCKLLM_TOKEN, and send it as `Authorization: Bearer TOKEN`."
        )
        raise ControlError(401, message, "token_required", headers=challenge)
    given = request.headers.get("authorization") or access.sent_cookie(request)
    if given:
        raise ControlError(401, "This is not the server's token.", "wrong_token", headers=challenge)
    message = (
        "A token is needed, as `Authorization: Bearer TOKEN`: the server was started with it, or has printed it."
    )
    raise ControlError(401, message, "token_required", headers=challenge)


def _check_body() -> None:
    """Let no page send a body without asking first."""
    has_body = bool(request.content_length) or "HTTP_TRANSFER_ENCODING" in request.environ
    # Browsers ask before every PUT, so that it may be of any type.
    if has_body and request.method not in (*_SAFE_METHODS, "PUT") and not is_json():
        raise ControlError(415, "The body is JSON: send `content-type: application/json`.", "not_json")


def _host() -> str:
    """The host that the request names, without its port."""
    host = request.host
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _seal(response: Response) -> Response:
    for name, value in _HEADERS:
        response.headers.setdefault(name, value)
    return response
