"""An answer that is planned and not played: what would be sent, and when.

It is given by a stand-in for the mock, which has the same script and seed, and reads what is stored. Unless it
is to move, it asks copies of the sessions, keeps nothing, and nobody reads its journal. Times are the script's
own, whatever the speed at which the mock plays them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from dsl import Script
from dsl.request import Headers
from dsl.session import Session
from dsl.table import Rule
from dsl.trace import Trace, trace
from mockllm.apis.endpoints import Chat
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_request import Asked as AskedItems
from mockllm.archive import Archive, Stored
from mockllm.chat_conversation import Conversation
from mockllm.chat_conversation import Turn as ChatTurn
from mockllm.control.asked import Asked
from mockllm.journal import Entry, Journal, Recorder
from mockllm.journaled import tables_of
from mockllm.mock import SEED_HEADER, Api, Mock
from mockllm.overheard import Overheard
from mockllm.responses_api import Responses
from mockllm.responses_turn import Memory, Turn
from mockllm.serving import Mocks
from mockllm.sessions import Sessions
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Reply


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One answer that was not played.

    Attributes:
        script: what was asked.
        reply: what a transport would play.
        entry: its entry in the journal.
        heard: what was asked and what was to be said.
        trace: how the rules took it, if none answered.
    """

    script: Script
    reply: Reply
    entry: Entry
    heard: Overheard
    trace: Trace | None

    @property
    def rule(self) -> Rule | None:
        """The rule that answered."""
        if self.entry.place is None:
            return None
        tables = [self.script.table, *(socket.table for socket in self.script.sockets.values())]
        rules = (rule for table in tables for rule in table.rules)
        return next((rule for rule in rules if rule.place == self.entry.place), None)


def rehearse(
    mocks: Mocks, mock: Mock, script: Script | None, asked: Asked, seed: str | None, *, move: bool
) -> Rehearsal:
    """Ask a mock.

    Args:
        script: is asked in place of the one that it serves, if it is not None.
        seed: decides chance, as `x-mockllm-seed`.
        move: whether it counts as an answer of its session, and stands in the journal.
    """
    journal = mocks.journal if move else Journal(1)
    settings = replace(mocks.settings, speed=1.0)
    player = Mock(mock.name, script or mock.script, settings, journal, _StandIn(mock, move))
    headers = Headers({**asked.headers, SEED_HEADER: seed}) if seed else asked.headers
    api = Overheard(_api(player, asked, keeps=move))
    socket = player.script.sockets.get(asked.path) if asked.transport == "websocket" else None
    reply, entry = player.answer(api, asked.method, asked.path, {}, headers, asked.data, socket=socket)
    found = None
    if api.missed and api.request is not None:
        session = mock.sessions.look(api.request.session)
        found = trace(tables_of(player.script, api.request), api.request, session)
    if move:
        entry.note = "It was asked by /-/try, and nothing was sent."
        Recorder(entry).ended(0.0, "complete")
    return Rehearsal(player.script, reply, entry, api, found)


def _api(mock: Mock, asked: Asked, *, keeps: bool) -> Api:
    if asked.endpoint == "chat":
        return ChatTurn(Conversation(), asked.data.decode()) if asked.transport == "websocket" else Chat()
    shelf = mock.archive.shelf(asked.owner)
    if asked.transport == "websocket":
        return Turn(Memory(shelf), asked.frame, None, len(asked.data), monotonic(), 0.0)
    return Responses(shelf, monotonic()) if keeps else _Unkept(shelf, monotonic())


class _Unkept(Responses):
    """Responses of which none is kept."""

    def _keep(self, output: Output, asked: AskedItems) -> Stored:
        return Stored(output, asked.new)


class _StandIn:
    """The state of another mock, for a player of its script; unless it is to move, as copies."""

    def __init__(self, mock: Mock, move: bool) -> None:
        self._mock = mock
        self._move = move

    def sessions(self, mock: str, limit: int) -> Sessions:
        return self._mock.sessions if self._move else _Copies(self._mock.sessions)

    def archive(self, mock: str, limit: int, lenient: bool) -> Archive:
        return self._mock.archive

    def journal(self, limit: int) -> Journal:
        return Journal(limit)

    def seed(self, mock: str, drawn: int) -> int:
        return self._mock.seed


class _Copies:
    """Copies of sessions: what moves in them does not move in those."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._copies: dict[str, Session] = {}

    def use(self, name: str) -> AbstractContextManager[Session]:
        return nullcontext(self._copies.setdefault(name, self.look(name).twin()))

    def look(self, name: str) -> Session:
        return self._sessions.look(name)

    def names(self) -> list[str]:
        return self._sessions.names()

    def clear(self, name: str | None = None) -> None:
        self._copies.clear()
