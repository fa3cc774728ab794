"""A server of each kind for the script of a test module, and the SDK's clients to ask it with.

A module says `SCRIPT = "name.llmock"`; its tests share one server of each kind, and have sessions of their own,
because each test uses an API key of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from dsl import check
from dsl.diagnostics import as_text
from tests.clients.asking import SCRIPTS, Async, Kind, Sdk, Sync, mock
from tests.server.harness import Served

KINDS: tuple[Kind, ...] = ("command", "gunicorn")

# gunicorn's own log.
_EXPECTED = re.compile(r"\[\d{4}-.*")


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    return kind


@pytest.fixture(scope="module")
def server(kind: Kind, request: pytest.FixtureRequest) -> Iterator[Served]:
    """Serves the module's script. Whatever the tests do to it, it logs warnings of the script and nothing else."""
    script = SCRIPTS / request.module.SCRIPT
    warnings = "\n\n".join(map(as_text, check(script)))
    with mock(kind, script) as served:
        yield served
        served.kill()
        logged = served.stderr.replace(warnings, "") if warnings else served.stderr
        assert [line for line in logged.splitlines() if line and not _EXPECTED.fullmatch(line)] == []


@pytest.fixture
def key() -> str:
    """An API key of the test's own, and so a session."""
    return f"sk-{uuid4()}"


@pytest.fixture(params=[Sync, Async])
def sdk(request: pytest.FixtureRequest, server: Served, key: str) -> Sdk:
    sdk: Sdk = request.param(f"{server.url}/v1", key)
    return sdk
