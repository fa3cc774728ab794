"""Where the sessions of a mock are kept.

The session of a request is, in this order: what the script's `conversation by` names; the header
`x-mockllm-session`; the API key; else one for all. So parallel tests that use different keys never disturb each
other.
"""

from __future__ import annotations

from collections import OrderedDict

from dsl.session import Session


class Sessions:
    """The sessions of one mock, in memory: at most `limit`, of which the longest unused are forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def get(self, name: str) -> Session:
        """The session of this name, new if it is not known."""
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = Session(name)
            if len(self._sessions) > self._limit:
                self._sessions.popitem(last=False)
        else:
            self._sessions.move_to_end(name)
        return session

    def look(self, name: str) -> Session:
        """The session of this name, for who moves nothing: one that is not known is not made, either."""
        return self._sessions.get(name) or Session(name)

    def clear(self, name: str | None = None) -> None:
        """Forget one session, or all."""
        if name is None:
            self._sessions.clear()
        else:
            self._sessions.pop(name, None)

    def __len__(self) -> int:
        return len(self._sessions)
