"""`/-/mocks/{mock}/sessions`: what is remembered, read and set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Flask, Response, jsonify, request

from dsl.scenarios import Scenario
from dsl.session import Session
from dsl.templates import plain
from mockllm.control import bodies
from mockllm.control.errors import bad_request, no_such
from mockllm.control.store import Store
from mockllm.mock import ANSWERS, Mock

# How many sessions are told if nobody says how many.
_USUAL = 100

# Counters of our own begin with it; a script cannot write it.
_OURS = "\0"

# What follows the line in the key of a rule without a name.
_OFFSET = re.compile(r"(:[0-9]+):[0-9]+(?=#|$)")


def add_routes(app: Flask, store: Store) -> None:
    add = app.add_url_rule
    add("/-/mocks/<mock>/sessions", "list_sessions", partial(_list, store))
    add("/-/mocks/<mock>/session", "read_session", partial(_read, store))
    add("/-/mocks/<mock>/session", "reset_session", partial(_reset, store), methods=["DELETE"])
    add("/-/mocks/<mock>/session/state", "set_state", partial(_set_state, store), methods=["PUT"])


def _list(store: Store, mock: str) -> Response:
    found = store.find(mock)
    names = found.sessions.names()
    limit = bodies.count_parameter("limit") or _USUAL
    newest = names[::-1][:limit]
    return jsonify(total=len(names), sessions=[_told(found, found.sessions.look(name)) for name in newest])


def _read(store: Store, mock: str) -> Response:
    found = store.find(mock)
    return jsonify(_told(found, found.sessions.look(_name())))


def _reset(store: Store, mock: str) -> Response:
    store.find(mock).reset(_name())
    return Response(status=204)


def _set_state(store: Store, mock: str) -> Response:
    found, name = store.find(mock), _name()
    members = bodies.body()
    called, state, by = members.text("scenario"), members.text("state"), members.text_or("by")
    members.end()
    scenario = next((each for each in found.script.scenarios if each.name == called), None)
    if scenario is None:
        raise no_such(f"scenario `{called}`", "scenario")
    if state not in scenario.states:
        raise bad_request(f"`{called}` has the states {', '.join(scenario.states)}, and no {state!r}.", "state")
    if (by is None) != (scenario.by is None):
        message = f"`{called}` is one for the session." if by else f"`{called}` has one for each `by`: which?"
        raise bad_request(message, "by")
    with found.sessions.use(name) as session:
        home = session if by is None else session.part(called, by)
        home.go(called, state)
    return jsonify(_told(found, found.sessions.look(name)))


def _name() -> str:
    """The name of the session that the request means."""
    name = request.args.get("name")
    if not name:
        raise bad_request("`name` is missing: the name of a session.", "name")
    return name


def _told(mock: Mock, session: Session) -> dict[str, Any]:
    return {
        "name": session.name,
        "answers": session.count(ANSWERS),
        "counters": _counters(session),
        "memory": _memory(session),
        "scenarios": [told for scenario in mock.script.scenarios for told in _states(scenario, session)],
    }


def _memory(session: Session) -> dict[str, Any]:
    return {name: plain(value) for name, value in session.memory.items()}


def _counters(session: Session) -> dict[str, int]:
    """Counters by the names of their rules, or their places: `faq.llmock:9`, or `faq.llmock:9#1` of a `sequence`.

    (The offset that tells rules on one line from each other is left out where there is one rule.)
    """
    told: dict[str, int] = {}
    for key, count in session.counters.items():
        if not key.startswith(_OURS):
            brief = _OFFSET.sub(r"\1", key)
            told[key if brief in told else brief] = count
    return told


def _states(scenario: Scenario, session: Session) -> Iterator[dict[str, Any]]:
    """The state of a scenario; of one `by` a field, for each of its values that has come, with its memory."""
    homes: list[tuple[str | None, Session]] = [(None, session)]
    if scenario.by is not None:
        homes = [(value, part) for (name, value), part in session.parts.items() if name == scenario.name]
    for by, home in homes:
        told = {"name": scenario.name, "by": by, "state": home.state(scenario.name) or scenario.states[0]}
        yield told if by is None else told | {"counters": _counters(home), "memory": _memory(home)}
