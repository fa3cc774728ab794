"""Who may drive a server, and who may call the API that it mocks: by its address, a token, a key.

`mockllm.control.access` asks these questions of requests.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from mockllm.apis import errors

if TYPE_CHECKING:
    from flask import Request

# What says that a proxy passes a request on, whatever else it says.
_PROXIED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_VIA")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what.

    Attributes:
        token: what the control API asks for; None if it is open to this machine, and to no other.
        key: the API key that the mocked endpoints ask for; None if they ask for none.
    """

    token: str | None = None
    key: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Access:
        """The access that `MOCKLLM_TOKEN` and `MOCKLLM_KEY` give."""
        return cls(environ.get("MOCKLLM_TOKEN") or None, environ.get("MOCKLLM_KEY") or None)

    def is_open(self, environ: Mapping[str, Any]) -> bool:
        """Whether the request needs no token."""
        if self.token is not None or any(name in environ for name in _PROXIED):
            return False
        return is_loopback(environ.get("SERVER_NAME", "")) and is_loopback(environ.get("REMOTE_ADDR", ""))

    def allows(self, asked: Request) -> bool:
        """Whether the request may drive the server."""
        return self.is_open(asked.environ) or self._has_token(asked)

    def is_token(self, text: str) -> bool:
        return self._is_token(_bytes(text))

    @property
    def cookie(self) -> str:
        """What the cookie of who knows the token holds."""
        return hmac.new(_bytes(self.token or ""), b"mockllm console", sha256).hexdigest()

    @staticmethod
    def cookie_name(environ: Mapping[str, Any]) -> str:
        """What the cookie is called.

        Browsers send a cookie to all ports of a host (RFC 6265, section 8.5). So each of several servers on a host
        has one of a name of its own, and logging in to one does not log out of the other. The port is the one that
        the browser asks for, which need not be the server's own.
        """
        port = environ.get("HTTP_HOST", "").rpartition(":")[2]
        return f"mockllm_token_{port}" if port.isascii() and port.isdecimal() else "mockllm_token"

    def sent_cookie(self, asked: Request) -> str:
        """What the request has as its cookie; empty if there is none."""
        return asked.cookies.get(self.cookie_name(asked.environ), "")

    def _has_token(self, asked: Request) -> bool:
        if self.token is None:
            return False
        scheme, _, text = asked.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(_sent(text)):
            return True
        return hmac.compare_digest(_bytes(self.sent_cookie(asked)), _bytes(self.cookie))

    def _is_token(self, given: bytes) -> bool:
        return self.token is not None and hmac.compare_digest(given, _bytes(self.token))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _sent(text: str) -> bytes:
    """The bytes of a header's value, which WSGI has as Latin-1 (PEP 3333)."""
    return text.encode("latin-1", "replace").strip(b" \t")


def check_key(access: Access, asked: Request) -> None:
    """Ask who calls the mocked API for its key, if one is needed.

    Raises:
        ApiError: status 401, as the real API has it.
    """
    if access.key is None:
        return
    scheme, _, key = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise errors.missing_api_key()
    if not hmac.compare_digest(_sent(key), _bytes(access.key)):
        raise errors.invalid_api_key(_masked(key.strip()))


def _masked(key: str) -> str:
    """A key as a message may quote it."""
    shown = "".join(each if each.isascii() and each.isprintable() else "?" for each in key)
    return f"{shown[:3]}{'*' * 8}{shown[-4:]}" if len(shown) > 12 else "*" * len(shown)


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(24)


def is_loopback(address: str) -> bool:
    """Whether an address, or a name, is this machine's to itself."""
    if _is_localhost(address.lower()):
        return True
    try:
        found = ip_address(address.strip("[]"))
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")
