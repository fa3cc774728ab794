"""A script answers from Redis as it does from memory, to the byte."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dsl import compile_script
from dsl.request import Headers
from mockllm.apis.endpoints import Chat
from mockllm.mock import Mock
from mockllm.settings import Settings
from mockllm.state import state_at
from mockllm.transports.frames import Body
from tests.server.harness import CHECKOUT

FOLDERS = ("examples", "tests/testing/passing", "tests/clients")
REMEMBERS = re.compile(r"\b(nth|sequence|cycle|remember|limit|scenario) ")
SCRIPTS = [
    script
    for folder in FOLDERS
    for script in sorted((CHECKOUT / folder).glob("*.llmock"))
    if REMEMBERS.search(script.read_text())
]
ROUNDS = 3


def answers(script: Path, state: str | None) -> list[Any]:
    """What is said to all texts that the script has, some times, in two sessions; and what is remembered then."""
    made = state_at(state)
    mock = Mock("", compile_script(script), Settings(seed=1), made.journal(1_000), made)
    texts = sorted(set(re.findall(r'"([^"{}\n]{1,40})"', script.read_text())))
    found: list[Any] = []
    for round in range(ROUNDS):
        for text in texts:
            headers = Headers({"x-mockllm-session": f"s{round % 2}", "x-order": str(len(text) % 2)})
            body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}], "user": text})
            reply, entry = mock.answer(
                Chat(), "POST", "/v1/chat/completions", {}, headers, body.encode(), generate=True
            )
            found.append((entry.rule, entry.place, entry.seed, entry.error, entry.status))
            if isinstance(reply, Body):
                found.append((_untimed(reply.headers), reply.data))
    for name in ("s0", "s1"):
        session = mock.sessions.look(name)
        found.append((session.counters, session.memory, session.states))
        parts = {key: (part.counters, part.memory, part.states) for key, part in session.parts.items()}
        found.append({key: part for key, part in parts.items() if any(part)})
    return found


def _untimed(headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Without those that tell how much time has passed."""
    return [header for header in headers if not re.search("ratelimit|retry", header[0])]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_where_it_is_remembered_makes_no_difference(script: Path, state: str) -> None:
    remembered = answers(script, None)
    assert any(part for part in remembered)
    assert answers(script, state) == remembered
