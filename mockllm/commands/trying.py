"""One request to a script without a server: what `mockllm try` asks, and what it hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dsl import Script
from dsl.request import Headers
from dsl.session import Session
from dsl.testing.requests import tool_of
from dsl.trace import Trace, trace
from mockllm.apis.answer import Answer
from mockllm.apis.chat_object import spoken_choices
from mockllm.apis.endpoints import Chat
from mockllm.apis.errors import ApiError
from mockllm.apis.usage import usage
from mockllm.journal import Entry, Journal
from mockllm.mock import Mock
from mockllm.overheard import Overheard
from mockllm.responses_api import Responses
from mockllm.settings import Settings
from mockllm.transports.clock import monotonic
from mockllm.transports.frames import Reply

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}


@dataclass(frozen=True, slots=True)
class Heard:
    """How a script answered.

    Attributes:
        reply: what a transport would play.
        answer: what was performed, or None if nothing was.
        error: why nothing was.
        trace: how the rules took the request; None if they were not asked or one of them answered.
    """

    reply: Reply
    entry: Entry
    answer: Answer | None
    error: ApiError | None
    trace: Trace | None

    @property
    def tokens(self) -> int:
        """The tokens of what was said."""
        if self.answer is None:
            return 0
        said, copies = spoken_choices(self.answer)
        counted: int = usage(self.answer, said.values(), copies).completion
        return counted


def ask(script: Script, endpoint: str, body: bytes, headers: Headers, seed: int | None) -> Heard:
    """Ask a script as the first client of a server that has just been started.

    Args:
        endpoint: `chat` or `responses`.
        seed: decides what the script leaves to chance; None leaves it to the script.
    """
    mock = Mock("", script, Settings(seed=seed), Journal(1))
    shelf = mock.archive.shelf("")
    api = Overheard(Chat() if endpoint == "chat" else Responses(shelf, monotonic()))
    reply, entry = mock.answer(api, "POST", PATHS[endpoint], {}, headers, body)
    found = None
    if api.missed and api.request is not None:
        # As it was before the request came: rules that count have counted it.
        found = trace([script.table], api.request, Session(api.request.session))
    return Heard(reply, entry, api.answer, api.error, found)


def body_of(
    endpoint: str, message: str, model: str, system: str | None, tools: Sequence[str], stream: bool
) -> dict[str, Any]:
    """The body of a request that says one message, and offers tools of these names."""
    offered = {"tools": [tool_of(name, endpoint == "chat") for name in tools]} if tools else {}
    if endpoint == "responses":
        instructions = {} if system is None else {"instructions": system}
        return {"model": model, **instructions, "input": message, **offered, "stream": stream}
    told = [] if system is None else [{"role": "system", "content": system}]
    messages = [*told, {"role": "user", "content": message}]
    return {"model": model, "messages": messages, **offered, "stream": stream}


def first_model(script: Script) -> str:
    """A model that there is."""
    return Mock("", script, Settings(), Journal(1)).models()[0]
