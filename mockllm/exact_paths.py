"""The shortest way to an answer: the paths that a load test asks thousands of times a second, past WSGI and Flask.

To make an environ, to find a view and to call it takes several times as long as the view takes to answer. So our
server asks here first (`mockllm.handler`): a POST to one of these paths, written exactly so, without a query and
with a body of a known length, is answered by the mock that it means. Everything else, and what goes wrong here, is
left to Flask. What is asked of the mock, what is answered and what the journal says is the same, and a switch
(`--no-exact-paths`) lets Flask do it all.
"""

from __future__ import annotations

from collections.abc import Callable

from dsl.request import Headers
from dsl.session_names import session_name
from mockllm.apis.endpoints import Chat
from mockllm.http_head import Head
from mockllm.journal import Entry
from mockllm.mock import Api, Mock
from mockllm.responses_api import Responses
from mockllm.serving import Mocks
from mockllm.transports.frames import Reply

# In an environ: what went wrong here, for Flask to tell the client.
FAILURE = "mockllm.failure"

# Answers a request by its body; the second argument is when it arrived, on the monotonic clock.
Ask = Callable[[bytes, float], tuple[Reply, Entry]]

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

# Pages of other origins are told more, who expects a word before the body is told it, and sockets are others'.
_UNUSUAL = ("HTTP_ORIGIN", "HTTP_EXPECT", "HTTP_UPGRADE")


class ExactPaths:
    """Those of `mocks`; `largest` is the largest body that they take, in bytes."""

    def __init__(self, mocks: Mocks, largest: int) -> None:
        self._mocks = mocks
        self._largest = largest

    def find(self, head: Head) -> Ask | None:
        """What answers the request that has this head, if this is the way to it."""
        length, environ = head.content_length, head.environ
        if head.method != "POST" or length is None or length > self._largest or environ["QUERY_STRING"]:
            return None
        mock, _, path = self._mocks.find(environ.get("HTTP_HOST", ""), environ["PATH_INFO"])
        found = _APIS.get(path)
        if mock is None or found is None or any(name in environ for name in _UNUSUAL):
            return None
        asked, (path, api), headers = mock, found, head.header

        def ask(body: bytes, began: float) -> tuple[Reply, Entry]:
            return asked.answer(api(asked, headers, began), "POST", path, {}, headers, body)

        return ask
