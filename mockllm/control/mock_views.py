"""`/-/mocks` and `/-/reload`: what is served, read and changed."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Flask, Response, jsonify, request

from dsl import nodes
from dsl.table import Rule
from mockllm.access import is_loopback
from mockllm.control import bodies
from mockllm.control.positions import diagnostic_json, span_json
from mockllm.control.store import Store, id_of, name_of, revision
from mockllm.mock import Mock

# A script may make a hundred thousand rules of a table. Nobody reads so many.
MOST_RULES = 2_000

_LONGEST_HEAD = 200


def add_routes(app: Flask, store: Store) -> None:
    app.add_url_rule("/-/mocks", "list_mocks", partial(_list, store))
    app.add_url_rule("/-/mocks", "create_mock", partial(_create, store), methods=["POST"])
    app.add_url_rule("/-/mocks/<mock>", "read_mock", partial(_read, store))
    app.add_url_rule("/-/mocks/<mock>", "replace_mock", partial(_replace, store), methods=["PUT"])
    app.add_url_rule("/-/mocks/<mock>", "delete_mock", partial(_delete, store), methods=["DELETE"])
    app.add_url_rule("/-/reload", "reload", partial(_reload, store), methods=["POST"])


def _reload(store: Store) -> tuple[Response, int]:
    done = store.mocks.reload()
    told = [diagnostic_json(each, each.primary.span.source.name) for each in done.diagnostics]
    return jsonify({**done.as_json(), "diagnostics": told}), 422 if done.failed else 200


def _list(store: Store) -> Response:
    mocks = sorted(store.mocks.by_name.items())
    return jsonify(mocks=[_summary(store, mock) for _, mock in mocks])


def _create(store: Store) -> Response:
    members = bodies.body()
    name, script = members.text("name"), members.script()
    members.end()
    return _told(store, store.put(name, script, create=True), 201)


def _read(store: Store, mock: str) -> Response:
    return _told(store, store.find(mock))


def _replace(store: Store, mock: str) -> Response:
    script = bodies.script_body()
    known = name_of(mock).lower() in store.mocks.by_name
    match = request.headers.get("if-match")
    expected = None if match is None else match.strip().removeprefix("W/").strip('"')
    return _told(store, store.put(name_of(mock), script, revision=expected), 200 if known else 201)


def _delete(store: Store, mock: str) -> Response:
    store.remove(store.find(mock))
    return Response(status=204)


def _told(store: Store, mock: Mock, status: int = 200) -> Response:
    response = jsonify(_whole(store, mock))
    response.status_code = status
    response.set_etag(revision(mock.script))
    if status == 201:
        response.location = f"/-/mocks/{id_of(mock)}"
    return response


def _summary(store: Store, mock: Mock) -> dict[str, Any]:
    source = store.mocks.source(mock.name)
    return {
        "id": id_of(mock),
        "name": mock.name,
        "base_urls": _base_urls(mock),
        "path": None if source is None else str(source),
        "stored": store.is_stored(mock),
        "revision": revision(mock.script),
        "seed": mock.seed,
        "rule_count": len(mock.script.table.rules),
        "warning_count": len(mock.script.warnings),
    }


def _whole(store: Store, mock: Mock) -> dict[str, Any]:
    script, name = mock.script, mock.script.source.name
    return {
        **_summary(store, mock),
        "script": script.source.text,
        "models": list(mock.models()),
        "warnings": [diagnostic_json(warning, name) for warning in script.warnings],
        "rules": [_rule(rule, name) for rule in script.table.rules[:MOST_RULES]],
        "scenarios": [
            {"name": each.name, "by": each.by and each.by.span.text, "states": list(each.states)}
            for each in script.scenarios
        ],
        "sockets": list(script.sockets),
        "tests": [{"name": test.name, "span": span_json(test.span, name)} for test in script.tests],
        "files": [str(file) for file in script.files],
    }


def _rule(rule: Rule, script: str) -> dict[str, Any]:
    return {
        "name": rule.name,
        "place": rule.place,
        "head": _head(rule.node),
        "span": span_json(rule.node.span, script),
    }


def _head(rule: nodes.Rule) -> str:
    if rule.condition is None:
        return "otherwise"
    written = " ".join(rule.condition.span.text.split())
    return written if len(written) <= _LONGEST_HEAD else f"{written[:_LONGEST_HEAD]}…"


def _base_urls(mock: Mock) -> dict[str, str | None]:
    """Where clients reach the mock, by the host that this client has used."""
    scheme, host = request.scheme, request.host
    if not mock.name:
        return {"path": f"{scheme}://{host}/v1", "subdomain": None}
    name, colon, port = host.rpartition(":")
    if not (colon and port.isdecimal()):
        name, colon, port = host, "", ""
    subdomain = f"{scheme}://{mock.name.lower()}.localhost{colon}{port}/v1" if is_loopback(name) else None
    return {"path": f"{scheme}://{host}/{mock.name}/v1", "subdomain": subdomain}
