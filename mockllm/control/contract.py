"""The contract of the control API, served as JSON and as a page to be read."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, jsonify
from markupsafe import Markup, escape

Json = Mapping[str, Any]

_METHODS = ("get", "post", "put", "delete")

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8884; border-radius: 6px; white-space: pre-wrap; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8884; }
h3 { margin-top: 2rem; font-size: 1rem; }
h3 b { display: inline-block; min-width: 4.5rem; }
dt { font-family: ui-monospace, monospace; font-size: 14px; }
dd { margin: 0 0 .4rem 1.5rem; }
"""


def add_routes(app: Flask) -> None:
    app.add_url_rule("/-/openapi.json", "openapi", lambda: jsonify(contract()))
    app.add_url_rule("/-/docs", "docs", _docs)


@cache
def contract() -> Json:
    """The contract, as OpenAPI 3.1."""
    import yaml  # which nobody else needs

    text = files("mockllm.control").joinpath("openapi.yaml").read_text("utf-8")
    found: Json = yaml.load(text, yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    return found


def version() -> str:
    """The version of the control API."""
    return str(contract()["info"]["version"])


def _docs() -> Response:
    digest = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
    response = Response(_page(), mimetype="text/html")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'"
    response.headers["content-security-policy"] = policy
    return response


@cache
def _page() -> str:
    found = contract()
    info = found["info"]
    parts = [
        Markup("<!doctype html><html lang=en><meta charset=utf-8><title>{}</title>").format(info["title"]),
        Markup('<meta name=viewport content="width=device-width">'),
        Markup("<style>{}</style>").format(Markup(_STYLE)),
        Markup("<h1>{}</h1>").format(info["title"]),
        _text(info["description"]),
        Markup('<p>The same for programs: <a href="/-/openapi.json"><code>/-/openapi.json</code></a>.'),
    ]
    for tag in found["tags"]:
        parts.append(Markup("<h2>{}</h2><p>{}.").format(tag["name"].capitalize(), tag["description"]))
        parts += [part for path, item in found["paths"].items() for part in _operations(path, item, tag["name"])]
    parts.append(Markup("<h2>Shapes</h2>"))
    for name, schema in found["components"]["schemas"].items():
        parts.append(Markup("<h3 id={0}>{0}</h3>").format(name))
        parts.append(_text(schema.get("description", "")))
        parts.append(_members(schema))
    return "".join(parts)


def _operations(path: str, item: Json, tag: str) -> Iterator[Markup]:
    for method in _METHODS:
        operation = item.get(method)
        if operation is None or tag not in operation["tags"]:
            continue
        yield Markup("<h3 id={}><b>{}</b> <code>{}</code></h3>").format(
            operation["operationId"], method.upper(), path
        )
        yield Markup("<p>{}.").format(_inline(operation["summary"]))
        yield _text(operation.get("description", ""))
        parameters = [*item.get("parameters", ()), *operation.get("parameters", ())]
        if parameters:
            yield Markup("<p>Parameters:")
            yield _list((_named(each)["name"], _placed(_named(each))) for each in parameters)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if body:
            yield Markup("<p>Body:")
            yield _members(body["schema"])
        yield Markup("<pre>{}</pre>").format(_curl(method, path, [_named(each) for each in parameters], body))
        answers = ((status, _answer(_named(each))) for status, each in operation["responses"].items())
        yield Markup("<p>Answers:")
        yield _list(answers)


def _answer(response: Json) -> Markup:
    told = _inline(response["description"])
    schema = response.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return told
    if "$ref" in schema:
        return Markup("{} {}").format(told, _kind(schema))
    return Markup("{}{}").format(told, _members(schema))


def _named(part: Json) -> Json:
    """A part of the contract, or that which it refers to."""
    reference = part.get("$ref")
    if reference is None:
        return part
    found: Any = contract()
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    whole: Json = found
    return whole


def _members(schema: Json) -> Markup:
    """The members of an object, those of all parts that it consists of."""
    if "$ref" in schema:
        return Markup("<p>{}").format(_kind(schema))
    told = [_members(part) for part in schema.get("allOf", ())]
    needed = schema.get("required", ())
    told.append(
        _list(
            (name, Markup("{}{}{}").format(_said(member), "" if name in needed else " Optional.", _within(member)))
            for name, member in schema.get("properties", {}).items()
        )
    )
    return Markup("").join(told)


def _within(schema: Json) -> Markup:
    """The members of what has no name of its own: an object, those of a list, one of several shapes."""
    parts = [schema.get("items", schema), *schema.get("oneOf", ())]
    return Markup("").join(_members(each) for each in parts if "properties" in each)


def _said(part: Json) -> Markup:
    """What a member or a parameter is."""
    schema = part.get("schema", part)
    text = part.get("description") or schema.get("description", "")
    return Markup("{}. {}").format(_kind(schema), _inline(text))


def _kind(schema: Json) -> Markup:
    """A schema in a few words, with a link to it if it has a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#{0}">{0}</a>').format(name)
    if "enum" in schema or "const" in schema:
        return Markup(", ").join(
            Markup("<code>{}</code>").format(each) for each in schema.get("enum", [schema.get("const")])
        )
    if "oneOf" in schema:
        return Markup(" or ").join(_kind(each) for each in schema["oneOf"])
    kinds = schema.get("type", "any value" if "properties" not in schema else "object")
    told = escape(" or ".join(kinds) if isinstance(kinds, list) else kinds)
    return Markup("{} of {}").format(told, _kind(schema["items"])) if "items" in schema else told


def _placed(parameter: Json) -> Markup:
    """What a parameter is, and where it stands."""
    place = {"path": "In the path", "query": "In the query", "header": "A header"}[parameter["in"]]
    return Markup("{}: {}").format(place, _said(parameter))


def _curl(method: str, path: str, parameters: list[Json], body: Json) -> str:
    """The request by curl: with what it needs, by the examples of the contract."""
    query = []
    for each in parameters:
        if each.get("required"):
            value = str(each["example"])
            path = path.replace(f"{{{each['name']}}}", value)
            query += [f"{each['name']}={quote(value)}"] if each["in"] == "query" else []
    url = f"http://127.0.0.1:8000{path}{'?' if query else ''}{'&'.join(query)}"
    streams = path.endswith("/live")
    verb = [] if method == "get" else ["-X", method.upper()]
    lines = [" ".join(["curl", *(["-N"] if streams else []), *verb, shlex.quote(url)])]
    if "example" in body:
        data = json.dumps(body["example"], ensure_ascii=False)
        lines += ["-H 'content-type: application/json'", f"-d {shlex.quote(data)}"]
    return " \\\n  ".join(lines)


def _list(rows: Iterable[tuple[str, Markup]]) -> Markup:
    told = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(name, text) for name, text in rows)
    return Markup("<dl>{}</dl>").format(told) if told else Markup("")


def _text(text: str) -> Markup:
    """Paragraphs."""
    return Markup("").join(Markup("<p>{}").format(_inline(part)) for part in text.split("\n\n") if part.strip())


def _inline(said: str) -> Markup:
    """A text with `code` and **strong** words."""
    text = str(escape(said))
    for mark, tag in (("**", "strong"), ("`", "code")):
        pieces = text.split(mark)
        text = "".join(
            piece if number % 2 == 0 else f"<{tag}>{piece}</{tag}>" for number, piece in enumerate(pieces)
        )
    return Markup(text)
