"""One frame of a client of `WS /v1/chat`, with its answer, and the conversation that it continues.

The chunks are those of the stream over HTTP. What differs is said here: a `request_id` goes into every object
as a further key, an error is a frame wherever it happens, and a comment is a ping.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dsl.records import changed
from dsl.request import Headers, Request
from dsl.speech import speeches
from dsl.timeline import ByteRate, Call, Close, Comment, Cut, End, Event, Fail, Push, Raw, Timeline
from mockllm.apis import chat_request, errors, identifiers, replies
from mockllm.apis.answer import Answer
from mockllm.apis.chat_object import completion, custom_tools, opened_call, uses_functions
from mockllm.apis.chat_parameters import MESSAGE
from mockllm.apis.chat_stream import Framing, parts
from mockllm.apis.errors import ApiError
from mockllm.apis.serialise import compact, utf8
from mockllm.apis.validation import Text
from mockllm.chance import Draws
from mockllm.transports.frames import Body, Frame, Part, Reply, Stream
from mockllm.transports.websocket import LARGEST_MESSAGE

Json = dict[str, Any]

_REQUEST_ID = Text(longest=512)

# What belongs to a short message itself; all else in its frame is a parameter of the request that it makes.
_MESSAGE_KEYS = frozenset(
    ("role", "content", "name", "refusal", "audio", "tool_calls", "tool_call_id", "function_call")
)

# What a short message does not inherit from the last body.
_OF_ONE_FRAME = frozenset(("messages", "stream"))


class Conversation:
    """What the next short message continues.

    Attributes:
        parameters: those of the last body that was answered, without its messages.
        messages: those of that body, and all that have been said since.
        size: about how many bytes the messages have.
    """

    def __init__(self) -> None:
        self.parameters: Json = {}
        self.messages: list[Json] = []
        self.size = 0


class Turn:
    """One frame of the client, with its answer: Chat Completions for `Mock.answer`.

    Attributes:
        elapsed: how long the socket has been open when the answer begins, in seconds.
        is_incomplete: whether the frame gives the result of a tool while others are still to come.
    """

    def __init__(self, conversation: Conversation, message: str | bytes) -> None:
        self.elapsed = 0.0
        self.is_incomplete = False
        self._conversation = conversation
        self._size = len(message)
        self._id: str | None = None
        self._body: Json = {}
        self._parameters: Json = {}
        self._answer: Answer | None = None
        self._error: ApiError | None = None
        try:
            self._read(message)
        except ApiError as error:
            self._error = error

    def _read(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            raise ApiError(400, "A request is a text frame, and this is a binary one.")
        value = chat_request.parse(message.encode())
        if not isinstance(value, dict):
            raise errors.not_json()
        if value.get("request_id") is not None:
            _REQUEST_ID.check(value["request_id"], "request_id")
            self._id = value["request_id"]
        value.pop("request_id", None)
        if "role" in value and "messages" not in value:
            self._read_message(value)
        else:
            self._body = value
            self._parameters = {key: each for key, each in value.items() if key not in _OF_ONE_FRAME}
        if self._body.get("stream") is None:
            self._body["stream"] = True

    def _read_message(self, value: Json) -> None:
        """Reads a short message, which is a whole body by what was there before."""
        known = self._conversation
        self._size += known.size
        if self._size > LARGEST_MESSAGE:
            raise errors.request_too_large()
        message = {key: each for key, each in value.items() if key in _MESSAGE_KEYS}
        self._parameters = known.parameters
        self._body = known.parameters | {key: each for key, each in value.items() if key not in _MESSAGE_KEYS}
        if self._body.get("stream") is False:
            self._body.pop("stream_options", None)
        self._body["messages"] = [*known.messages, message]
        if message["role"] == "tool":
            unanswered = _unanswered(known.messages)
            MESSAGE.check(message, f"messages[{len(known.messages)}]")
            self.is_incomplete = len(unanswered) > 1 and message["tool_call_id"] in unanswered

    # -- for `Mock.answer` ------------------------------------------------------------------------------------

    def decode(
        self, body: bytes, *, path: str, query: Mapping[str, str], headers: Headers, lenient: bool
    ) -> Request:
        if self._error is not None:
            raise self._error
        found = chat_request.from_value(self._body, path=path, query=query, headers=headers, lenient=lenient)
        found.transport = "websocket"
        found.elapsed = self.elapsed
        return found

    def reply(self, answer: Answer) -> Reply:
        timeline = answer.timeline
        meta = timeline.meta if self._id is None else {**timeline.meta, "request_id": self._id}
        events = _with_call_ids(timeline, answer.random)
        self._answer = answer = replace(answer, timeline=replace(timeline, events=events, meta=meta))
        status, found = timeline.status or 200, self._parts(answer)
        if isinstance(timeline.ending, Fail):
            error = errors.from_fail(timeline.ending)
            if not (answer.request.stream and timeline.speaks):
                status = error.status
            found = self._failing(answer, error)
        elif timeline.is_bare:
            found = replies.bare_parts(timeline)
        return Stream(status, (), found, timeline.split)

    def error_reply(self, error: ApiError, random: Draws) -> Body:
        return Body(error.status, (), self._envelope(error), End(0))

    generates = True

    model_not_found = staticmethod(errors.model_not_found)

    # -- the answer -------------------------------------------------------------------------------------------

    @property
    def end(self) -> Close | None:
        """What the end of the answer does: it closes the socket so, or leaves it open if None."""
        match self._answer and self._answer.timeline.ending:
            case Close() as close:
                return close
            case Cut(at=at, clean=True):
                return Close(at)
        return None

    def keep(self) -> None:
        """Makes the frame, and what was said to it, part of the conversation: unless that was an error."""
        if self.is_incomplete or (self._answer and not isinstance(self._answer.timeline.ending, Fail)):
            said = [] if self._answer is None else [_spoken(self._answer)]
            self._conversation.parameters = self._parameters
            self._conversation.messages = [*self._body["messages"], *said]
            self._conversation.size = self._size + len(compact(said))

    def _parts(self, answer: Answer) -> Iterator[Part]:
        if answer.request.stream:
            yield from parts(answer, Framing())
            return
        ending = answer.ending
        limit, rate, interrupted = replies.brakes(answer)
        if rate is not None:
            yield ByteRate(ending.at, rate, interrupted)
        if limit is not None:
            yield changed(limit, at=ending.at)
        for event in answer.timeline.events:
            if isinstance(event, Comment | Push):
                yield replies.own_frame(event, sse=False)
        if isinstance(ending, End) and (
            answer.timeline.completes or not isinstance(answer.timeline.ending, Close)
        ):
            yield Frame(ending.at, _in_one_line(answer))
        yield ending

    def _failing(self, answer: Answer, error: ApiError) -> Iterator[Part]:
        """What was said before a failure, if the answer streams, and the failure."""
        at = answer.timeline.duration
        if answer.request.stream:
            speaking = replace(answer, timeline=replace(answer.timeline, ending=Cut(at, clean=True)))
            yield from (part for part in self._parts(speaking) if not isinstance(part, End))
        yield Frame(at, self._envelope(error))
        yield End(at)

    def _envelope(self, error: ApiError) -> bytes:
        tag = {} if self._id is None else {"request_id": self._id}
        return utf8(compact(error.envelope | tag))


def _in_one_line(answer: Answer) -> bytes:
    """A completion as a frame has it; what the script wrote itself is left as it is."""
    body = completion(answer)
    if any(isinstance(event, Raw) for event in answer.timeline.events):
        return body
    return utf8(compact(json.loads(body)))


def _with_call_ids(timeline: Timeline, random: Draws) -> tuple[Event, ...]:
    """The events; each call has its identifier now, as the conversation needs to know it later."""
    return tuple(
        changed(event, id=identifiers.tool_call(random)) if isinstance(event, Call) and event.id is None else event
        for event in timeline.events
    )


def _spoken(answer: Answer) -> Json:
    """The message that the answer is: that of its first choice."""
    said = next(iter(speeches(answer.timeline.events).values()))
    calls = [opened_call(each.call, custom_tools(answer), each.arguments) for each in said.calls.values()]
    message: Json = {"role": "assistant", "content": "".join(said.texts)}
    if said.refusals:
        message["refusal"] = "".join(said.refusals)
    if calls and uses_functions(answer):
        message["function_call"] = calls[0]["function"]
    elif calls:
        message["tool_calls"] = calls
    return message


def _unanswered(messages: list[Json]) -> set[str]:
    """The identifiers of the calls to which a tool's result is still to come."""
    answered: set[str] = set()
    for message in reversed(messages):
        if message["role"] != "tool":
            return {call["id"] for call in message.get("tool_calls") or ()} - answered
        answered.add(message["tool_call_id"])
    return set()
