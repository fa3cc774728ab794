"""Stored responses and conversations in Redis.

A response is kept with all that it continues, so that it stays whole when that is deleted or forgotten. A
conversation is its head and a list of items, to which each process appends in one step.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gevent

from mockllm.archive import MOST_CONVERSATIONS, Conversation, Shelf, Stored
from mockllm.shared.store import DAY, Script, Store
from mockllm.shared.stored_json import as_text, from_text
from mockllm.state import StateUnavailable
from mockllm.transports.cancellation import Cancellation
from mockllm.transports.clock import monotonic

Json = dict[str, Any]

# How often a stream looks whether another process has cancelled it, in seconds.
_LOOK = 0.1

# The functions of the scripts below. A thing is known by the prefixes of its keys and its `[owner,id]`.
_FORGET = """
local function forget(index, things, items, stems, thing)
    local stem = redis.call('HGET', things .. thing, 'stem')
    if stem then redis.call('DEL', stems .. stem) end
    redis.call('DEL', things .. thing, items .. thing)
    redis.call('ZREM', index, thing)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local index, things, items, stems = unpack(KEYS)
"""

_KEEP = Script(
    _FORGET
    + """
local thing, stem, held, value, limit, kept = unpack(ARGV)
forget(index, things, items, stems, thing)
redis.call('HSET', things .. thing, 'value', value, 'stem', stem)
redis.call('EXPIRE', things .. thing, kept)
redis.call('SET', stems .. stem, held, 'EX', kept)
redis.call('ZADD', index, now, thing)
redis.call('EXPIRE', index, kept)
while redis.call('ZCARD', index) > tonumber(limit) do
    forget(index, things, items, stems, redis.call('ZRANGE', index, 0, 0)[1])
end
"""
)

_FIND = Script(
    _FORGET
    + """
local thing, kept = ARGV[1], ARGV[2]
local found = redis.call('HMGET', things .. thing, 'value', 'cancelled', 'stem')
if not found[1] then return false end
redis.call('ZADD', index, 'XX', now, thing)
for _, key in ipairs({index, things .. thing, items .. thing, stems .. found[3]}) do
    redis.call('EXPIRE', key, kept)
end
return {found[1], found[2], redis.call('LRANGE', items .. thing, 0, -1)}
"""
)

_DROP = Script(_FORGET + "forget(index, things, items, stems, ARGV[1])")

_CLEAR = Script(
    _FORGET
    + """
for _, thing in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    if #ARGV == 0 or cjson.decode(thing)[1] == ARGV[1] then
        forget(index, things, items, stems, thing)
    end
end
"""
)

# Nothing is done to what was forgotten meanwhile.
_CHANGE = Script("""
local thing, items = KEYS[1], KEYS[2]
if redis.call('EXISTS', thing) == 0 then return end
if ARGV[1] == 'value' then redis.call('HSET', thing, 'value', ARGV[2]) end
if ARGV[1] == 'cancelled' then redis.call('HSETNX', thing, 'cancelled', ARGV[2]) end
if ARGV[1] == 'add' then
    redis.call('RPUSH', items, unpack(ARGV, 3))
    redis.call('EXPIRE', items, ARGV[2])
end
if ARGV[1] == 'remove' then
    for _, item in ipairs(redis.call('LRANGE', items, 0, -1)) do
        if cjson.decode(item).id == ARGV[2] then redis.call('LREM', items, 1, item) end
    end
end
""")


class SharedArchive:
    """All that one mock keeps: at most `limit` responses, of which the longest unused are forgotten first."""

    def __init__(self, store: Store, mock: str, limit: int, lenient: bool = False) -> None:
        self.lenient = lenient
        self._store = store
        self._responses = _Kind(store, mock, "response", limit)
        self._conversations = _Kind(store, mock, "conversation", MOST_CONVERSATIONS)

    def shelf(self, owner: str) -> Shelf:
        return Shelf(self, owner)

    def owners(self) -> list[str]:
        return list(dict.fromkeys([*self._responses.owners(), *self._conversations.owners()]))

    def clear(self, owner: str | None = None) -> None:
        self._responses.clear(owner)
        self._conversations.clear(owner)

    # -- responses

    def find_response(self, owner: str, name: str) -> Stored | None:
        found = self._responses.find(owner, name)
        if found is None:
            return None
        text, cancelled, _ = found
        stored = from_text(text)
        stored.cancellation = self._cancellation(owner, name)
        if cancelled is not None:
            stored.cancellation.at = monotonic() - (time.time() - float(cancelled))
        return stored

    def keep_response(self, owner: str, stored: Stored) -> None:
        output = stored.output
        self._responses.keep(owner, output.id, output.stem, as_text(stored))
        stored.cancellation = self._cancellation(owner, output.id)

    def drop_response(self, owner: str, stored: Stored) -> None:
        self._responses.drop(owner, stored.output.id)

    def _cancellation(self, owner: str, name: str) -> Cancellation:
        return _SharedCancellation(
            cancel=lambda: self._responses.change(owner, name, "cancelled", time.time()),
            cancelled=lambda: self._responses.read(owner, name, "cancelled") is not None,
        )

    # -- conversations

    def find_conversation(self, owner: str, name: str) -> Conversation | None:
        found = self._conversations.find(owner, name)
        if found is None:
            return None
        text, _, items = found
        id, stem, created, metadata = json.loads(text)
        return Conversation(id, stem, created, metadata, [json.loads(item) for item in items])

    def keep_conversation(self, owner: str, conversation: Conversation) -> None:
        self._conversations.keep(owner, conversation.id, conversation.stem, _head(conversation))
        if conversation.items:
            self.add_items(owner, conversation, conversation.items)

    def drop_conversation(self, owner: str, conversation: Conversation) -> None:
        self._conversations.drop(owner, conversation.id)

    def set_metadata(self, owner: str, conversation: Conversation, metadata: dict[str, str]) -> None:
        conversation.metadata = metadata
        self._conversations.change(owner, conversation.id, "value", _head(conversation))

    def add_items(self, owner: str, conversation: Conversation, items: list[Json]) -> None:
        if items:
            self._conversations.change(owner, conversation.id, "add", DAY, *map(json.dumps, items))

    def remove_item(self, owner: str, conversation: Conversation, name: str) -> None:
        self._conversations.change(owner, conversation.id, "remove", name)

    def holder(self, owner: str, stem: str) -> Stored | Conversation | None:
        held = self._store.call("GET", self._responses.stems + _suffix(owner, stem))
        if held is None:
            return None
        kind, _, name = held.partition(":")
        return self.find_response(owner, name) if kind == "response" else self.find_conversation(owner, name)


class _Kind:
    """The things of one kind that a mock keeps."""

    def __init__(self, store: Store, mock: str, kind: str, limit: int) -> None:
        self._store = store
        self._kind = kind
        self._limit = limit
        self._index = store.key(f"{kind}s", mock)
        self._things, self._items = store.key(kind, mock, ""), store.key("items", mock, "")
        self.stems = store.key("stem", mock, "")
        self._keys = [self._index, self._things, self._items, self.stems]

    def find(self, owner: str, name: str) -> tuple[str, str | None, list[str]] | None:
        found: Any = self._store.run(_FIND, self._keys, _suffix(owner, name), DAY)
        return found and tuple(found)

    def keep(self, owner: str, name: str, stem: str, value: str) -> None:
        held = f"{self._kind}:{name}"
        thing, own = _suffix(owner, name), _suffix(owner, stem)
        self._store.run(_KEEP, self._keys, thing, own, held, value, self._limit, DAY)

    def drop(self, owner: str, name: str) -> None:
        self._store.run(_DROP, self._keys, _suffix(owner, name))

    def clear(self, owner: str | None) -> None:
        self._store.run(_CLEAR, self._keys, *([] if owner is None else [owner]))

    def change(self, owner: str, name: str, what: str, *values: object) -> None:
        thing = _suffix(owner, name)
        self._store.run(_CHANGE, [self._things + thing, self._items + thing], what, *values)

    def read(self, owner: str, name: str, field: str) -> str | None:
        found: str | None = self._store.call("HGET", self._things + _suffix(owner, name), field)
        return found

    def owners(self) -> list[str]:
        return [json.loads(thing)[0] for thing in self._store.call("ZRANGE", self._index, 0, -1)]


class _SharedCancellation(Cancellation):
    """A cancellation that may come from another process."""

    def __init__(self, cancel: Callable[[], None], cancelled: Callable[[], bool]) -> None:
        super().__init__()
        self._cancel = cancel
        self._cancelled = cancelled

    def cancel(self) -> None:
        self._cancel()
        super().cancel()

    @contextmanager
    def followed(self, wake: Callable[[], None]) -> Iterator[None]:
        looking = gevent.spawn(self._look)
        try:
            with super().followed(wake):
                yield
        finally:
            looking.kill(block=False)

    def _look(self) -> None:
        while self.at is None:
            gevent.sleep(_LOOK)
            with suppress(StateUnavailable):
                if self.at is None and self._cancelled():
                    super().cancel()


def _head(conversation: Conversation) -> str:
    return json.dumps([conversation.id, conversation.stem, conversation.created, conversation.metadata])


def _suffix(owner: str, name: str) -> str:
    return json.dumps([owner, name])
