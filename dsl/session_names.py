"""How a request names its session, where the script's `conversation by` does not."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from dsl.request import Headers

SESSION_HEADER = "x-mockllm-session"


def session_name(header: Headers) -> str:
    """The session that headers name: by `x-mockllm-session`, else by the API key; else there is one for all.

    A key is never shown: a session that is told by it is called by its digest.
    """
    named = header.get(SESSION_HEADER)
    if named:
        return named
    return _keyed(header.get("authorization", ""))


@lru_cache(maxsize=1024)
def _keyed(authorization: str) -> str:
    scheme, _, key = authorization.partition(" ")
    return f"key-{sha256(key.encode()).hexdigest()[:12]}" if scheme.lower() == "bearer" and key else "default"
