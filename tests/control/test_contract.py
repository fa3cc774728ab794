"""The control API is what its contract says: each operation is called, and its answer is held to its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from mockllm.access import Access
from mockllm.control.application import create
from mockllm.control.contract import contract
from mockllm.metrics import Metrics
from tests.control.curl import curl
from tests.control.serving import SCRIPT, in_folder, in_memory, say, serving

CONTRACT = contract()
METHODS = ("get", "post", "put", "delete")
REGISTRY: Registry[Any] = Registry().with_resource("urn:contract", DRAFT202012.create_resource(CONTRACT))

OK = 'otherwise reply "Fine."\n'
BAD = "otherwise repli\n"

# The operation, the path's own parts and its query, the body, and the status of the answer.
CALLS: list[tuple[str, str, str, Any, int]] = [
    ("get", "/-/mocks", "/-/mocks", None, 200),
    ("post", "/-/mocks", "/-/mocks", {"name": "new", "script": OK}, 201),
    ("post", "/-/mocks", "/-/mocks", {"name": "alpha", "script": OK}, 409),
    ("post", "/-/mocks", "/-/mocks", {"name": "a b", "script": OK}, 400),
    ("post", "/-/mocks", "/-/mocks", {"name": "other", "script": BAD}, 422),
    ("get", "/-/mocks/{mock}", "/-/mocks/alpha", None, 200),
    ("get", "/-/mocks/{mock}", "/-/mocks/nobody", None, 404),
    ("put", "/-/mocks/{mock}", "/-/mocks/alpha", {"script": SCRIPT}, 200),
    ("put", "/-/mocks/{mock}", "/-/mocks/beta", {"script": OK}, 201),
    ("put", "/-/mocks/{mock}", "/-/mocks/beta", {"script": BAD}, 422),
    ("put", "/-/mocks/{mock}", "/-/mocks/beta", {"text": OK}, 400),
    ("delete", "/-/mocks/{mock}", "/-/mocks/beta", None, 204),
    ("delete", "/-/mocks/{mock}", "/-/mocks/beta", None, 404),
    ("post", "/-/reload", "/-/reload", None, 200),
    ("post", "/-/check", "/-/check", {"script": OK}, 200),
    ("post", "/-/check", "/-/check", {"script": BAD, "mock": "alpha"}, 200),
    ("post", "/-/check", "/-/check", {}, 400),
    ("post", "/-/format", "/-/format", {"script": OK}, 200),
    ("post", "/-/format", "/-/format", {"script": BAD}, 422),
    ("post", "/-/test", "/-/test", {"mock": "alpha"}, 200),
    ("post", "/-/test", "/-/test", {"script": SCRIPT.replace('"Hi."\n}', '"Ho."\n}')}, 200),
    ("post", "/-/test", "/-/test", {"script": BAD}, 422),
    ("post", "/-/test", "/-/test", {"mock": "nobody"}, 404),
    ("get", "/-/catalogue", "/-/catalogue", None, 200),
    ("post", "/-/try", "/-/try", {"mock": "alpha", "message": "hello"}, 200),
    ("post", "/-/try", "/-/try", {"mock": "alpha", "message": "nothing"}, 200),
    ("post", "/-/try", "/-/try", {"mock": "alpha", "message": "broken"}, 200),
    ("post", "/-/try", "/-/try", {"mock": "alpha", "body": {"model": 1}}, 200),
    ("post", "/-/try", "/-/try", {"mock": "alpha"}, 400),
    ("post", "/-/try", "/-/try", {"mock": "alpha", "message": "hello", "script": BAD}, 422),
    ("post", "/-/explain", "/-/explain", {"mock": "alpha", "message": "quota"}, 200),
    ("post", "/-/explain", "/-/explain", {"mock": "alpha", "body": {"model": 1}}, 409),
    ("get", "/-/explain/{id}", "/-/explain/1", None, 200),
    ("get", "/-/explain/{id}", "/-/explain/2", None, 200),
    ("get", "/-/explain/{id}", "/-/explain/77", None, 404),
    ("get", "/-/journal", "/-/journal", None, 200),
    ("get", "/-/journal", "/-/journal?miss=true&status=4xx", None, 200),
    ("get", "/-/journal", "/-/journal?status=1000", None, 400),
    ("get", "/-/journal/{id}", "/-/journal/1", None, 200),
    ("get", "/-/journal/{id}", "/-/journal/77", None, 404),
    ("get", "/-/mocks/{mock}/sessions", "/-/mocks/alpha/sessions", None, 200),
    ("get", "/-/mocks/{mock}/session", "/-/mocks/alpha/session?name=default", None, 200),
    ("get", "/-/mocks/{mock}/session", "/-/mocks/nobody/session?name=default", None, 404),
    (
        "put",
        "/-/mocks/{mock}/session/state",
        "/-/mocks/alpha/session/state?name=mine",
        {"scenario": "checkout", "state": "paying"},
        200,
    ),
    (
        "put",
        "/-/mocks/{mock}/session/state",
        "/-/mocks/alpha/session/state?name=mine",
        {"scenario": "checkout", "state": "lost"},
        400,
    ),
    ("delete", "/-/mocks/{mock}/session", "/-/mocks/alpha/session?name=mine", None, 204),
    ("get", "/-/server", "/-/server", None, 200),
    ("get", "/-/version", "/-/version", None, 200),
    ("get", "/-/healthy", "/-/healthy", None, 200),
    ("get", "/-/ready", "/-/ready", None, 200),
    ("get", "/-/metrics", "/-/metrics", None, 200),
    ("get", "/-/openapi.json", "/-/openapi.json", None, 200),
    ("get", "/-/docs", "/-/docs", None, 200),
    ("get", "/-/login", "/-/login", None, 200),
    ("post", "/-/login", "/-/login", {"token": "any"}, 200),
    ("post", "/-/login", "/-/login", {}, 400),
    ("post", "/-/logout", "/-/logout", None, 200),
    ("post", "/-/reset", "/-/reset", None, 200),
    ("delete", "/-/journal", "/-/journal", None, 204),
]

# It goes on for ever, and has tests of its own.
LIVE = ("get", "/-/journal/live")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[httpx.Response]]:
    """What the calls are answered, in order."""
    folder = tmp_path_factory.mktemp("served")
    with serving(in_folder(folder, alpha=SCRIPT)) as client:
        say(client, "hello", "/alpha")
        say(client, "good day", "/alpha")
        yield [client.request(method, url, json=body) for method, _, url, body, _ in CALLS]


@pytest.mark.parametrize("number", range(len(CALLS)), ids=lambda number: f"{CALLS[number][0]}-{CALLS[number][2]}")
def test_an_operation_answers_as_the_contract_says(answers: list[httpx.Response], number: int) -> None:
    method, path, _, body, status = CALLS[number]
    answer = answers[number]
    assert answer.status_code == status, answer.text
    operation = CONTRACT["paths"][path][method]
    if body is not None and status < 300:
        validate(body, ("paths", path, method, "requestBody", "content", "application/json", "schema"))
    described = operation["responses"][str(status)]
    at: tuple[str, ...] = ("paths", path, method, "responses", str(status))
    if "$ref" in described:
        at = tuple(described["$ref"].removeprefix("#/").split("/"))
    content = within(at).get("content", {})
    if not content:
        assert answer.content == b""
        return
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in content
    if kind == "application/json":
        validate(answer.json(), (*at, "content", kind, "schema"))


def within(path: tuple[str, ...]) -> Any:
    found: Any = CONTRACT
    for step in path:
        found = found[step]
    return found


def validate(value: Any, path: tuple[str, ...]) -> None:
    """Hold a value to a schema of the contract."""
    pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in path)
    found = Draft202012Validator({"$ref": f"urn:contract#/{pointer}"}, registry=REGISTRY)
    assert [f"{each.json_path}: {each.message}" for each in found.iter_errors(value)] == []


def operations() -> set[tuple[str, str]]:
    return {(method, path) for path, item in CONTRACT["paths"].items() for method in METHODS if method in item}


def test_each_operation_of_the_contract_is_called() -> None:
    assert operations() - {(method, path) for method, path, *_ in CALLS} == {LIVE}


def test_each_route_is_in_the_contract() -> None:
    rules = create(in_memory(), Access(), Metrics()).url_map.iter_rules()
    paths = {
        (method.lower(), rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}"))
        for rule in rules
        if not rule.endpoint.startswith("console")
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    renamed = {(method, path.replace("/explain/{name}", "/explain/{id}")) for method, path in paths}
    assert renamed == operations()


def test_the_contract_is_openapi() -> None:
    for path, item in CONTRACT["paths"].items():
        shared = {name for each in item.get("parameters", ()) for name in [parameter(each)["name"]]}
        for method in METHODS:
            own = {parameter(each)["name"] for each in item.get(method, {}).get("parameters", ())}
            if method in item:
                named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
                assert named <= shared | own, (method, path)
    for schema in CONTRACT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def parameter(part: Any) -> Any:
    return within(tuple(part["$ref"].removeprefix("#/").split("/"))) if "$ref" in part else part


def test_the_page_asks_nobody_else(client: httpx.Client) -> None:
    page = client.get("/-/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text and "src=" not in page.text and "https://" not in page.text
    assert all(operation["operationId"] in page.text for _, operation in described())


def commands() -> list[str]:
    with serving(in_memory()) as client:
        page = client.get("/-/docs").text
    return [unescape(each) for each in re.findall(r"<pre>(curl .*?)</pre>", page, re.DOTALL)]


@pytest.mark.parametrize("command", [each for each in commands() if "/live" not in each])
def test_the_commands_of_the_page_do_as_they_stand(client: httpx.Client, command: str) -> None:
    """On a server with a mock at the root and another one, which has been asked."""
    if "POST http://127.0.0.1:8000/-/mocks " not in command:
        assert client.post("/-/mocks", json={"name": "hello", "script": SCRIPT}).status_code == 201
    say(client, "hello", "/hello")
    answer = curl(client, command)
    assert answer.status_code in (200, 201, 204), answer.text


def test_each_operation_has_a_command() -> None:
    assert len(commands()) == len(operations())


def described() -> Iterator[tuple[str, Any]]:
    for method, path in operations():
        yield path, CONTRACT["paths"][path][method]
