"""Which player plays a reply."""

from __future__ import annotations

from mockllm.transports.frames import Body, Reply
from mockllm.transports.json import JsonPlayer
from mockllm.transports.player import Player
from mockllm.transports.sse import SsePlayer
from mockllm.transports.watch import Watcher


def player_of(reply: Reply, began: float, watcher: Watcher | None = None) -> Player:
    """The player of a reply. `began` is when its request arrived, on the monotonic clock."""
    if isinstance(reply, Body):
        return JsonPlayer(reply, began, watcher)
    return SsePlayer(reply, began, watcher)
