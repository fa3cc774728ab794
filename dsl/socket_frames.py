"""Frames of sockets on paths of a script's own: what they carry, whatever protocol they belong to."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def spoken(frame: Json) -> str | None:
    """The text of the user's turn that a frame carries, in any of the forms that socket protocols have for it."""
    if frame.get("role", "user") != "user":
        return None
    for key in ("input", "content", "text", "message", "item"):
        value = frame.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            return spoken(value)
        if isinstance(value, list):
            texts = [found for part in value if isinstance(part, dict) and (found := spoken(part)) is not None]
            if texts:
                return "\n".join(texts)
    return None
