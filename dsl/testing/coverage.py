"""What of a script its tests have reached: rules, and the steps of what chooses among several.

A compiled step says that it was performed only to a session that watches for it, as those of tests do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsl import nodes
from dsl.records import Record
from dsl.session import Session
from dsl.source import Span

if TYPE_CHECKING:
    from dsl.performance import Performance, Statement


class WatchedSession(Session):
    """A session that notes in `reached` which rules and steps it reaches, by where they are written."""

    def __init__(self, name: str, reached: set[Span]) -> None:
        super().__init__(name)
        self.reached = reached

    def _new_part(self, key: tuple[str, str]) -> Session:
        return WatchedSession(self.name, self.reached)


class Step(Record, frozen=True):
    """One of several bodies of a `sequence`, `cycle` or `pick`, or the one of a `chance`."""

    span: Span
    body: Statement

    def perform(self, on: Performance) -> None:
        if isinstance(on.session, WatchedSession):
            on.session.reached.add(self.span)
        self.body.perform(on)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a script that a test can reach. `what` is how a report calls it: `rule greet`."""

    span: Span
    what: str

    @property
    def place(self) -> str:
        """`FILE:LINE`."""
        return f"{self.span.source.name}:{self.span.line}"


def parts(items: Iterable[nodes.Item]) -> list[Part]:
    """All the parts of a script that a test can reach, in the order in which they are written."""
    return [part for item in items if not isinstance(item, nodes.Test) for part in _parts(item, "")]


def unreached(found: Iterable[Part], reached: Collection[Span]) -> list[Part]:
    return [part for part in found if part.span not in reached]


def _parts(node: nodes.Node, within: str) -> Iterator[Part]:
    what = _called(node)
    if what is not None:
        yield Part(node.span, what)
        within = what
    if isinstance(node, nodes.Define):
        within = f"block {node.name.text}"
    for number, child in enumerate(nodes.children(node), 1):
        if isinstance(child, nodes.Step):
            word = type(node).__name__.lower()
            yield Part(child.span, f"{within or 'defaults'}, step {number} of its {word}")
        elif isinstance(node, nodes.Socket) and isinstance(child, nodes.Every | nodes.After):
            yield Part(child.span, " ".join(child.span.text.split()[:2]))
        elif isinstance(child, nodes.Chance):
            yield Part(child.span, f"{within or 'defaults'}, chance {child.percent.span.text}")
        yield from _parts(child, within)


def _called(node: nodes.Node) -> str | None:
    match node:
        case nodes.Rule(name=name, condition=condition):
            if name is not None:
                return f"rule {name.text}"
            return f"when {condition.span.brief}" if condition is not None else "otherwise"
        case nodes.On(event=event):
            return f"on {event.text}"
    return None
