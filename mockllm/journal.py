"""What was asked, which rule answered, and how the answer went.

An entry is begun when a request is answered, and is the watcher of the transport that plays the answer.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gevent.event import Event

from mockllm.plan import Plan
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Reply
from mockllm.transports.player import Player
from mockllm.transports.players import player_of
from mockllm.transports.watch import Outcome

if TYPE_CHECKING:
    from mockllm.metrics import Metrics

# Bodies larger than this many bytes are not kept.
LARGEST_BODY = 65_536

# What stands in the place of a secret; whether there was one is seen.
HIDDEN = "(hidden)"
_SECRET = frozenset(("authorization", "proxy-authorization", "cookie", "api-key", "x-api-key"))

_access = logging.getLogger("mockllm.access")


@dataclass(slots=True)
class Entry:
    """One request and its answer.

    Attributes:
        came: when, in Unix seconds.
        session, ordinal: which answer of which session it is.
        seed: what decides chance: sent back as `x-mockllm-seed`, with the same request, it gives the same answer.
        rule: the name of the rule that answered; `place` is its `FILE:LINE`.
        error: why no rule answered, or why its answer could not be given.
        planned: how long the answer was to take, in seconds; `took` is how long it did.
        plan: when its chunks were to come, in seconds.
        headers, query: those of the request; a header that holds a secret has lost it.
        note: what the client asked of the mock and did not get.
        sent: the bytes of the body that left.
        events: how many frames of it left whole: events of a stream (comments and raw bytes among them), messages
            on a socket; a body in one piece is one.
        outcome: how it ended; None while it goes on.
        fails: whether the script ends the answer with an error of the API: as its status, or amid a stream.
        journal, version: where it is kept, and at which version of that it began or ended. No part of its JSON.
    """

    id: int
    mock: str
    method: str
    path: str
    came: float = field(default_factory=time.time)
    endpoint: str | None = None
    transport: str | None = None
    model: str | None = None
    session: str | None = None
    ordinal: int | None = None
    seed: str | None = None
    rule: str | None = None
    place: str | None = None
    status: int | None = None
    error: str | None = None
    note: str | None = None
    planned: float | None = None
    plan: Plan | None = None
    took: float | None = None
    sent: int = 0
    events: int = 0
    outcome: Outcome | None = None
    fails: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    journal: Journal | None = field(default=None, repr=False, compare=False)
    version: int = field(default=0, repr=False, compare=False)

    def as_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in _TOLD}
        headers = {name: HIDDEN if name in _SECRET else value for name, value in self.headers.items()}
        plan = None if self.plan is None else self.plan.seconds()
        told = {"headers": headers, "query": dict(self.query), "plan": plan, "miss": self.is_miss}
        return values | told

    @property
    def time(self) -> str:
        """When it came, ISO 8601 in UTC."""
        return datetime.fromtimestamp(self.came, UTC).isoformat(timespec="milliseconds")

    @property
    def is_miss(self) -> bool:
        """Whether rules were asked, and none answered."""
        unanswered = self.place is None and self.endpoint is not None and self.status == 404
        return unanswered and (self.error or "").startswith("No rule matched")


_UNTOLD = ("journal", "version")
_TOLD = tuple(each.name.replace("came", "time") for each in fields(Entry) if each.name not in _UNTOLD)


class Recorder:
    """Watches an answer for its entry, and logs one line when it is over."""

    __slots__ = ("_entry",)

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        if entry.journal is not None and entry.journal.metrics is not None:
            entry.journal.metrics.began()

    def sent(self, at: float, size: int, frames: int) -> None:
        self._entry.sent += size
        self._entry.events += frames

    def ended(self, at: float, outcome: Outcome) -> None:
        self._entry.took = round(at, 6)
        self._entry.outcome = outcome
        journal = self._entry.journal
        if journal is not None:
            journal.ended(self._entry)
            if journal.metrics is not None:
                journal.metrics.ended(self._entry)
        if _access.isEnabledFor(logging.INFO):
            _access.info("%s", access_line(self._entry))


def recorded_player(reply: Reply, began: float, entry: Entry) -> Player:
    """The player of a reply that is told to an entry. `began` is when the request arrived, on the monotonic clock.

    Raises:
        Exception: what the first parts of the reply raise; the entry knows of it.
    """
    recorder = Recorder(entry)
    try:
        return player_of(reply, began, recorder)
    except Exception:
        recorder.ended(monotonic() - began, "failed")
        raise


class Journal:
    """The newest entries: at most `limit`.

    It has a version, which moves on when an entry begins, when one ends, and when it is cleared: so whoever
    follows it asks for what has changed since the version that he knows.

    Attributes:
        metrics: is told when an answer begins and when it is over.
    """

    metrics: Metrics | None = None

    def __init__(self, limit: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._ids = itertools.count(1)
        self._version = 0
        self._followers: set[Event] = set()

    def begin(self, mock: str, method: str, path: str) -> Entry:
        entry = Entry(next(self._ids), mock, method, path, journal=self)
        self._entries.append(entry)
        self._changed(entry)
        return entry

    def answered(self, entry: Entry) -> None:
        """What is known of an entry before its answer is played is known now."""

    def ended(self, entry: Entry) -> None:
        """The answer of an entry is over."""
        self._changed(entry)

    def entries(self) -> list[dict[str, Any]]:
        """All entries as JSON values, oldest first."""
        return [entry.as_json() for entry in self._entries]

    def find(self, id: int) -> dict[str, Any] | None:
        """The entry with this id as a JSON value, or None if it is not here."""
        return next((entry.as_json() for entry in reversed(self._entries) if entry.id == id), None)

    def changes(self, since: int) -> tuple[int, list[dict[str, Any]]]:
        """The version now, and the entries that have begun or ended since another, in that order, each once.

        All entries have changed since version 0. If there is a new version and no entry, it was cleared.
        """
        changed = sorted(
            (entry for entry in self._entries if entry.version > since), key=lambda each: each.version
        )
        return self._version, [entry.as_json() for entry in changed]

    def wait(self, since: int, seconds: float) -> bool:
        """Wait for a version behind `since`, at most for a time; whether there is one. Other greenlets go on."""
        if self._version == since:
            change = Event()
            self._followers.add(change)
            try:
                change.wait(seconds)
            finally:
                self._followers.discard(change)
        return self._version != since

    def clear(self) -> None:
        self._entries.clear()
        self._changed()

    def _changed(self, entry: Entry | None = None) -> None:
        self._version += 1
        if entry is not None:
            entry.version = self._version
        if self._followers:
            for change in self._followers:
                change.set()


def access_line(entry: Entry) -> str:
    """One line for a person who watches the server: when, what was asked, which rule answered, how it went."""
    called = f"{entry.rule} ({entry.place})" if entry.rule else entry.place
    status = entry.status if entry.status is not None else "-"
    ended = "" if entry.outcome == "complete" else f"  {entry.outcome}"
    mock = f"/{entry.mock}" if entry.mock else ""
    line = (
        f"{entry.time[11:19]}  {entry.method} {mock}{entry.path}  {status}  {entry.transport or '-'}"
        f"  {entry.error or called or '-'}  {(entry.took or 0) * 1000:.0f} ms{ended}"
    )
    # An error may quote what the client sent: line feeds, and codes that a terminal obeys.
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
