"""Whatever a body says, the control API has an answer to it, and serves on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control.serving import SCRIPT, in_memory, serving

_TEXTS = st.text(max_size=12) | st.sampled_from(
    ["-", "hello", "quota", "json", "sse", "websocket", "chat", "responses"]
)
_SCRIPTS = st.sampled_from([SCRIPT, 'otherwise reply "x"', "otherwise repli", 'include "x"']) | st.text(
    max_size=40
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "script": _SCRIPTS | _JSON,
        "mock": st.just("-") | _JSON,
        "name": _JSON,
        "message": _TEXTS | _JSON,
        "body": st.fixed_dictionaries(
            {}, optional={"model": _JSON, "messages": _JSON, "input": _JSON, "stream": _JSON}
        )
        | _JSON,
        "endpoint": st.sampled_from(["chat", "responses"]) | _JSON,
        "transport": st.sampled_from(["json", "sse", "websocket"]) | _JSON,
        "headers": st.dictionaries(_TEXTS, _TEXTS, max_size=2) | _JSON,
        "session": _JSON,
        "seed": _TEXTS | _JSON,
        "move": _JSON,
        "scenario": st.just("checkout") | _JSON,
        "state": st.just("paying") | _JSON,
        "token": _JSON,
    },
)
_CALLS = st.sampled_from(
    [
        ("POST", "/-/check"),
        ("POST", "/-/format"),
        ("POST", "/-/test"),
        ("POST", "/-/try"),
        ("POST", "/-/explain"),
        ("POST", "/-/login"),
        ("POST", "/-/mocks"),
        ("PUT", "/-/mocks/-"),
        ("PUT", "/-/mocks/-/session/state?name=x"),
    ]
)


@pytest.fixture(scope="module")
def served() -> Iterator[httpx.Client]:
    with serving(in_memory()) as client:
        yield client


@settings(max_examples=150, deadline=None)
@given(call=_CALLS, members=_MEMBERS)
def test_no_body_makes_it_fail(served: httpx.Client, call: tuple[str, str], members: dict[str, Any]) -> None:
    method, path = call
    try:
        answer = served.request(method, path, json=members)
    except UnicodeEncodeError:
        return  # the client cannot send it
    assert answer.status_code < 500, answer.text
    assert answer.status_code < 300 or set(answer.json()["error"]) >= {"message", "code"}
