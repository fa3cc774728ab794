from __future__ import annotations

import pytest

from dsl import tokens
from mockllm.mock_server import MockServer


def test_the_vocabulary_is_there_before_a_client_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[None] = []
    monkeypatch.delenv("MOCKLLM_TOKENS", raising=False)
    monkeypatch.setattr(tokens, "_loaded", lambda: loaded.append(None))
    with MockServer('otherwise reply "Hello."'):
        assert loaded
