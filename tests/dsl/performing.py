"""Scripts performed without a server: a conversation with one, and what an answer says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from dsl import Script, compile_script, compile_text, timeline
from dsl.request import Headers, Message, Messages, Request
from dsl.session import Session
from dsl.table import Match
from dsl.timeline import Timeline

NOON = datetime(2026, 1, 2, 12, 34, 56, tzinfo=UTC)


def request(
    user: str | None = None,
    *,
    system: str | None = None,
    assistant: Sequence[str] = (),
    results: dict[str, str] | None = None,
    header: dict[str, str] | None = None,
    **fields: Any,
) -> Request:
    """A request with a conversation of: the system's message, earlier turns, the user's, results of tools."""
    messages: list[Message] = []
    if system is not None:
        messages.append(Message("system", system))
    for text in assistant:
        messages += (Message("user", "…"), Message("assistant", text))
    if user is not None:
        messages.append(Message("user", user))
    for name, text in (results or {}).items():
        messages.append(Message("tool", text, tool_call_id=f"call_{name}", name=name))
    fields.setdefault("messages", Messages(messages))
    return Request(header=Headers(header or {}), **fields)


class Talk:
    """One session with a script; every answer draws from the same random numbers."""

    def __init__(self, script: Script | str | Path, seed: int = 1) -> None:
        if isinstance(script, Path):
            script = compile_script(script)
        self.script = compile_text(script) if isinstance(script, str) else script
        self.session = Session()
        self.random = Random(seed)

    def match(self, asked: Request) -> Match | None:
        return self.script.table.first(asked, self.session)

    def perform(self, asked: Request) -> Timeline:
        match = self.match(asked)
        assert match is not None, "no rule answers"
        return self.script.perform(match, asked, self.session, lambda: self.random, lambda: NOON)

    def ask(self, user: str | None = "hi", **fields: Any) -> Timeline:
        return self.perform(request(user, **fields))

    def say(self, user: str | None = "hi", **fields: Any) -> str:
        """The text of the answer."""
        return text(self.ask(user, **fields))

    def rule(self, user: str | None = "hi", **fields: Any) -> str | None:
        """The name of the rule that answers; None if none does."""
        match = self.match(request(user, **fields))
        return match.rule.name if match else None


def said(
    answer: Timeline, kind: type[timeline.Text | timeline.Think | timeline.Refuse], choice: int = 0
) -> list[str]:
    return [event.text for event in answer.events if isinstance(event, kind) and event.choice == choice]


def chunks(answer: Timeline, choice: int = 0) -> list[str]:
    return said(answer, timeline.Text, choice)


def text(answer: Timeline, choice: int = 0) -> str:
    return "".join(chunks(answer, choice))


def thought(answer: Timeline, choice: int = 0) -> str:
    return "".join(said(answer, timeline.Think, choice))


def calls(answer: Timeline) -> list[tuple[str, str]]:
    """Name and arguments of each tool call."""
    names = {event.index: event.name for event in answer.events if isinstance(event, timeline.Call)}
    texts = {
        index: "".join(e.text for e in answer.events if isinstance(e, timeline.Arguments) and e.index == index)
        for index in names
    }
    return [(name, texts[index]) for index, name in names.items()]


def times(answer: Timeline) -> list[float]:
    """When each piece of text is due."""
    return [event.at for event in answer.events if isinstance(event, timeline.Text)]
