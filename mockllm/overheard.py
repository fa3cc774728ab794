"""An API that remembers what it was asked and what it was to say."""

from __future__ import annotations

from collections.abc import Mapping

from dsl.request import Headers, Request
from mockllm.apis.answer import Answer
from mockllm.apis.errors import ApiError
from mockllm.chance import Draws
from mockllm.mock import Api
from mockllm.transports.frames import Body, Reply


class Overheard:
    """Another API, listened to.

    Attributes:
        request: what it was asked; None if that could not be read.
        answer: what it was to say; None if nothing was performed.
        error: why nothing was.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self.request: Request | None = None
        self.answer: Answer | None = None
        self.error: ApiError | None = None

    @property
    def missed(self) -> bool:
        """Whether no rule answered."""
        return self.request is not None and self.error is not None and self.error.code == "no_rule_matched"

    def decode(
        self, body: bytes, *, path: str, query: Mapping[str, str], headers: Headers, lenient: bool
    ) -> Request:
        self.request = self._api.decode(body, path=path, query=query, headers=headers, lenient=lenient)
        return self.request

    def reply(self, answer: Answer) -> Reply:
        self.answer = answer
        return self._api.reply(answer)

    def error_reply(self, error: ApiError, random: Draws) -> Body:
        self.error = error
        return self._api.error_reply(error, random)

    def model_not_found(self, model: str) -> ApiError:
        return self._api.model_not_found(model)
