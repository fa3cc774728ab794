"""Responses and conversations that are kept, so that later requests can continue, read, cancel or delete them.

They belong to whom the request's headers name: the `x-mockllm-session`, else the API key. (Not to the session
that a script's `conversation by` names, which reads the body: a request for a stored response has none.)

A stored response is kept as the output that it was made from, and written anew whenever it is asked for. It is
as far as its timeline is by the clock: `queued` (in the background) until the script says something,
`in_progress` until it ends, and then whatever it ends as. So a response in the background needs no thread to be
made. What it continues is not copied into it: it has a link to the response before it, which lives as long.

What keeps them is an `Archive`: in memory (`MemoryArchive`), or in Redis for several processes.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Protocol

from dsl.request import Request
from dsl.timeline import End, Hang, Said, Text, Timeline
from mockllm.apis import errors, identifiers
from mockllm.apis.answer import Answer
from mockllm.apis.responses import final_status
from mockllm.apis.responses_items import as_listed
from mockllm.apis.responses_output import Output
from mockllm.apis.responses_request import Items, Json
from mockllm.chance import Draws, Seeded
from mockllm.transports.cancellation import Cancellation

MOST_CONVERSATIONS = 10_000
_MOST_BYTES = 256 * 1024 * 1024


@dataclass(eq=False)
class Stored:
    """A stored response.

    Attributes:
        new: the items of its own input.
        before: what it continues: a response, or the items that a conversation had then.
        began: when its request came, in seconds of the monotonic clock.
        size: the bytes of its request's body.
        cancellation: ends its streams if it is cancelled before it has ended.
    """

    output: Output
    new: Items = ()
    before: Stored | Items = ()
    began: float = 0.0
    size: int = 0
    cancellation: Cancellation = field(default_factory=Cancellation)
    _listed: list[Json] | None = None

    def __post_init__(self) -> None:
        self.output = self.output.settled()

    @property
    def background(self) -> bool:
        return self.output.answer.body.get("background") is True

    @property
    def cancelled(self) -> bool:
        return self.cancellation.at is not None

    @property
    def context(self) -> Items:
        """The items that it answers: what it continues, and its own input."""
        found, before = [self.new], self.before
        while isinstance(before, Stored):  # not by recursion: a conversation may have thousands of turns
            found += (before.said, before.new)
            before = before.before
        return tuple(chain(before, *reversed(found)))

    @property
    def said(self) -> Items:
        """The items of its output; a cancelled one has said nothing."""
        return () if self.cancelled else self._said

    @cached_property
    def _said(self) -> Items:
        return tuple(self.output.values())  # nobody asks this of most responses

    @property
    def items(self) -> Items:
        """All that was said up to its end, for those that continue it."""
        return (*self.context, *self.said)

    def status(self, now: float) -> str:
        """How far it is at `now`, in seconds of the monotonic clock."""
        if self.cancelled:
            return "cancelled"
        timeline = self.output.answer.timeline
        elapsed = now - self.began
        if elapsed >= timeline.duration and not isinstance(timeline.ending, Hang):
            return final_status(self.output)
        first = next((event.at for event in timeline.events if isinstance(event, Said)), timeline.duration)
        return "queued" if self.background and elapsed < first else "in_progress"

    def input_items(self) -> list[Json]:
        """What it answers, each item with an identifier and a status."""
        if self._listed is None:
            output = self.output
            self._listed = with_identifiers(self.context, output.stem, output.answer.created, Seeded(output.id))
        return self._listed


@dataclass(eq=False)
class Conversation:
    """A conversation; its items all have identifiers, which have its `stem` or a response's in them.

    What changes it is a `Shelf`.
    """

    id: str
    stem: str
    created: int
    metadata: dict[str, str]
    items: list[Json] = field(default_factory=list)

    @property
    def is_placeholder(self) -> bool:
        """Whether it stands for one that a lenient archive does not have."""
        return not self.stem

    @property
    def value(self) -> Json:
        return {
            "id": self.id,
            "object": "conversation",
            "created_at": self.created,
            "metadata": self.metadata,
        }


class Archive(Protocol):
    """All that one mock keeps. `lenient`: see `Shelf`.

    Each of its methods raises `StateUnavailable` if it cannot be reached. What it gives is used and forgotten:
    another time there may be another object for the same thing. `find_…` makes what it finds the newest.
    """

    lenient: bool

    def shelf(self, owner: str) -> Shelf: ...

    def owners(self) -> list[str]:
        """All to whom something belongs."""

    def clear(self, owner: str | None = None) -> None:
        """Forget what belongs to one owner, or everything."""

    def find_response(self, owner: str, name: str) -> Stored | None: ...

    def keep_response(self, owner: str, stored: Stored) -> None: ...

    def drop_response(self, owner: str, stored: Stored) -> None: ...

    def find_conversation(self, owner: str, name: str) -> Conversation | None: ...

    def keep_conversation(self, owner: str, conversation: Conversation) -> None: ...

    def drop_conversation(self, owner: str, conversation: Conversation) -> None: ...

    def set_metadata(self, owner: str, conversation: Conversation, metadata: dict[str, str]) -> None: ...

    def add_items(self, owner: str, conversation: Conversation, items: list[Json]) -> None: ...

    def remove_item(self, owner: str, conversation: Conversation, name: str) -> None: ...

    def holder(self, owner: str, stem: str) -> Stored | Conversation | None:
        """The thing that gives its items this stem."""


class MemoryArchive:
    """An archive in the memory of this process.

    The longest unused responses are forgotten first, when there are more than `limit` or the bodies of their
    requests are larger than a number of bytes.
    """

    def __init__(self, limit: int, lenient: bool = False) -> None:
        self.limit = limit
        self.lenient = lenient
        self.size = 0
        self.responses: OrderedDict[tuple[str, str], Stored] = OrderedDict()
        self.conversations: OrderedDict[tuple[str, str], Conversation] = OrderedDict()
        self.stems: dict[tuple[str, str], Stored | Conversation] = {}

    def shelf(self, owner: str) -> Shelf:
        return Shelf(self, owner)

    def owners(self) -> list[str]:
        return list(dict.fromkeys(owner for owner, _ in self.stems))

    def clear(self, owner: str | None = None) -> None:
        for key in [key for key in self.responses if owner in (None, key[0])]:
            self._forget_response(key)
        for key in [key for key in self.conversations if owner in (None, key[0])]:
            self._forget_conversation(key)

    def find_response(self, owner: str, name: str) -> Stored | None:
        stored = self.responses.get((owner, name))
        if stored is not None:
            self.responses.move_to_end((owner, name))
        return stored

    def keep_response(self, owner: str, stored: Stored) -> None:
        key = owner, stored.output.id
        if key in self.responses:
            self._forget_response(key)
        self.responses[key] = self.stems[owner, stored.output.stem] = stored
        self.size += stored.size
        while len(self.responses) > self.limit or (self.size > _MOST_BYTES and len(self.responses) > 1):
            self._forget_response(next(iter(self.responses)))

    def drop_response(self, owner: str, stored: Stored) -> None:
        self._forget_response((owner, stored.output.id))

    def find_conversation(self, owner: str, name: str) -> Conversation | None:
        found = self.conversations.get((owner, name))
        if found is not None:
            self.conversations.move_to_end((owner, name))
        return found

    def keep_conversation(self, owner: str, conversation: Conversation) -> None:
        key = owner, conversation.id
        self.conversations[key] = self.stems[owner, conversation.stem] = conversation
        if len(self.conversations) > MOST_CONVERSATIONS:
            self._forget_conversation(next(iter(self.conversations)))

    def drop_conversation(self, owner: str, conversation: Conversation) -> None:
        self._forget_conversation((owner, conversation.id))

    def set_metadata(self, owner: str, conversation: Conversation, metadata: dict[str, str]) -> None:
        conversation.metadata = metadata

    def add_items(self, owner: str, conversation: Conversation, items: list[Json]) -> None:
        conversation.items += items

    def remove_item(self, owner: str, conversation: Conversation, name: str) -> None:
        conversation.items = [item for item in conversation.items if item["id"] != name]

    def holder(self, owner: str, stem: str) -> Stored | Conversation | None:
        return self.stems.get((owner, stem))

    def _forget_response(self, key: tuple[str, str]) -> None:
        stored = self.responses.pop(key)
        self.stems.pop((key[0], stored.output.stem), None)
        self.size -= stored.size

    def _forget_conversation(self, key: tuple[str, str]) -> None:
        self.stems.pop((key[0], self.conversations.pop(key).stem), None)


class Shelf:
    """What belongs to one owner: the `Past` of its requests.

    A `lenient` archive knows every identifier that it is asked for: what it has not stored is an empty past, or a
    placeholder.
    """

    def __init__(self, archive: Archive, owner: str) -> None:
        self._archive = archive
        self._owner = owner

    # -- the past of a request

    def response(self, name: str) -> Items | None:
        stored = self.stored(name)
        if stored is not None:
            return stored.items
        return () if self._archive.lenient else None

    def conversation(self, name: str) -> Items | None:
        found = self._archive.find_conversation(self._owner, name)
        if found is not None:
            return tuple(found.items)
        return () if self._archive.lenient else None

    def item(self, name: str) -> Json | None:
        held = self._archive.holder(self._owner, name.partition("_")[2][:18])
        if isinstance(held, Stored):
            found = [*held.said, *held.input_items()]
        else:
            found = held.items if held is not None else []
        return next((item for item in found if item.get("id") == name), None) or self._placeholder_item(name)

    # -- responses

    def find_response(self, name: str) -> Stored:
        """Raises:
        ApiError: status 404; there is no such response.
        """
        stored = self.stored(name)
        if stored is not None:
            return stored
        if not self._archive.lenient:
            raise errors.not_found("Response", name)
        return _placeholder(name)

    def keep_response(self, stored: Stored) -> None:
        self._archive.keep_response(self._owner, stored)

    def delete_response(self, name: str) -> None:
        """Raises:
        ApiError: status 404; there is no such response.
        """
        stored = self.stored(name)
        if stored is not None:
            self._archive.drop_response(self._owner, stored)
        elif not self._archive.lenient:
            raise errors.not_found("Response", name)

    # -- conversations

    def find_conversation(self, name: str) -> Conversation:
        """Raises:
        ApiError: status 404; there is no such conversation.
        """
        found = self._archive.find_conversation(self._owner, name)
        if found is not None:
            return found
        if not self._archive.lenient:
            raise errors.not_found("Conversation", name)
        return Conversation(name, "", 0, {})

    def keep_conversation(self, conversation: Conversation) -> None:
        self._archive.keep_conversation(self._owner, conversation)

    def delete_conversation(self, name: str) -> None:
        """Raises:
        ApiError: status 404; there is no such conversation.
        """
        conversation = self.find_conversation(name)
        if not conversation.is_placeholder:
            self._archive.drop_conversation(self._owner, conversation)

    # What is changed in a placeholder is gone with it.

    def set_metadata(self, conversation: Conversation, metadata: dict[str, str]) -> None:
        if conversation.is_placeholder:
            conversation.metadata = metadata
        else:
            self._archive.set_metadata(self._owner, conversation, metadata)

    def add_items(self, conversation: Conversation, items: list[Json]) -> None:
        """Add items, which have identifiers, at the end of a conversation."""
        if not conversation.is_placeholder:
            self._archive.add_items(self._owner, conversation, items)

    def remove_item(self, conversation: Conversation, name: str) -> None:
        if not conversation.is_placeholder:
            self._archive.remove_item(self._owner, conversation, name)

    def find_item(self, conversation: Conversation, name: str) -> Json:
        """Raises:
        ApiError: status 404; the conversation has no such item.
        """
        found = next((item for item in conversation.items if item["id"] == name), None)
        found = found or self._placeholder_item(name)
        if found is None:
            raise errors.not_found("Item", name)
        return found

    def stored(self, name: object) -> Stored | None:
        """The response of this name, or None if it is not here."""
        return self._archive.find_response(self._owner, str(name))

    def _placeholder_item(self, name: str) -> Json | None:
        if not self._archive.lenient:
            return None
        content = [{"type": "input_text", "text": "A placeholder."}]
        return {"id": name, "type": "message", "status": "completed", "content": content, "role": "user"}


def with_identifiers(items: Items, stem: str, created: int, random: Draws) -> list[Json]:
    return [as_listed(item, lambda prefix: identifiers.stored(prefix, stem, created, random)) for item in items]


def _placeholder(name: str) -> Stored:
    """What a lenient archive gives for a response that it does not have."""
    said = Timeline((Text(0.0, "A placeholder."),), End(0.0), meta={"id": name})
    request: Any = Request(endpoint="responses", model="gpt-4o-mini", body={"background": True})
    return Stored(Output(Answer(request, said, Seeded(name), 0)))
