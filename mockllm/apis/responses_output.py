"""What a timeline says as the output of a response: its shape, with the identifiers of this answer.

These are all drawn here, in the order of the items, and before anything else of an answer: so an answer has the
same ones streamed and in one piece. All else about an output is its shape, which is kept of an answer that is the
same every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dsl.request import Messages
from mockllm.apis import identifiers
from mockllm.apis.answer import Answer
from mockllm.apis.holes import mark, number_mark
from mockllm.apis.responses_shape import Item, Place, Shape, Traits
from mockllm.apis.serialise import compact, utf8
from mockllm.apis.usage import response_usage
from mockllm.chance import Seeded

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Output:
    """The output of one answer.

    Attributes:
        id: the identifier of the response, its script's if it sets one.
        stem: what it has in common with the identifiers of its items.
        traits, shape: what it was made of.
        items: the output items, in order.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.stem = identifiers.stem(answer.random)
        drawn = identifiers.stored("resp", self.stem, answer.created, answer.random)
        given = answer.timeline.meta.get("id")
        self.id: str = given if isinstance(given, str) else drawn
        self.created_at: int | str = answer.created
        self._input_tokens: int | None = None
        self.traits = traits = Traits.of(answer.body)
        events = answer.timeline.events
        self.shape = answer.timeline.once(("shape", traits), lambda: Shape(events, traits))
        self.items = [item.named(self.stem, answer.created, answer.random) for item in self.shape.items]

    @property
    def places(self) -> Iterator[Place | None]:
        """For each event of the timeline the item and part that it adds to, or None."""
        for place in self.shape.places:
            if place is None:
                yield None
            else:
                item = self.items[place[0]]
                yield item, None if place[1] is None else item.parts[place[1]]

    def with_holes(self) -> Output:
        """The same output with marks in place of its identifiers and times (see `mockllm.apis.holes`)."""
        changed = self.with_answer(replace(self.answer, random=Seeded("")))  # what is drawn for it is for nobody
        changed.id, changed.created_at = mark("response"), number_mark("created")
        changed.items = [
            replace(
                item,
                id=mark(f"id{item.index}"),
                call_id=mark(f"call{item.index}") if self._draws_call(item) else item.call_id,
                encrypted=mark(f"secret{item.index}") if item.encrypted is not None else None,
            )
            for item in self.items
        ]
        return changed

    def _draws_call(self, item: Item) -> bool:
        """Whether an item is a call whose identifier the script leaves to the API."""
        return item.name is not None and self.shape.items[item.index].call_id is None

    def drawn(self) -> dict[str, bytes]:
        """What belongs into the holes."""
        found = {
            "response": utf8(compact(self.id)[1:-1]),
            "created": b"%d" % self.answer.created,
            "completed": b"%d" % (self.answer.created + self.seconds),
        }
        for item in self.items:
            found[f"id{item.index}"] = item.id.encode()
            if item.call_id is not None:
                found[f"call{item.index}"] = utf8(compact(item.call_id)[1:-1])
            if item.encrypted is not None:
                found[f"secret{item.index}"] = item.encrypted.encode()
        return found

    def with_answer(self, answer: Answer) -> Output:
        """The same output of another answer, whose events say the same."""
        changed = object.__new__(Output)
        changed.__dict__ = self.__dict__ | {"answer": answer}
        return changed

    def settled(self) -> Output:
        """The same output without the conversation that it answers, of which only the tokens are still of use."""
        answer = self.answer
        request = answer.request.again(messages=Messages(), kept=None)
        settled = self.with_answer(Answer(request, answer.timeline, answer.random, answer.created))
        settled._input_tokens = self.input_tokens()
        return settled

    @property
    def seconds(self) -> int:
        """How long the response takes, in whole seconds."""
        return int(self.answer.timeline.duration)

    @property
    def completed_at(self) -> int | str:
        return number_mark("completed") if isinstance(self.created_at, str) else self.created_at + self.seconds

    @property
    def last(self) -> Item | None:
        """The item that was being said at the end."""
        return max(self.items, key=lambda item: item.last, default=None)

    @property
    def incomplete(self) -> str | None:
        """Why the response is incomplete, or None if it is not."""
        return _INCOMPLETE.get(self.shape.finish or "")

    def values(self, status: str = "completed") -> list[dict[str, Any]]:
        """All items as JSON; `status` is that of the one that was said last."""
        last = self.last
        return [item.value(status if item is last else "completed") for item in self.items]

    def usage(self) -> dict[str, Any]:
        given = self.answer.timeline.usage
        said, thoughts = self.shape.counts
        asked = given["input"] if "input" in given else self.input_tokens()
        output = given.get("output", said)
        return response_usage(asked, output, given.get("cached", 0), given.get("reasoning", thoughts))

    def input_tokens(self) -> int:
        if self._input_tokens is None:
            self._input_tokens = self.answer.request.messages.tokens
        return self._input_tokens

    def know_input_tokens(self, count: int) -> None:
        """Take a count for the one that the request has, which lacks its messages."""
        self._input_tokens = count
