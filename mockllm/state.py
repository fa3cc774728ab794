"""Where a server keeps what outlives a request: sessions, stored responses, the journal.

In memory, each process for itself; or in Redis, for all processes that are told the same URL (`mockllm.shared`).
"""

from __future__ import annotations

from typing import Protocol

from mockllm.apis.errors import ApiError
from mockllm.archive import Archive, MemoryArchive
from mockllm.journal import Journal
from mockllm.sessions import MemorySessions, Sessions


class StateUnavailable(ApiError):
    """The shared state cannot be had now. It is a 503, which means just that, and which clients try again."""

    def __init__(self, message: str) -> None:
        super().__init__(503, message, "server_error", code="state_unavailable")


class State(Protocol):
    """Makes the keepers of a server's state. `mock` is the name of one of its mocks."""

    def sessions(self, mock: str, limit: int) -> Sessions: ...

    def archive(self, mock: str, limit: int, lenient: bool) -> Archive: ...

    def journal(self, limit: int) -> Journal: ...

    def seed(self, mock: str, drawn: int) -> int:
        """What decides chance in a mock for which nobody chose a seed: `drawn`, unless another process was first.

        Raises:
            SettingError: that cannot be found out.
        """


class Memory:
    """All state is this process's own."""

    def sessions(self, mock: str, limit: int) -> Sessions:
        return MemorySessions(limit)

    def archive(self, mock: str, limit: int, lenient: bool) -> Archive:
        return MemoryArchive(limit, lenient)

    def journal(self, limit: int) -> Journal:
        return Journal(limit)

    def seed(self, mock: str, drawn: int) -> int:
        return drawn


MEMORY = Memory()


def state_at(url: str | None) -> State:
    """The state at a URL, or that of this process if there is none.

    Raises:
        SettingError: there can be no state there.
    """
    if url is None:
        return MEMORY
    from mockllm.shared import shared_state  # needs a package that not everybody has

    return shared_state(url)
