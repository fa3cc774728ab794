"""Bodies and query parameters of the control API, read and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import request

from mockllm.apis.chat_request import parse
from mockllm.apis.errors import ApiError
from mockllm.control.errors import bad_request

_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?")

_KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    dict: "an object",
}


class Object:
    """A JSON object, whose members are read by their types.

    Whoever has read all that he knows calls `end`, which refuses what is left: a member that nobody reads is a
    mistake of who wrote it.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._left = dict(members)

    def text(self, name: str) -> str:
        return str(self._need(name, str))

    def text_or(self, name: str, default: str | None = None) -> str | None:
        found: str | None = self._take(name, str, default)
        return found

    def script(self) -> str:
        """The text of a script, the member `script`."""
        return as_script(self.text("script"))

    def flag(self, name: str) -> bool:
        return bool(self._take(name, bool, False))

    def object_or_none(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._take(name, dict, None)
        return found

    def word_or_none(self, name: str, words: tuple[str, ...]) -> str | None:
        found = self.text_or(name)
        if found is not None and found not in words:
            raise bad_request(f"`{name}` is one of {', '.join(words)}, not {json.dumps(found)}.", name)
        return found

    def end(self) -> None:
        """Raises:
        ControlError: status 400; there is a member that was not asked for.
        """
        for name in self._left:
            raise bad_request(f"Nothing is called `{name}` here.", name)

    def _need(self, name: str, kind: type) -> Any:
        if self._left.get(name) is None:
            raise bad_request(f"`{name}` is missing: it is {_KINDS[kind]}.", name)
        return self._take(name, kind, None)

    def _take(self, name: str, kind: type, default: Any) -> Any:
        value = self._left.pop(name, None)
        if value is None:
            return default
        if not isinstance(value, kind):
            raise bad_request(f"`{name}` is {_KINDS[kind]}.", name)
        if isinstance(value, str) and _SURROGATE.search(value):
            raise bad_request(f"`{name}` is a text without lone surrogates.", name)
        return value


def body() -> Object:
    """The body of the request, which must be a JSON object.

    Raises:
        ControlError: status 400; it is none.
    """
    return Object(_parsed(request.get_data(cache=False)))


def script_body() -> str:
    """A script: the member `script` of a JSON body, or the whole of a body that is not JSON.

    Raises:
        ControlError: status 400; there is none.
    """
    data = request.get_data(cache=False)
    if is_json():
        members = Object(_parsed(data))
        script = members.script()
        members.end()
        return script
    try:
        return as_script(data.decode())
    except UnicodeDecodeError:
        raise bad_request("A script is UTF-8 text.", "script") from None


def as_script(text: str) -> str:
    """A text as a file would hold it: with line feeds at the ends of lines, and no mark in front.

    Raises:
        ControlError: status 400; no file can hold it.
    """
    if _SURROGATE.search(text):
        raise bad_request("A script is UTF-8 text, and has no lone surrogates.", "script")
    return _LINE_END.sub("\n", text.removeprefix("\ufeff"))


def is_json() -> bool:
    return request.mimetype == "application/json"


def flag_parameter(name: str) -> bool | None:
    """A query parameter that is true or false; None if it is not there."""
    given = request.args.get(name)
    if given is None:
        return None
    if given.lower() not in ("true", "false", "1", "0", ""):
        raise bad_request(f"`{name}` is true or false.", name)
    return given.lower() in ("true", "1", "")


def count_parameter(name: str, *, least: int = 1) -> int | None:
    """A query parameter that is a whole number; None if it is not there."""
    given = request.args.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 19 and int(given) >= least):
        raise bad_request(f"`{name}` is a whole number from {least} on.", name)
    return int(given)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        value = parse(data)
    except ApiError:
        raise bad_request("The body is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise bad_request("The body is a JSON object.")
    return value
