from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.server.harness import KINDS, Kind, Served, serve

# gunicorn's own log, and the two things of which we log one line each.
_EXPECTED = re.compile(r"\[\d{4}-.*|malformed request: .*|an answer broke off, .*")


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    return kind


@pytest.fixture(scope="session")
def server(kind: Kind) -> Iterator[Served]:
    """A server that plays the scenes of `stage`. Whatever the tests do to it, it must log no traceback."""
    with serve(kind, "tests.server.stage:app") as served:
        yield served
        assert [line for line in served.stderr.splitlines() if not _EXPECTED.fullmatch(line)] == []
