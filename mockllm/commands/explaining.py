"""Requests for `mockllm explain`: from a body, or from the journal of a running server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from types import MappingProxyType
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from dsl import Script
from dsl.diagnostics import did_you_mean
from dsl.request import Headers, Request
from dsl.session import Session
from dsl.session_names import session_name
from dsl.trace import Trace, trace
from mockllm import journaled
from mockllm.apis import chat_request, errors, responses_request
from mockllm.journaled import NotKept, request_of, tables_of

# How long a server that is asked for its journal may take, in seconds.
PATIENCE = 10.0


class NoRequest(Exception):
    """There is no request to explain. Its text is one line for whoever asked."""


def request_of_body(body: bytes, endpoint: str, headers: Headers, lenient: bool) -> Request:
    """The request that a body makes of an endpoint.

    Raises:
        ApiError: the API would refuse it.
    """
    if endpoint == "responses":
        path = "/v1/responses"
        return responses_request.decode(body, path=path, headers=headers, lenient=lenient).request
    return chat_request.decode(body, path="/v1/chat/completions", headers=headers, lenient=lenient)


def request_of_journal(url: str, name: str, headers: Headers, lenient: bool) -> Request:
    """The request with the id `name` in the journal of the server at `url`.

    Raises:
        ApiError: the API refuses it.
        NoRequest: there is none.
    """
    entries = _journal(url.rstrip("/").removesuffix("/v1"))
    entry = next((entry for entry in entries if str(entry.get("id")) == name), None)
    if entry is None:
        ids = [str(entry.get("id")) for entry in entries]
        known = f"it has {ids[0]} to {ids[-1]}" if ids else "it is empty"
        raise NoRequest(f"the journal of {url} has no request {name}: {known}")
    try:
        request = request_of(entry, lenient=lenient)
    except NotKept as error:
        raise NoRequest(str(error)) from None
    request.header = Headers({**request.header, **headers})
    return request


def _journal(url: str) -> list[Mapping[str, Any]]:
    try:
        # Not by a proxy: the server is mostly on this machine.
        opener = build_opener(ProxyHandler({}))
        token = os.environ.get("MOCKLLM_TOKEN")
        if token:
            opener.addheaders = [("authorization", f"Bearer {token}")]
        with opener.open(f"{url}/-/journal", timeout=PATIENCE) as answer:
            entries = json.load(answer)["entries"]
    except HTTPError as error:
        error.close()
        wanted = ": it wants its token, in MOCKLLM_TOKEN" if error.code == 401 else f": status {error.code}"
        raise NoRequest(f"{url} gives no journal{wanted}") from None
    except (OSError, HTTPException) as error:
        raise NoRequest(f"{url} gives no journal: {getattr(error, 'reason', None) or error}") from None
    except (ValueError, KeyError, TypeError):
        raise NoRequest(f"{url} gives no journal: is it a mockllm server?") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise NoRequest(f"{url} gives no journal: is it a mockllm server?")
    return entries


def states_of(script: Script, written: Iterable[str]) -> dict[str, str]:
    """States by scenario, each written as `SCENARIO=STATE`.

    Raises:
        NoRequest: the script has no such scenario or state.
    """
    scenarios = {scenario.name: scenario.states for scenario in script.scenarios}
    states: dict[str, str] = {}
    for each in written:
        name, _, state = each.partition("=")
        if name not in scenarios:
            known = did_you_mean(name, scenarios) or f"there is {' and '.join(scenarios) or 'none'}"
            raise NoRequest(f"no scenario is called {name}; {known}")
        if state not in scenarios[name]:
            help = did_you_mean(state, scenarios[name]) or f"its states are {', '.join(scenarios[name])}"
            raise NoRequest(f"the scenario {name} has no state `{state}`; {help}")
        states[name] = state
    return states


def explained(
    script: Script, request: Request, headers: Headers, states: Mapping[str, str] = MappingProxyType({})
) -> Trace:
    """How the script takes the request, as the first of its session, or with its scenarios in these states.

    Raises:
        ApiError: there is no such model.
    """
    if script.models is not None and request.model is not None and request.model not in script.models:
        refuse = errors.response_model_not_found if request.endpoint == "responses" else errors.model_not_found
        raise refuse(request.model)
    request.session = script.conversation(request) or request.session or session_name(headers)
    session = Session(request.session)
    for scenario in script.scenarios:
        if scenario.name in states:
            scenario.home(request, session).go(scenario.name, states[scenario.name])
    return trace(tables_of(script, request), request, session)


def notes_on(found: Trace, request: Request, from_journal: bool) -> list[str]:
    """What a trace cannot know."""
    notes = journaled.notes_on(found, request) if from_journal else []
    counted = found.tests("nth") or found.tests("memory")
    if counted:
        notes.append("this is taken for the first request of its session: nothing is counted or remembered yet")
    return notes
