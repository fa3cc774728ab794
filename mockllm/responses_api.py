"""The Responses API for one request: it reads what came before from a shelf, and puts the response there."""

from __future__ import annotations

from collections.abc import Mapping

from dsl.records import changed
from dsl.request import Headers, Request
from mockllm.apis import errors, replies, responses
from mockllm.apis.answer import Answer
from mockllm.apis.errors import ApiError
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_request import Asked, Items, decode
from mockllm.archive import Shelf, Stored, with_identifiers
from mockllm.chance import Draws, Seeded
from mockllm.transports.frames import Body, Reply, Stream


class Responses:
    """Responses, for one `Mock.answer`. `began` is when the request came, in seconds of the monotonic clock."""

    def __init__(self, shelf: Shelf, began: float) -> None:
        self._shelf = shelf
        self._began = began
        self._size = 0
        self._asked: Asked | None = None

    def decode(
        self, body: bytes, *, path: str, query: Mapping[str, str], headers: Headers, lenient: bool
    ) -> Request:
        self._size = len(body)
        self._asked = decode(body, past=self._shelf, path=path, query=query, headers=headers, lenient=lenient)
        return self._asked.request

    def reply(self, answer: Answer) -> Reply:
        output = Output(answer)
        reply = responses.reply(output)
        # A body that a script writes itself is no response, and a refusal leaves none behind.
        if self._asked is not None and not responses.refuses(answer) and not answer.timeline.only_raw:
            stored = self._keep(output, self._asked)
            if stored.background and isinstance(reply, Stream):
                return changed(reply, cancellation=stored.cancellation)
        return reply

    def error_reply(self, error: ApiError, random: Draws) -> Body:
        return replies.error_reply(error, random)

    def model_not_found(self, model: str) -> ApiError:
        return errors.response_model_not_found(model)

    def _keep(self, output: Output, asked: Asked) -> Stored:
        body = output.answer.body
        before = self._shelf.stored(body.get("previous_response_id")) or asked.before
        stored = Stored(output, asked.new, before, self._began, self._size)
        if body.get("store") is not False:
            self._shelf.keep_response(stored)
        continue_conversation(self._shelf, output, asked.new)
        return stored


def continue_conversation(shelf: Shelf, output: Output, new: Items) -> None:
    """Put what was newly asked and what was answered into the conversation that the request names, if it does."""
    named = output.answer.body.get("conversation")
    if named is not None:
        conversation = shelf.find_conversation(named["id"] if isinstance(named, dict) else named)
        asked = with_identifiers(new, output.stem, output.answer.created, Seeded(output.id))
        shelf.add_items(conversation, [*asked, *output.values()])
