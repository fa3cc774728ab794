"""What keeps the state of a server in Redis."""

from __future__ import annotations

from mockllm.archive import Archive
from mockllm.journal import Journal
from mockllm.sessions import Sessions
from mockllm.settings import SettingError
from mockllm.shared.archive import SharedArchive
from mockllm.shared.journal import SharedJournal
from mockllm.shared.sessions import SharedSessions
from mockllm.shared.store import Store
from mockllm.state import StateUnavailable


class Shared:
    """Makes the keepers; see `mockllm.state.State`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sessions(self, mock: str, limit: int) -> Sessions:
        return SharedSessions(self._store, mock, limit)

    def archive(self, mock: str, limit: int, lenient: bool) -> Archive:
        return SharedArchive(self._store, mock, limit, lenient)

    def journal(self, limit: int) -> Journal:
        return SharedJournal(self._store, limit)

    def seed(self, mock: str, drawn: int) -> int:
        key = self._store.key("seed", mock)
        try:
            self._store.call("SET", key, drawn, "NX")
            return int(self._store.call("GET", key))
        except StateUnavailable as error:
            raise SettingError(error.message) from None
