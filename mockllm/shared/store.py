"""The way to Redis: greenlets wait for it, and nothing else does.

The client is redis-py, on gevent's sockets: those of a process that is not monkey patched would hold up every
stream. Each thread that serves has connections of its own, as gevent's sockets belong to one.

Where Redis does not answer, all who ask in the next quarter of a second are told so at once, and do not wait as
long as the first one did. Then it is tried again. The log has a line when it is gone, and one when it is back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import sha1
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from weakref import WeakKeyDictionary

from gevent import socket
from gevent.hub import Hub, get_hub
from gevent.lock import BoundedSemaphore
from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.exceptions import ConnectionError, NoScriptError, RedisError, TimeoutError
from redis.retry import Retry

from mockllm.settings import SettingError
from mockllm.state import StateUnavailable
from mockllm.transports.clock import monotonic

# How long it is kept what nobody uses, in seconds.
DAY = 24 * 60 * 60

# Seconds.
_CONNECT = 1.0
_ANSWER = 2.0
_REST = 0.25

# How many greenlets of a thread may talk to Redis at once.
_MOST_CONNECTIONS = 64

_log = logging.getLogger("mockllm.state")


class Script:
    """A Lua script, which Redis runs in one step."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()


class Store:
    """A Redis database and the prefix of its keys.

    Args:
        url: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE][?prefix=PREFIX]`, or `unix://PATH[?db=…&prefix=…]`.

    Raises:
        SettingError: it is another URL.
    """

    def __init__(self, url: str) -> None:
        self.prefix, self._options = _parsed(url)
        self.shown = _shown(url)
        self._clients: WeakKeyDictionary[Hub, tuple[Redis, BoundedSemaphore]] = WeakKeyDictionary()
        self._reached = False
        self._gone: str | None = None
        self._gone_until = 0.0

    def key(self, *names: str) -> str:
        return ":".join((self.prefix, *names))

    def call(self, *command: Any) -> Any:
        """The answer to a command.

        Raises:
            StateUnavailable: there is none.
        """
        return self._asked(lambda client: client.execute_command(*command))

    def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """What a script returns.

        Raises:
            StateUnavailable: it could not be run, or nobody knows whether it was.
        """
        return self._asked(lambda client: _run(client, script, keys, arguments))

    def pop(self, key: str, seconds: float) -> bool:
        """Wait until there is something in a list, and take it out, for a time at most; whether there was.

        Raises:
            StateUnavailable: that cannot be waited for.
        """
        # Whoever waits here must not stand in the way of those for whom he waits.
        return self._asked(lambda client: client.blpop([key], timeout=seconds), in_line=False) is not None

    def _asked(self, ask: Any, in_line: bool = True) -> Any:
        if self._gone is not None and monotonic() < self._gone_until:
            raise StateUnavailable(self._gone)
        client, line = self._client()
        try:
            if in_line:
                with line:
                    answer = ask(client)
            else:
                answer = ask(client)
        except RedisError as error:
            message = f"The shared state at {self.shown} cannot be had: {_reason(error)}."
            if isinstance(error, ConnectionError | TimeoutError):
                if self._gone is None and self._reached:
                    _log.error("%s", message)
                self._gone, self._gone_until = message, monotonic() + _REST
            else:
                _log.error("%s", message)
            raise StateUnavailable(message) from None
        self._reached = True
        if self._gone is not None:
            self._gone = None
            _log.warning("The shared state at %s is back.", self.shown)
        return answer

    def _client(self) -> tuple[Redis, BoundedSemaphore]:
        hub = get_hub()
        found = self._clients.get(hub)
        if found is None:
            pool = ConnectionPool(
                **self._options,
                socket_connect_timeout=_CONNECT,
                socket_timeout=_ANSWER,
                retry=Retry(NoBackoff(), 0),  # nobody knows whether what failed was done
                decode_responses=True,
                encoding_errors="surrogatepass",  # as JSON may have it
                protocol=2,
            )
            found = self._clients[hub] = Redis(connection_pool=pool), BoundedSemaphore(_MOST_CONNECTIONS)
        return found


class _Connection(Connection):
    def _connect(self) -> Any:
        made = socket.create_connection((self.host, self.port), self.socket_connect_timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.settimeout(self.socket_timeout)
        return made


class _UnixConnection(UnixDomainSocketConnection):
    def _connect(self) -> Any:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(self.socket_connect_timeout)
        try:
            made.connect(self.path)
        except OSError:
            made.close()
            raise
        made.settimeout(self.socket_timeout)
        return made


# How connections to each kind of place are made, and what is told of it.
_KINDS: dict[str, tuple[type[AbstractConnection], set[str]]] = {
    "redis": (_Connection, {"host", "port", "db", "username", "password"}),
    "unix": (_UnixConnection, {"path", "db", "username", "password"}),
}


def _parsed(url: str) -> tuple[str, dict[str, Any]]:
    """The prefix and the options of a connection pool."""
    wanted = (
        "the URL of a state is `redis://HOST[:PORT][/DATABASE]` or `unix://PATH`, with `?prefix=…` if you like"
    )
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        prefix = query.pop("prefix", "mockllm")
        options = dict(parse_url(f"{url.partition('?')[0]}?{urlencode(query)}"))  # type: ignore[no-untyped-call]
        kind, known = _KINDS[parts.scheme]
    except (ValueError, KeyError):  # whose texts may quote a part of a password
        raise SettingError(f"{wanted}, not {_shown(url)!r}") from None
    unknown = sorted(options.keys() - known - {"connection_class"})
    if unknown:
        raise SettingError(f"{wanted}; it has no option `{unknown[0]}`")
    return prefix, {**options, "connection_class": kind}


def _shown(url: str) -> str:
    """A URL without its password. The options behind `?` may hold one, too."""
    scheme, found, place = url.partition("://") if "://" in url else ("", "", url)
    before, _, options = place.partition("?")
    if "@" in options:  # of the password, which is not quoted as it must be, or of an option
        before = "…"
    return f"{scheme}{found}{before.rpartition('@')[2]}"


def _run(client: Redis, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    try:
        return client.evalsha(script.digest, len(keys), *keys, *arguments)
    except NoScriptError:  # it has forgotten it, or never knew it
        return client.eval(script.text, len(keys), *keys, *arguments)


def _reason(error: RedisError) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
