"""`/-/journal`: what was asked, and which rule answered; read, followed and cleared."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Flask, Response, jsonify, request

from mockllm.control import bodies
from mockllm.control.errors import no_such
from mockllm.control.following import Follower, Followers, version_of
from mockllm.control.journal_filter import Filter, filter_of_query
from mockllm.journal import Journal
from mockllm.transports.connection import connection_of


def add_routes(app: Flask, journal: Journal) -> None:
    followers = Followers()
    app.add_url_rule("/-/journal", "list_journal", partial(_list, journal))
    app.add_url_rule("/-/journal", "clear_journal", partial(_clear, journal), methods=["DELETE"])
    app.add_url_rule("/-/journal/live", "follow_journal", partial(_follow, journal, followers))
    app.add_url_rule("/-/journal/<int:id>", "read_entry", partial(_read, journal))


def _list(journal: Journal) -> Response:
    wanted, limit = filter_of_query(), bodies.count_parameter("limit")
    # The version first: what changes meanwhile is told twice, and nothing is left out.
    version = version_of(journal)
    found = wanted.of(journal.entries())
    return jsonify(version=version, entries=found if limit is None else found[-limit:])


def _clear(journal: Journal) -> Response:
    journal.clear()
    return Response(status=204)


def _read(journal: Journal, id: int) -> Response:
    entry = journal.find(id)
    if entry is None:
        raise no_such(f"request {id} in the journal: it may have been forgotten", "id")
    return jsonify(Filter().told(entry))


def _follow(journal: Journal, followers: Followers) -> Response:
    wanted = filter_of_query()
    since = _since()
    follower = Follower(journal, wanted, version_of(journal) if since is None else since)
    events = followers.admitted(follower.events(connection_of(request.environ)))
    headers: Any = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Response(events, content_type="text/event-stream; charset=utf-8", headers=headers)


def _since() -> int | None:
    """The version that the client has seen; None if it has seen none."""
    last = request.headers.get("last-event-id", "")
    if last.isascii() and last.isdecimal() and len(last) < 19:
        return int(last)
    return bodies.count_parameter("since", least=0)
