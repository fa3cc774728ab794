"""What the views have in common: the mock that a request means, and answers that a player gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Response, request

from dsl.request import Headers
from mockllm.apis import errors
from mockllm.apis.errors import ApiError
from mockllm.journal import recorded_player
from mockllm.mock import Api, Mock
from mockllm.serving import MOCK, MOCKS
from mockllm.transports.clock import request_began
from mockllm.transports.frames import Reply
from mockllm.transports.players import player_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Played(Response):
    """A response that a player gives. Flask passes it on, and the player runs when the server calls it."""

    def __init__(self, player: WSGIApplication) -> None:
        super().__init__()
        self._player = player

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._player(environ, start_response)


def played(reply: Reply, began: float) -> Played:
    """A reply as a response. `began` is when its request arrived, on the monotonic clock."""
    return Played(player_of(reply, began))


def answered_by(api: Api, path: str | None = None) -> Response:
    """What the mock that the request means answers to it. `path` is as scripts see it, if not with `/v1`."""
    began = request_began(request.environ)
    query = request.args.to_dict()
    body = request.get_data(cache=False)
    path = path or versioned_path()
    reply, entry = current_mock().answer(api, request.method, path, query, request_headers(), body)
    return Played(recorded_player(reply, began, entry))


def current_mock() -> Mock:
    """The mock that the request means.

    Raises:
        ApiError: status 404; it means none.
    """
    mock: Mock | None = request.environ[MOCK]
    if mock is None:
        raise unknown_url()
    return mock


def unknown_url() -> ApiError:
    """There is nothing at this URL. Where several mocks are served, mostly because none of them is named."""
    error = errors.unknown_url(request.method, request.path)
    if request.environ[MOCK] is None:
        served = ", ".join(f"/{mock.name}/v1" for mock in request.environ[MOCKS].by_name.values())
        error.message += f". No mock is named: this server has {served}"
    return error


def request_headers() -> Headers:
    return Headers(request.headers.items())


def versioned_path() -> str:
    """The path of the request as scripts see it: with `/v1`."""
    return request.path if request.path.startswith("/v1/") else f"/v1{request.path}"
