"""One `response.create` of `WS /v1/responses`, with its answer, and what the connection remembers of the others.

The events are those of the stream over HTTP, bare, and with the `stream_id` of the lane that they are on. What
differs is said here: an error is a frame with its `status`, a comment is a ping, a client may continue what was
not stored, and it may warm up (`"generate": false`): then a response comes to be that says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from dsl.request import Headers, Request
from dsl.timeline import Close, Cut, End, Ending, Fail
from mockllm.apis import errors, responses_request
from mockllm.apis.answer import Answer
from mockllm.apis.chat_request import LARGEST_KEPT, MOST_KEPT, parse
from mockllm.apis.errors import ApiError
from mockllm.apis.replies import bare_parts
from mockllm.apis.responses import refuses
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_request import Asked, Items, Json
from mockllm.apis.responses_stream import Wire, failure, parts
from mockllm.apis.serialise import compact, utf8
from mockllm.archive import Shelf, Stored
from mockllm.chance import Draws
from mockllm.responses_api import continue_conversation
from mockllm.transports.frames import Body, Frame, Part, Reply, Stream

# Keys of the frame that are no parameters of the request. `stream` and `background` are not meant to be sent, but
# some clients do.
_OF_THE_FRAME = frozenset(("type", "stream_id", "generate", "stream", "background"))


@dataclass
class Memory:
    """The newest response of each lane of a connection, stored or not: what a request may continue.

    It is the `Past` of the requests on this connection, in front of what is stored.
    """

    shelf: Shelf
    latest: dict[str | None, Stored] = field(default_factory=dict)

    def response(self, name: str) -> Items | None:
        found = self.stored(name)
        return self.shelf.response(name) if found is None else found.items

    def stored(self, name: object) -> Stored | None:
        """The response of this name, on this connection or off it; None if there is none."""
        found = next((stored for stored in self.latest.values() if stored.output.id == name), None)
        return self.shelf.stored(name) if found is None else found

    def conversation(self, name: str) -> Items | None:
        return self.shelf.conversation(name)

    def item(self, name: str) -> Json | None:
        return self.shelf.item(name)

    def evict(self, lane: str | None, name: object) -> None:
        """Forget a response that a request on its own lane has failed to continue."""
        if lane in self.latest and self.latest[lane].output.id == name:
            del self.latest[lane]


class Turn:
    """One `response.create`: Responses for `Mock.answer`.

    Attributes:
        generates: whether it asks for an answer, or only warms up.

    Args:
        frame: the client's event.
        lane: its `stream_id`, or None.
        began: when it came, in seconds of the monotonic clock.
        elapsed: how long the socket had been open then, in seconds.
    """

    def __init__(
        self, memory: Memory, frame: Json, lane: str | None, size: int, began: float, elapsed: float
    ) -> None:
        self.generates = frame.get("generate") is not False
        self._memory = memory
        self._lane = lane
        self._frame = frame
        self._size = size
        self._began = began
        self._elapsed = elapsed
        self._before: Stored | Items = ()
        self._new: Items = ()
        self._output: Output | None = None
        self._ending: Ending | None = None
        self._failed = False

    # -- for `Mock.answer` ------------------------------------------------------------------------------------

    def decode(
        self, body: bytes, *, path: str, query: Mapping[str, str], headers: Headers, lenient: bool
    ) -> Request:
        asked = _alone(body, lenient) if len(body) <= LARGEST_KEPT else None
        if asked is None:
            asked = responses_request.from_value(_body(self._frame), past=self._memory, lenient=lenient)
        self._before = self._memory.stored(self._frame.get("previous_response_id")) or asked.before
        self._new = asked.new
        return asked.request.again(
            path=path,
            query=query,
            header=headers,
            transport="websocket",
            event="response.create",
            elapsed=self._elapsed,
        )

    def reply(self, answer: Answer) -> Reply:
        timeline = answer.timeline
        if isinstance(timeline.ending, Fail) and refuses(answer):
            self._failed = True
            error = errors.from_fail(timeline.ending, prompt="input")
            return Stream(error.status, (), iter(self._failure(error, timeline.duration)), timeline.split)
        if timeline.is_bare:
            self._ending = timeline.ending
            return Stream(200, (), bare_parts(timeline), timeline.split)
        self._output = Output(answer)
        self._ending = timeline.ending
        return Stream(timeline.status or 200, (), self._parts(answer), timeline.split)

    def error_reply(self, error: ApiError, random: Draws) -> Body:
        self._failed = True
        return Body(error.status, (), error_frame(error, self._lane), End(0))

    model_not_found = staticmethod(errors.response_model_not_found)

    # -- the answer -------------------------------------------------------------------------------------------

    @property
    def end(self) -> Close | None:
        """What the end of the answer does: it closes the socket so, or leaves it open if None."""
        match self._ending:
            case Close() as close:
                return close
            case Cut(at=at, clean=True):
                return Close(at)
        return None

    def keep(self, outcome: str) -> None:
        """Remember what the answer was, or that it failed."""
        if self._failed:
            self._memory.evict(self._lane, self._frame.get("previous_response_id"))
        elif self._output is not None and outcome == "complete":
            stored = Stored(self._output, self._new, self._before, self._began, self._size)
            self._memory.latest[self._lane] = stored
            continue_conversation(self._memory.shelf, self._output, self._new)
            if self._frame.get("store") is not False:
                self._memory.shelf.keep_response(stored)

    def _parts(self, answer: Answer) -> Iterator[Part]:
        assert self._output is not None
        timeline, ending = answer.timeline, answer.timeline.ending
        if isinstance(ending, Fail) and failure(answer) is None:
            self._failed = True
            cut = replace(timeline, ending=Cut(ending.at, clean=True))
            output = self._output.with_answer(replace(answer, timeline=cut))
            yield from (part for part in self._spoken(output) if not isinstance(part, End))
            yield from self._failure(errors.from_fail(ending, prompt="input"), ending.at)
        else:
            yield from self._spoken(self._output)

    def _spoken(self, output: Output) -> Iterator[Part]:
        return parts(output, Wire(sse=False, lane=self._lane))

    def _failure(self, error: ApiError, at: float) -> tuple[Part, ...]:
        return Frame(at, error_frame(error, self._lane)), End(at)


@lru_cache(maxsize=MOST_KEPT)
def _alone(data: bytes, lenient: bool) -> Asked | None:
    """What a frame asks, if it refers to nothing that was said before."""
    return responses_request.alone(_body(parse(data)), lenient=lenient)


def _body(frame: Json) -> Json:
    """The body that a frame would be over HTTP."""
    body = {key: value for key, value in frame.items() if key not in _OF_THE_FRAME} | {"stream": True}
    if frame.get("generate") is False and body.get("input") is None:
        body["input"] = []  # a warm-up may have nothing to say yet
    return body


def error_frame(error: ApiError, lane: str | None = None) -> bytes:
    """An error as an event. Clients need its `status` and a `code`, so that one without gets its type."""
    told: dict[str, Any] = {"type": error.type, "code": error.code or error.type, "message": error.message}
    if error.param is not None:
        told["param"] = error.param
    on = {} if lane is None else {"stream_id": lane}
    return utf8(compact({"type": "error", "status": error.status, **on, "error": told}))
