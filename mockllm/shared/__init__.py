"""State in Redis, for servers of several processes, on one machine or more.

All processes that are told the same URL have the same sessions, stored responses, journal and drawn seeds. What is
written here outlives them by a day, after which nobody has used it.

A session is locked while a request is matched and performed, which is before its answer is played: so it is read
and written once a request, and no step is given twice (`sessions.py`). Nothing waits but greenlets: the sockets
are gevent's own (`redis.py`), in a process that is monkey patched and in one that is not.

All keys begin with the prefix of the URL. `[…]` is a JSON list of texts:

    P:seed:MOCK                        the seed that was drawn
    P:session:MOCK:NAME                a hash: `root` and its parts; who holds it, until when
    P:sessions:MOCK                    a sorted set of the names, by their last use
    P:wake:MOCK:NAME                   a list: who waits for the session takes from it
    P:response:MOCK:[owner,id]         a hash: `value`, the stem of its items, when it was cancelled
    P:responses:MOCK                   a sorted set of `[owner,id]`, by their last use
    P:conversation:MOCK:[owner,id]     a hash: `value`, the stem of its items
    P:conversations:MOCK               a sorted set of `[owner,id]`, by their last use
    P:items:MOCK:[owner,id]            a list: the items of a conversation
    P:stem:MOCK:[owner,stem]           which of the things above gives its items this stem
    P:journal, P:journal:changes       a hash of entries by id, a sorted set of ids by the version of their change
    P:journal:ids, P:journal:version   how many there have been
"""

from __future__ import annotations

from mockllm.settings import SettingError
from mockllm.state import State, StateUnavailable


def shared_state(url: str) -> State:
    """The state at a `redis://` or `unix://` URL, which may have a `prefix` among its parameters.

    Raises:
        SettingError: it is no such URL, the package `redis` is not installed, or there is no Redis there now.
    """
    try:
        from mockllm.shared.keepers import Shared
        from mockllm.shared.store import Store
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        message = "a state in Redis needs a package more: pip install 'mockllm-server[redis]'"
        raise SettingError(message) from None
    store = Store(url)
    try:
        store.call("PING")
    except StateUnavailable as error:
        raise SettingError(error.message) from None
    return Shared(store)
