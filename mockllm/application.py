"""The application of a server that is to answer at once, and what stands in front of Flask.

A request that is on none of the exact paths passes, in this order: what permits it to pages of other origins, what
finds the mock that it means. Flask and the views behind it take longer to import than all else that an answer
needs. So they are imported once the server listens, aside; what asks for them before waits for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mockllm.access import Access
from mockllm.aside import aside
from mockllm.cors import CrossOrigin
from mockllm.exact_paths import ExactPaths
from mockllm.serving import Mocks, Mounted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The largest request body, in bytes; a conversation with images has tens of millions.
LARGEST_BODY = 64 * 1024 * 1024


def in_front(views: WSGIApplication, mocks: Mocks) -> WSGIApplication:
    """The whole application, of which `views` are the last part."""
    return CrossOrigin(Mounted(views, mocks))


def exact_paths(mocks: Mocks, access: Access) -> ExactPaths | None:
    """The exact paths, if there are any: who must show a key is asked for it by Flask."""
    return ExactPaths(mocks, LARGEST_BODY) if mocks.settings.exact_paths and access.key is None else None


class Application:
    """The WSGI application that serves `mocks`; `access` says who may drive it. It needs gevent's server.

    Attributes:
        exact_paths: what our server asks before it asks the application; None if there is nothing.
    """

    def __init__(self, mocks: Mocks, access: Access) -> None:
        self._made_of = mocks, access
        self._views: WSGIApplication | None = None
        self._app = in_front(self._answer, mocks)
        self.exact_paths = exact_paths(mocks, access)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._app(environ, start_response)

    def load(self) -> None:
        """Makes the views, unless they are there. Other greenlets have their turns meanwhile."""
        if self._views is None:
            module: Any = aside(lambda: import_module("mockllm.app"))
            if self._views is None:  # somebody else may have asked meanwhile
                self._views = module.create_views(*self._made_of)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.load()
        assert self._views is not None
        return self._views(environ, start_response)
