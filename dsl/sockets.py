"""What a `socket` block says of the WebSockets on its path: what happens by itself, and which rules answer frames.

A handler and a timer are performed as a rule's body is, so each is kept as a rule without a condition.
"""

from __future__ import annotations

from dsl.records import Record
from dsl.table import Rule, RuleTable
from dsl.times import Delay


class Handler(Record, frozen=True):
    """Happens on an event: `connect`, `close`, or the type of a client's frame."""

    event: str
    rule: Rule


class Timer(Record, frozen=True):
    """Happens once, `delay` after the socket was opened, or again and again."""

    delay: Delay
    repeated: bool
    rule: Rule


class SocketScript(Record, frozen=True):
    """What the script says of the sockets on `path`. Its rules are tried before those outside of it."""

    path: str
    table: RuleTable
    handlers: tuple[Handler, ...]
    timers: tuple[Timer, ...]

    def on(self, event: str) -> list[Rule]:
        return [handler.rule for handler in self.handlers if handler.event == event]
