"""The conversation on a chat socket in a test: what a short message continues.

A frame is a body of Chat Completions, or one message, which continues what was said before with the parameters of
the last body. Several results of tools are gathered until the last of them has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dsl.testing.outcome import Outcome

Json = dict[str, Any]

# What belongs to a short message itself; all else in its frame is a parameter of the request that it makes.
_MESSAGE_KEYS = frozenset(
    ("role", "content", "name", "refusal", "audio", "tool_calls", "tool_call_id", "function_call")
)
# What a short message does not inherit from the last body.
_OF_ONE_FRAME = frozenset(("messages", "stream"))


@dataclass(frozen=True, slots=True)
class Turn:
    """A frame, as the body of the request that it makes. `parameters` are what later messages inherit.

    `is_incomplete` is whether it gives the result of a tool while others are still to come.
    """

    body: Json
    parameters: Json
    is_incomplete: bool = False


class Conversation:
    """What has been said so far. Calls to which the script gave no id are called `call_1`, `call_2`, …."""

    def __init__(self) -> None:
        self._parameters: Json = {}
        self._messages: list[Json] = []
        self._calls = 0

    def turn(self, frame: Json) -> Turn:
        value = {key: each for key, each in frame.items() if key != "request_id"}
        incomplete = False
        if "role" in value and "messages" not in value:
            message = {key: each for key, each in value.items() if key in _MESSAGE_KEYS}
            parameters = self._parameters
            body = parameters | {key: each for key, each in value.items() if key not in _MESSAGE_KEYS}
            body["messages"] = [*self._messages, message]
            unanswered = self._unanswered()
            incomplete = message["role"] == "tool" and len(unanswered) > 1
            incomplete = incomplete and message.get("tool_call_id") in unanswered
        else:
            body = value
            parameters = {key: each for key, each in value.items() if key not in _OF_ONE_FRAME}
        if body.get("stream") is None:
            body["stream"] = True
        return Turn(body, parameters, incomplete)

    def keep(self, turn: Turn, outcome: Outcome | None) -> None:
        """Make a frame, and what was said to it, part of the conversation."""
        said = [] if outcome is None else [self._message(outcome)]
        self._parameters = turn.parameters
        self._messages = [*turn.body.get("messages", ()), *said]

    def _message(self, outcome: Outcome) -> Json:
        calls = []
        for (name, arguments), given in zip(outcome.called, outcome.call_ids, strict=True):
            self._calls += 1
            function = {"name": name, "arguments": arguments}
            calls.append({"id": given or f"call_{self._calls}", "type": "function", "function": function})
        message: Json = {"role": "assistant", "content": outcome.text or ""}
        if outcome.refusal is not None:
            message["refusal"] = outcome.refusal
        return message | ({"tool_calls": calls} if calls else {})

    def _unanswered(self) -> set[str]:
        """The ids of the calls to which a tool's result is still to come."""
        answered: set[str] = set()
        for message in reversed(self._messages):
            if message["role"] != "tool":
                return {call["id"] for call in message.get("tool_calls") or ()} - answered
            answered.add(message["tool_call_id"])
        return set()
