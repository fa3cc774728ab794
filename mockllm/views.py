"""What the views have in common: the mock that a request means, and answers that a player gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Response, request

from dsl.request import Headers
from mockllm.apis import errors
from mockllm.journal import Recorder
from mockllm.mock import Mock
from mockllm.serving import MOCK
from mockllm.transports.frames import Body, Reply
from mockllm.transports.json import JsonPlayer
from mockllm.transports.sse import SsePlayer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Played(Response):
    """A response that a player gives. Flask passes it on, and the player runs when the server calls it."""

    def __init__(self, player: WSGIApplication) -> None:
        super().__init__()
        self._player = player

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._player(environ, start_response)


def played(reply: Reply, began: float, recorder: Recorder | None = None) -> Played:
    """A reply as a response. `began` is when its request arrived, on the monotonic clock."""
    player = JsonPlayer if isinstance(reply, Body) else SsePlayer
    return Played(player(reply, began, recorder))  # type: ignore[arg-type]


def current_mock() -> Mock:
    """The mock that the request means.

    Raises:
        ApiError: status 404; it means none.
    """
    mock: Mock | None = request.environ[MOCK]
    if mock is None:
        raise errors.unknown_url(request.method, request.path)
    return mock


def request_headers() -> Headers:
    return Headers(request.headers.items())


def versioned_path() -> str:
    """The path of the request as scripts see it: with `/v1`."""
    return request.path if request.path.startswith("/v1/") else f"/v1{request.path}"
