"""`/-/check`, `/-/format` and `/-/test`: a script's text, before it is served."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from flask import Flask, Response, jsonify

from dsl import Script, ScriptError
from dsl.formatting.formatter import format_text
from dsl.source import Span
from dsl.testing.coverage import parts, unreached
from dsl.testing.failures import Failure
from dsl.testing.runner import run
from mockllm.aside import aside
from mockllm.control import bodies
from mockllm.control.errors import bad_script
from mockllm.control.positions import diagnostic_json, span_json
from mockllm.control.store import ROOT, Store, name_of
from mockllm.real_api import RealApi


def add_routes(app: Flask, store: Store) -> None:
    for name, view in (("check", _check), ("format", _format), ("test", _test)):
        app.add_url_rule(f"/-/{name}", name, partial(view, store), methods=["POST"])


def _check(store: Store) -> Response:
    members = bodies.body()
    script, name = members.script(), name_of(members.text_or("mock") or ROOT)
    members.end()
    try:
        found = list(store.compiled(script, name).warnings)
    except ScriptError as error:
        found = error.diagnostics
    called = store.called(name)
    told = [diagnostic_json(each, called) for each in found]
    return jsonify(ok=not any(each.is_error for each in found), diagnostics=told)


def _format(store: Store) -> Response:
    members = bodies.body()
    script, name = members.script(), name_of(members.text_or("mock") or ROOT)
    members.end()
    called = store.called(name)
    try:
        formatted = aside(lambda: format_text(script, called))
    except ScriptError as error:
        raise bad_script(error.diagnostics, called) from None
    return jsonify(script=formatted, changed=formatted != script)


def _test(store: Store) -> Response:
    members = bodies.body()
    text, id, wanted = members.text_or("script"), members.text_or("mock") or ROOT, members.text_or("name")
    members.end()
    if text is None:
        script = store.find(id).script
    else:
        name = name_of(id)
        try:
            script = store.compiled(bodies.as_script(text), name)
        except ScriptError as error:
            raise bad_script(error.diagnostics, store.called(name)) from None
    lenient = store.mocks.settings.lenient
    return jsonify(aside(lambda: _tested(script, wanted, lenient=lenient)))


def _tested(script: Script, wanted: str | None, *, lenient: bool) -> dict[str, Any]:
    """Run those tests of a script that have a text in their names, or all of them.

    A `lenient` API lets unknown arguments pass.
    """
    own = script.source.name
    told: list[dict[str, Any]] = []
    reached: set[Span] = set()
    for test in script.tests:
        if (wanted or "").lower() not in test.name.lower():
            continue
        began = time.perf_counter()
        result = run(script, test, RealApi(lenient=lenient))
        reached |= result.reached
        told.append(
            {
                "name": test.name,
                "passed": result.passed,
                "seconds": round(time.perf_counter() - began, 6),
                "span": span_json(test.span, own),
                "failure": None if result.failure is None else _failure(result.failure, own),
            }
        )
    missing = [] if wanted else unreached(parts(script.items), reached)
    return {
        "passed": sum(each["passed"] for each in told),
        "failed": sum(not each["passed"] for each in told),
        "tests": told,
        "unreached": [{"what": part.what, "span": span_json(part.span, own)} for part in missing],
    }


def _failure(failure: Failure, script: str) -> dict[str, Any]:
    return {
        "message": failure.message,
        "label": failure.label,
        "notes": list(failure.notes),
        "text": failure.text,
        "span": span_json(failure.span, script),
    }
