"""Where the sessions of a mock are kept.

The session of a request is, in this order: what the script's `conversation by` names; the header
`x-mockllm-session`; the API key; else one for all. So parallel tests that use different keys never disturb each
other.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from dsl.session import Session


class Sessions(Protocol):
    """The sessions of one mock."""

    def use(self, name: str) -> AbstractContextManager[Session]:
        """The session of this name, new if it is not known, for who moves it. Nobody else does meanwhile.

        Raises:
            StateUnavailable: it cannot be read, or what has moved cannot be written.
        """

    def look(self, name: str) -> Session:
        """The session of this name, for who moves nothing: one that is not known is not made, either.

        Raises:
            StateUnavailable: it cannot be read.
        """

    def names(self) -> list[str]:
        """The names of those that are known, the longest unused first.

        Raises:
            StateUnavailable: they cannot be read.
        """

    def clear(self, name: str | None = None) -> None:
        """Forget one session, or all.

        Raises:
            StateUnavailable: that is not possible now.
        """


class MemorySessions:
    """Sessions in the memory of this process: at most `limit`, of which the longest unused are forgotten first.

    A session is moved in one step of the server, in which no other greenlet has its turn.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def use(self, name: str) -> AbstractContextManager[Session]:
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = Session(name)
            if len(self._sessions) > self._limit:
                self._sessions.popitem(last=False)
        else:
            self._sessions.move_to_end(name)
        return nullcontext(session)

    def look(self, name: str) -> Session:
        return self._sessions.get(name) or Session(name)

    def names(self) -> list[str]:
        return list(self._sessions)

    def clear(self, name: str | None = None) -> None:
        if name is None:
            self._sessions.clear()
        else:
            self._sessions.pop(name, None)
