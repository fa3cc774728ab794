"""The journal as it grows, as server-sent events.

A follower holds nothing back: each time that it has been sent what there was, it looks what the journal has
then. So one that reads slowly costs no memory. What is too much for one look, or has left the journal since the
last one, is left out, and it is told how many entries that are. Between two looks is a rest, so that a busy
server makes few large writes and not many small ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mockllm.apis.errors import ApiError
from mockllm.control.errors import ControlError
from mockllm.control.journal_filter import Filter
from mockllm.journal import Journal
from mockllm.transports.connection import Connection

MOST_FOLLOWERS = 64
MOST_AT_ONCE = 500  # entries in one look

HEARTBEAT = 15.0  # seconds of silence
_GLANCE = 1.0  # seconds after which a client that has left is noticed
_REST = 0.05

_OPENING = "retry: 1000\n: following\n\n"


# No journal comes to so many versions.
_FAR = 2**53


def version_of(journal: Journal) -> int:
    """The version of a journal now."""
    return journal.changes(_FAR)[0]


class Followers:
    """Those who follow the journal: each of them is a connection that stays open."""

    def __init__(self) -> None:
        self._count = 0

    def admitted(self, events: Iterator[str]) -> Iterator[str]:
        """The same events, while there are not too many followers.

        Raises:
            ControlError: status 503; there are.
        """
        if self._count >= MOST_FOLLOWERS:
            message = f"{MOST_FOLLOWERS} clients follow the journal already."
            raise ControlError(503, message, "too_many_followers", headers=(("retry-after", "5"),))
        return self._counted(events)

    def _counted(self, events: Iterator[str]) -> Iterator[str]:
        self._count += 1
        try:
            yield from events
        finally:
            self._count -= 1


class Follower:
    """One who follows, and has seen the journal up to a version."""

    def __init__(self, journal: Journal, wanted: Filter, since: int) -> None:
        self._journal = journal
        self._wanted = wanted
        # A version of another run of the server, or of a journal before that one.
        self._since = 0 if since > version_of(journal) else since
        self._newest: int | None = None  # the newest entry that was looked at

    def events(self, connection: Connection) -> Iterator[str]:
        """The events, until the client leaves. A server that is asked to stop does not wait for that.

        They also end if the journal cannot be had any more: who comes back is told why.
        """
        with connection.resting(), suppress(ApiError):
            yield _OPENING
            silent = 0.0
            while connection.wait(_REST):
                told = self._look()
                if told:
                    silent = 0.0
                    yield told
                elif silent >= HEARTBEAT:
                    silent = 0.0
                    yield ": still here\n\n"
                elif not self._journal.wait(self._since, _GLANCE):
                    silent += _GLANCE

    def _look(self) -> str:
        """What has changed since the last look, as text of the stream; empty if nothing has that is wanted."""
        before = self._since
        self._since, changed = self._journal.changes(before)
        if self._since != before and not changed:
            self._newest = None
            return _told([("cleared", {})], self._since)
        lost = self._gap(changed) + max(0, len(changed) - MOST_AT_ONCE)
        events: list[tuple[str, Any]] = [("missed", {"missed": lost})] if lost else []
        events += [("entry", entry) for entry in self._wanted.of(changed[-MOST_AT_ONCE:])]
        return _told(events, self._since)

    def _gap(self, changed: list[dict[str, Any]]) -> int:
        """How many entries have come and gone between two looks."""
        new = [entry["id"] for entry in changed if self._newest is None or entry["id"] > self._newest]
        if not new:
            return 0
        gap = 0 if self._newest is None else min(new) - self._newest - 1
        self._newest = max(new)
        return gap


def _told(events: list[tuple[str, Any]], version: int) -> str:
    """Events as text of the stream. The last of them has the version: who has got it has got all."""
    told = [f"event: {kind}\ndata: {json.dumps(value, separators=(',', ':'))}\n" for kind, value in events]
    return "\n".join([*told[:-1], f"id: {version}\n{told[-1]}", ""]) if told else ""
