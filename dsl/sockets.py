"""What a `socket` block says of the WebSockets on its path: what happens by itself, and which rules answer frames.

A handler and a timer are performed as a rule's body is, so each is kept as a rule without a condition.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsl.statements import Delay
from dsl.table import Rule, RuleTable


@dataclass(frozen=True, slots=True)
class Handler:
    """Happens on an event: `connect`, `close`, or the type of a client's frame."""

    event: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Timer:
    """Happens once, `delay` after the socket was opened, or again and again."""

    delay: Delay
    repeated: bool
    rule: Rule


@dataclass(frozen=True, slots=True)
class SocketScript:
    """What the script says of the sockets on `path`. Its rules are tried before those outside of it."""

    path: str
    table: RuleTable
    handlers: tuple[Handler, ...]
    timers: tuple[Timer, ...]

    def on(self, event: str) -> list[Rule]:
        return [handler.rule for handler in self.handlers if handler.event == event]
