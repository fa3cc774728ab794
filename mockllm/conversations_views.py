"""`/v1/conversations`: conversations, their items, and what is said to them by responses."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response

from dsl.session_names import session_name
from mockllm.apis import identifiers
from mockllm.apis.responses_items import input_items
from mockllm.apis.responses_parameters import METADATA, Item
from mockllm.apis.responses_request import resolved
from mockllm.apis.validation import Array, Object, optional, required, required_or_null
from mockllm.archive import Conversation, with_identifiers
from mockllm.responses_views import answered, listed, own_shelf, request_value
from mockllm.views import current_mock, request_headers

_ITEMS = Array(Item(), most=20)
_CREATE = Object({"items": optional(_ITEMS), "metadata": optional(METADATA)})
_UPDATE = Object({"metadata": required_or_null(METADATA)})
_ADD = Object({"items": required(_ITEMS)})


def add_routes(app: Flask, prefix: str) -> None:
    def route(path: str, view: Any, method: str) -> None:
        app.add_url_rule(f"{prefix}{path}", f"conversations.{view.__name__}{prefix}", view, methods=[method])

    route("/conversations", _create, "POST")
    route("/conversations/<name>", _retrieve, "GET")
    route("/conversations/<name>", _update, "POST")
    route("/conversations/<name>", _delete, "DELETE")
    route("/conversations/<name>/items", _list_items, "GET")
    route("/conversations/<name>/items", _add_items, "POST")
    route("/conversations/<name>/items/<item>", _retrieve_item, "GET")
    route("/conversations/<name>/items/<item>", _delete_item, "DELETE")


def _create() -> Response:
    value = _checked(_CREATE)
    mock = current_mock()
    random = mock.random(session_name(request_headers()))
    created, stem = int(mock.now().timestamp()), identifiers.stem(random)
    name = identifiers.stored("conv", stem, created, random)
    conversation = Conversation(name, stem, created, value.get("metadata") or {})
    own_shelf().keep_conversation(conversation)
    _extend(conversation, value.get("items") or [])
    return answered(conversation.value)


def _retrieve(name: str) -> Response:
    return answered(own_shelf().find_conversation(name).value)


def _update(name: str) -> Response:
    shelf = own_shelf()
    conversation = shelf.find_conversation(name)
    shelf.set_metadata(conversation, _checked(_UPDATE)["metadata"] or {})
    return answered(conversation.value)


def _delete(name: str) -> Response:
    """The items stay in the responses that they came from."""
    own_shelf().delete_conversation(name)
    return answered({"id": name, "object": "conversation.deleted", "deleted": True})


def _list_items(name: str) -> Response:
    return listed(own_shelf().find_conversation(name).items)


def _add_items(name: str) -> Response:
    conversation = own_shelf().find_conversation(name)
    added = _extend(conversation, _checked(_ADD)["items"])
    return listed(added, "asc")


def _retrieve_item(name: str, item: str) -> Response:
    shelf = own_shelf()
    return answered(shelf.find_item(shelf.find_conversation(name), item))


def _delete_item(name: str, item: str) -> Response:
    shelf = own_shelf()
    conversation = shelf.find_conversation(name)
    shelf.remove_item(conversation, shelf.find_item(conversation, item)["id"])
    return answered(conversation.value)


def _checked(kind: Object) -> dict[str, Any]:
    value = request_value()
    kind.limit(value, "")
    return value


def _extend(conversation: Conversation, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add items to a conversation; they come back with their identifiers."""
    shelf = own_shelf()
    random = current_mock().random(session_name(request_headers()))
    items = tuple(resolved(item, shelf) for item in input_items(given))
    stem = conversation.stem or identifiers.stem(random)
    added = with_identifiers(items, stem, conversation.created, random)
    shelf.add_items(conversation, added)
    return added
