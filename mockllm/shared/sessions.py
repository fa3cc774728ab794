"""Sessions in Redis, each locked while one request moves it.

A session is a hash. To use it is to be written into it as its holder, for a time that only a dead process would
use up; the same step gives what the session remembers. To leave it writes what has changed and strikes the holder
out, unless another one is written there by now. So both are one step of Redis each, and no two processes move a
session at once.

Who finds it held waits for an element of a list, which a holder who leaves puts there if somebody waits; and for
some milliseconds only who has taken such an element can enter, so that nobody who comes later is first. Within a
process the greenlets that want a session stand in a line, and only the first of them asks Redis. One hands the
session on to the next, some times, before the process leaves it to others: each still writes what it has moved
before its answer is played.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import gevent
from gevent.lock import BoundedSemaphore

from dsl.session import MOST_PARTS, Session
from mockllm.apis import errors
from mockllm.shared.session import ROOT, SharedSession
from mockllm.shared.store import DAY, Script, Store
from mockllm.state import StateUnavailable
from mockllm.transports.clock import monotonic

# Seconds. What is done with a session takes milliseconds.
_HELD = 5
_PATIENCE = 10.0
_NAP = 0.5

# How many uses in a row a process makes of a session before others have their turn.
_ROW = 16

_ENTER = Script("""
local session, names = KEYS[1], KEYS[2]
local token, name, held, kept, limit, prefix, woken = unpack(ARGV)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', session, 'holder', 'until', 'root')
if found[1] and tonumber(found[2]) > now and not (found[1] == 'the next' and woken == '1') then
    redis.call('HSET', session, 'awaited', now + 1000)
    return false
end
redis.call('HSET', session, 'holder', token, 'until', now + held * 1000)
redis.call('EXPIRE', session, kept)
local added = redis.call('ZADD', names, now, name)
redis.call('EXPIRE', names, kept)
if added == 1 then
    while redis.call('ZCARD', names) > tonumber(limit) do
        redis.call('DEL', prefix .. redis.call('ZPOPMIN', names)[1])
    end
end
return {time[1], time[2], found[3]}
""")

_LEAVE = Script("""
local session, wake = KEYS[1], KEYS[2]
local token, most, held = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
if redis.call('HGET', session, 'holder') ~= token then
    return false
end
for at = 4, #ARGV, 2 do
    redis.call('HSET', session, ARGV[at], ARGV[at + 1])
end
while redis.call('HLEN', session) > most do
    local field = redis.call('HRANDFIELD', session)
    if string.sub(field, 1, 5) == 'part:' then
        redis.call('HDEL', session, field)
    end
end
if held > 0 then
    redis.call('HSET', session, 'until', time[1] * 1000 + math.floor(time[2] / 1000) + held * 1000)
    return time
end
redis.call('HDEL', session, 'holder', 'until')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local awaited = redis.call('HGET', session, 'awaited')
if awaited and tonumber(awaited) > now and redis.call('LLEN', wake) == 0 then
    redis.call('LPUSH', wake, '')
    redis.call('EXPIRE', wake, 2)
    redis.call('HSET', session, 'holder', 'the next', 'until', now + 50)
end
return time
""")

_CLEAR = Script("""
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('DEL', ARGV[1] .. name)
end
redis.call('DEL', KEYS[1])
""")

_FORGET = Script("""
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
""")


class SharedSessions:
    """The sessions of one mock: at most `limit`, of which the longest unused are forgotten first.

    Of more than 10,000 parts of a session any may be forgotten.
    """

    def __init__(self, store: Store, mock: str, limit: int) -> None:
        self._store = store
        self._mock = mock
        self._limit = limit
        self._names = store.key("sessions", mock)
        self._lines: dict[str, _Line] = {}

    @contextmanager
    def use(self, name: str) -> Iterator[Session]:
        with self._in_line(name) as line:
            session = line.held = line.held or self._enter(name)
            try:
                yield session
            finally:
                line.held = None
                line.uses += 1
                if self._leave(session, stay=line.length > 1 and line.uses % _ROW > 0):
                    line.held = session

    def look(self, name: str) -> Session:
        key = self._key(name)
        found = self._store.call("HGETALL", key)
        session = SharedSession(self._store, key, name, time.time(), found.get(ROOT))
        session.read_parts(found)
        return session

    def names(self) -> list[str]:
        return list(self._store.call("ZRANGE", self._names, 0, -1))

    def clear(self, name: str | None = None) -> None:
        if name is None:
            self._store.run(_CLEAR, [self._names], self._key(""))
        else:
            self._store.run(_FORGET, [self._key(name), self._names], name)

    def _key(self, name: str) -> str:
        return self._store.key("session", self._mock, name)

    @contextmanager
    def _in_line(self, name: str) -> Iterator[_Line]:
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = _Line()
        line.length += 1
        try:
            with line.turn:
                yield line
        finally:
            line.length -= 1
            if line.length == 0:
                del self._lines[name]
                if line.held is not None:  # those to whom it was handed on have gone away
                    gevent.spawn(self._abandon, name, line.held.token)

    def _enter(self, name: str) -> SharedSession:
        key, token = self._key(name), uuid4().hex
        tired, woken = monotonic() + _PATIENCE, False
        try:
            while True:
                limits = _HELD, DAY, self._limit
                found = self._store.run(
                    _ENTER, [key, self._names], token, name, *limits, self._key(""), int(woken)
                )
                if found is not None:
                    session = SharedSession(self._store, key, name, _seconds(found[:2]), found[2])
                    session.token, session.since = token, monotonic()
                    return session
                if monotonic() > tired:
                    raise StateUnavailable(
                        f"The session {name!r} was used by others for {_PATIENCE:.0f} s, all the time."
                    )
                woken = self._store.pop(self._wake(name), _NAP)
        except BaseException:
            # It may be held all the same: the answer to that was lost, or this greenlet was killed.
            gevent.spawn(self._abandon, name, token)
            raise

    def _leave(self, session: SharedSession, *, stay: bool) -> bool:
        """Write what has moved. To `stay` keeps hold of it, and is done if the result says so."""
        try:
            changes = session.changes()
        except (TypeError, ValueError) as error:
            self._abandon(session.name, session.token)
            raise errors.script_error(f"What the session remembers is no JSON: {error}.") from None
        try:
            found = self._write(session.name, session.token, _HELD if stay else 0, changes)
        except BaseException:
            gevent.spawn(self._abandon, session.name, session.token)
            raise
        if found is None:
            # Without a holder before that time it was cleared meanwhile, and what moved was the session of before.
            if monotonic() - session.since > _HELD:
                raise StateUnavailable(
                    f"The session {session.name!r} was given to others: this answer took more than {_HELD} s."
                )
            return False
        session.now, session.since = _seconds(found), monotonic()
        return stay

    def _abandon(self, name: str, token: str) -> None:
        with suppress(StateUnavailable):  # then it is free again after a while
            self._write(name, token, 0, [])

    def _write(self, name: str, token: str, held: float, changes: list[str]) -> list[str] | None:
        """The time of Redis, or None if someone else holds it. It is `held` for so many seconds more."""
        keys = [self._key(name), self._wake(name)]
        found: list[str] | None = self._store.run(_LEAVE, keys, token, MOST_PARTS + 3, held, *changes)
        return found

    def _wake(self, name: str) -> str:
        return self._store.key("wake", self._mock, name)


class _Line:
    """The greenlets that want one session. `held` is what one of them hands on to the next."""

    def __init__(self) -> None:
        self.turn = BoundedSemaphore(1)
        self.length = 0
        self.uses = 0
        self.held: SharedSession | None = None


def _seconds(time: list[str]) -> float:
    """A time that Redis tells, in seconds."""
    return int(time[0]) + int(time[1]) / 1e6
