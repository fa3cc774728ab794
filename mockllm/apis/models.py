"""`GET /v1/models`, `GET /v1/models/{model}`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mockllm.apis.errors import ApiError


def model_object(model: str, created: int) -> dict[str, Any]:
    """One model; `created` is in Unix seconds."""
    return {"id": model, "object": "model", "created": created, "owned_by": "system"}


def model_list(models: Iterable[str], created: int) -> dict[str, Any]:
    return {"object": "list", "data": [model_object(model, created) for model in models]}


def model_not_found(model: str) -> ApiError:
    """An unknown model asked for by its own URL, which words it otherwise than a completion does."""
    return ApiError(404, f"The model '{model}' does not exist", param="model", code="model_not_found")
