"""`GET /-/explain/ID`: why a request of the journal is answered as it is.

The request is asked anew of the mock that got it, and nothing is moved by that. Counters and what is remembered
are those of now, which may not be those of then: so the answer names the rule that answered then, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Flask, Response, jsonify, request

from dsl.trace import as_json, trace
from dsl.trace_text import as_text, printable
from mockllm.apis.errors import ApiError
from mockllm.apis.responses_request import Items, Json
from mockllm.archive import Archive, Shelf
from mockllm.journaled import NotKept, notes_on, request_of, tables_of
from mockllm.serving import Mocks


def add_routes(app: Flask, mocks: Mocks) -> None:
    app.add_url_rule("/-/explain/<name>", "explain", partial(_explain, mocks))


def _explain(mocks: Mocks, name: str) -> Response:
    entry = next((entry for entry in mocks.journal.entries() if str(entry["id"]) == name), None)
    mock = None if entry is None else mocks.by_name.get(entry["mock"].lower())
    if entry is None or mock is None:
        message = f"The journal has no request {name}. Its requests are at /-/journal, each with its id."
        raise ApiError(404, message, param="id", code="unknown_request")
    try:
        asked = request_of(entry, past=_Kept(mock.archive), lenient=mock.lenient)
    except NotKept as error:
        raise ApiError(409, f"Nothing to explain: {error}.", param="id", code="not_explainable") from None
    except ApiError as error:
        message = f"Request {name} is refused before any rule is asked: {error.message}"
        raise ApiError(409, message, param=error.param, code="not_explainable") from None
    found = trace(tables_of(mock.script, asked), asked, mock.sessions.look(asked.session))
    notes = ["counters and `memory` are those of now, not those of then", *notes_on(found, asked)]
    then = {"rule": entry["rule"], "place": entry["place"], "status": entry["status"]}
    if request.accept_mimetypes.best_match(["application/json", "text/plain"]) == "text/plain":
        answered = f"Then: {_then(then)}"
        told = [as_text(found), printable(answered), *(f"Note: {note}." for note in notes)]
        return Response("\n\n".join(told) + "\n", mimetype="text/plain")
    return jsonify(id=entry["id"], mock=entry["mock"], then=then, notes=notes, **as_json(found))


def _then(then: dict[str, Any]) -> str:
    if then["place"] is None:
        return f"no rule answered; status {then['status']}."
    return f"`{then['rule']}` ({then['place']}) answered." if then["rule"] else f"{then['place']} answered."


class _Kept:
    """All that a mock keeps, whoever it belongs to: an entry of the journal does not name the owner."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def response(self, name: str) -> Items | None:
        held = next((held for shelf in self._shelves() if (held := shelf.stored(name))), None)
        return held.items if held else () if self._archive.lenient else None

    def conversation(self, name: str) -> Items | None:
        found = (self._archive.find_conversation(owner, name) for owner in self._archive.owners())
        held = next((each for each in found if each is not None), None)
        return tuple(held.items) if held else () if self._archive.lenient else None

    def item(self, name: str) -> Json | None:
        return next((item for shelf in self._shelves() if (item := shelf.item(name)) is not None), None)

    def _shelves(self) -> Iterator[Shelf]:
        return (self._archive.shelf(owner) for owner in self._archive.owners())
