"""A journal in Redis: the requests of all processes, with ids that increase across them.

An entry is written when its answer is known, before that is played: so who has a byte of it finds it, wherever he
asks. How the answer ended is written as soon as it has, but by a greenlet of its own: players do not wait. What
could not be written, as Redis was gone, is written when it is back.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore

from mockllm.journal import Entry, Journal
from mockllm.shared.store import DAY, Script, Store
from mockllm.state import StateUnavailable
from mockllm.transports.clock import monotonic

# Seconds: between two looks of a follower, and before what failed is tried again.
_LOOK = 0.05
_REST = 0.5

# How many entries are written at once.
_BATCH = 50

_WRITE = Script("""
local entries, changes, ids, version = unpack(KEYS)
local limit, kept = tonumber(ARGV[1]), ARGV[2]
local written = {}
for at = 3, #ARGV, 2 do
    local id = tonumber(ARGV[at])
    local known = true
    if id == 0 then
        id = redis.call('INCR', ids)
        local gone = {id - limit}
        if redis.call('HLEN', entries) > limit then  -- others keep more, or did
            for _, each in ipairs(redis.call('HKEYS', entries)) do
                if tonumber(each) <= id - limit then gone[#gone + 1] = each end
            end
        end
        for _, each in ipairs(gone) do
            redis.call('HDEL', entries, each)
            redis.call('ZREM', changes, each)
        end
    else
        known = redis.call('HEXISTS', entries, id) == 1
    end
    if known then
        redis.call('HSET', entries, id, ARGV[at + 1])
        redis.call('ZADD', changes, redis.call('INCR', version), id)
    end
    written[#written + 1] = id
end
for _, key in ipairs(KEYS) do
    redis.call('EXPIRE', key, kept)
end
return written
""")

_CHANGES = Script("""
local entries, changes, _, version = unpack(KEYS)
local now, since = tonumber(redis.call('GET', version) or 0), tonumber(ARGV[1])
if since > now then since = 0 end  -- they were counted from the beginning again
local found = {now}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', changes, '(' .. since, '+inf')) do
    found[#found + 1] = id
    found[#found + 1] = redis.call('HGET', entries, id)
end
return found
""")

_CLEAR = Script("""
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('INCR', KEYS[4])
""")


class SharedJournal(Journal):
    """The newest entries of all processes: at most `limit`."""

    def __init__(self, store: Store, limit: int) -> None:
        super().__init__(limit)
        self._store = store
        self._limit = limit
        name = store.key("journal")
        self._keys = [name, f"{name}:changes", f"{name}:ids", f"{name}:version"]
        self._unwritten: dict[int, Entry] = {}  # by identity: one may have to be written twice, and is once
        self._writing = BoundedSemaphore(1)
        self._writes = False

    def begin(self, mock: str, method: str, path: str) -> Entry:
        return Entry(0, mock, method, path, journal=self)

    def answered(self, entry: Entry) -> None:
        try:
            self._write([entry])
        except StateUnavailable:
            self.ended(entry)

    def ended(self, entry: Entry) -> None:
        self._wait_for_writing([entry])
        if not self._writes:
            self._writes = True
            gevent.spawn(self._write_on)

    def entries(self) -> list[dict[str, Any]]:
        self._write_out()
        found = self._store.call("HGETALL", self._keys[0])
        return sorted((_entry(id, text) for id, text in found.items()), key=lambda entry: entry["id"])

    def find(self, id: int) -> dict[str, Any] | None:
        self._write_out()
        text = self._store.call("HGET", self._keys[0], id)
        return None if text is None else _entry(id, text)

    def changes(self, since: int) -> tuple[int, list[dict[str, Any]]]:
        self._write_out()
        version, *found = self._store.run(_CHANGES, self._keys, since)
        return version, [_entry(id, text) for id, text in zip(found[::2], found[1::2], strict=True)]

    def wait(self, since: int, seconds: float) -> bool:
        until = monotonic() + seconds
        while int(self._store.call("GET", self._keys[3]) or 0) == since:
            left = until - monotonic()
            if left <= 0:
                return False
            gevent.sleep(min(left, _LOOK))
        return True

    def clear(self) -> None:
        self._unwritten.clear()
        self._store.run(_CLEAR, self._keys)

    def _wait_for_writing(self, entries: list[Entry]) -> None:
        self._unwritten |= {id(entry): entry for entry in entries}
        for key in list(islice(self._unwritten, max(0, len(self._unwritten) - self._limit))):
            del self._unwritten[key]

    def _write_on(self) -> None:
        """Write what there is to write, until there is nothing more."""
        while self._unwritten:
            try:
                self._write_out()
            except StateUnavailable:
                gevent.sleep(_REST)
        self._writes = False

    def _write_out(self) -> None:
        with self._writing:
            while batch := [self._unwritten.pop(key) for key in list(islice(self._unwritten, _BATCH))]:
                try:
                    self._write(batch)
                except StateUnavailable:
                    self._wait_for_writing(batch)
                    raise

    def _write(self, entries: list[Entry]) -> None:
        found: list[int | str] = []
        for entry in entries:
            found += [entry.id, json.dumps(entry.as_json(), default=str)]
        ids = self._store.run(_WRITE, self._keys, self._limit, DAY, *found)
        for entry, id in zip(entries, ids, strict=True):
            entry.id = id


def _entry(id: int | str, text: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(text)
    return {**entry, "id": int(id)}
