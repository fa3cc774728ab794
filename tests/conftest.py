from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import settings

from tests.shared.redis_server import RedisServer

# How long an example takes says nothing on a machine that does other things as well.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="rewrite the expected files of golden tests")


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis for all tests that leave it as it is."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def state(redis: RedisServer) -> str:
    """The URL of a state that no other test has."""
    return redis.url(uuid4().hex)
