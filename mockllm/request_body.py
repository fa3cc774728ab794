"""The body of a request, as a WSGI application reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent import pywsgi
from gevent.pywsgi import _InvalidClientInput  # type: ignore[attr-defined]  # not among its types

from mockllm.transports.clock import monotonic


class RequestBody(pywsgi.Input):
    """The body of a request.

    Attributes:
        lost: whether it is unknown where the body ends, or of no interest any more.
        waiting: where the server finds those that wait for their clients.
    """

    __slots__ = ("lost", "waiting")

    waiting: dict[Any, float]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.lost = False

    def read(self, length: int | None = None) -> bytes:
        return self._framed(super().read, length)

    def readline(self, size: int | None = None) -> bytes:
        return self._framed(super().readline, size)

    def _discard(self) -> None:
        if not self.lost:
            super()._discard()  # type: ignore[misc]  # not among its types

    def _framed(self, read: Callable[[int | None], bytes], size: int | None) -> bytes:
        current = gevent.getcurrent()
        self.waiting[current] = monotonic()
        try:
            return read(size)
        except ValueError as error:
            # pywsgi's own trouble with a chunk size, of which it does not know.
            self.lost = True
            raise _InvalidClientInput("malformed chunk size") from error
        except OSError:
            self.lost = True
            raise
        finally:
            self.waiting.pop(current, None)
