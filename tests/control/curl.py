"""What documents type: curl, sent to a server of the test's own."""

from __future__ import annotations

import shlex
from pathlib import Path

import httpx

# Where the server is in documents.
URL = "http://127.0.0.1:8000"


def curl(client: httpx.Client, command: str) -> httpx.Response:
    """What a curl command gets, read as curl reads it."""
    words = iter(shlex.split(command.replace("\\\n", " "))[1:])
    method = url = None
    headers: dict[str, str] = {}
    content: bytes | None = None
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            content, method = next(words).encode(), method or "POST"
        elif word == "-T":
            content, method = Path(next(words)).read_bytes(), method or "PUT"
        else:
            assert word.startswith(URL) and url is None, word
            url = word.removeprefix(URL)
    return client.request(method or "GET", url or "", headers=headers, content=content)
