"""`/-/login`: a browser exchanges the token for a cookie, so that no page has to keep the token."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request

from mockllm.access import Access
from mockllm.control import bodies
from mockllm.control.access import PREFIX
from mockllm.control.errors import ControlError


def add_routes(app: Flask, access: Access) -> None:
    app.add_url_rule("/-/login", "access", lambda: jsonify(_stands(access, access.allows(request))))
    app.add_url_rule("/-/login", "login", lambda: _login(access), methods=["POST"])
    app.add_url_rule("/-/logout", "logout", lambda: _logout(access), methods=["POST"])


def _stands(access: Access, allowed: bool) -> dict[str, bool]:
    return {"token_required": not access.is_open(request.environ), "allowed": allowed}


def _login(access: Access) -> Response:
    members = bodies.body()
    token = members.text("token")
    members.end()
    if not access.is_open(request.environ) and not access.is_token(token):
        raise ControlError(401, "This is not the server's token.", "wrong_token", "token")
    response = jsonify(_stands(access, True))
    if access.token is not None:
        name = access.cookie_name(request.environ)
        response.set_cookie(
            name, access.cookie, path=PREFIX, httponly=True, samesite="Strict", secure=request.is_secure
        )
    return response


def _logout(access: Access) -> Response:
    response = jsonify(_stands(access, access.is_open(request.environ)))
    name = access.cookie_name(request.environ)
    response.delete_cookie(name, path=PREFIX, httponly=True, samesite="Strict", secure=request.is_secure)
    return response
