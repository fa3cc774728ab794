from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.control.serving import in_memory, serving


@pytest.fixture(scope="session", autouse=True)
def estimated() -> Iterator[None]:
    """No vocabulary: it takes its time to load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOCKLLM_TOKENS", "estimate")
        yield


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client of a server that serves one script from memory."""
    with serving(in_memory()) as client:
        yield client
