"""Paths that no API has, where the script's rules name them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.asking import SCRIPTS, Sync, Wire, fetch, journal, mock, parsed
from tests.server.harness import Served

SCRIPT = "endpoints.llmock"

MODERATION = b'{"id": "modr-1", "model": "omni-moderation", "results": [{"flagged": false}]}'


@pytest.mark.parametrize("path", ["/v1/moderations", "/moderations"])
def test_raw_is_the_body(server: Served, path: str) -> None:
    status, head, body = fetch(server, {"input": "x"}, path=path)
    assert (status, head["content-type"], body) == (200, "application/json", MODERATION)
    assert head["x-request-id"].startswith("req_")


def test_the_sdk_reads_it(server: Served, key: str) -> None:
    with Sync(f"{server.url}/v1", key)._client() as client:
        assert not client.moderations.create(input="x").results[0].flagged


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_object_is_json(server: Served, method: str) -> None:
    status, head, body = fetch(server, {"purpose": "batch"}, path="/v1/files", method=method)
    assert (status, head["content-type"]) == (200, "application/json")
    assert json.loads(body) == {"id": "file-1", "purpose": "batch", "bytes": 3}


def test_a_list_is_json(server: Served) -> None:
    with Wire(server) as wire:
        wire.get("/v1/files?limit=1")
        assert wire.answer()[2] == b"[]\n"


def test_a_text_is_plain(server: Served) -> None:
    status, head, body = fetch(server, b"not JSON", "x-plain: 1", path="/v1/files/a/content")
    assert (status, head["content-type"], body) == (200, "text/plain; charset=utf-8", b"as it is")


def test_a_path_without_a_version(server: Served) -> None:
    with Wire(server) as wire:
        wire.get("/ready")
        assert parsed(wire.until(b"\r\n\r\n"))[0] == 204


def error(server: Served, *fields: str, path: str, method: str = "POST") -> dict[str, Any]:
    status, _, body = fetch(server, {}, *fields, path=path, method=method)
    return {"status": status, **json.loads(body)["error"]}


def test_a_failure(server: Served) -> None:
    assert error(server, "x-busy: 1", path="/v1/files")["status"] == 503


def test_a_tool_call_has_no_place_there(server: Served) -> None:
    found = error(server, "x-call: 1", path="/v1/files")
    assert (found["status"], found["code"]) == (500, "script_error")
    assert found["message"].endswith("/v1/files has no tool calls, thoughts or refusals, only a body.")


def test_trouble_for_everybody(server: Served) -> None:
    assert error(server, "x-locked: 1", path="/v1/moderations")["status"] == 401


def test_a_rule_for_any_request_answers_no_other_path(server: Served) -> None:
    assert error(server, path="/v1/images/generations") == {
        "status": 404,
        "message": "Invalid URL (POST /v1/images/generations)",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    assert error(server, "x-locked: 1", path="/v1/images/generations")["status"] == 404


def test_a_path_whose_rules_do_not_hold_tells_why(server: Served) -> None:
    found = error(server, path="/v1/files")
    assert (found["status"], found["code"]) == (404, "no_rule_matched")
    assert "endpoints.llmock:" in found["message"]


def test_the_paths_of_the_apis_are_theirs(server: Served) -> None:
    assert error(server, path="/v1/models")["status"] == 405


def test_the_journal(server: Served) -> None:
    fetch(server, {"purpose": "batch"}, path="/v1/files")
    entry = journal(server)[-1]
    assert (entry["endpoint"], entry["path"], entry["body"]) == ("other", "/v1/files", {"purpose": "batch"})
    number = entry["id"]
    with Wire(server) as wire:
        wire.get(f"/-/explain/{number}")
        assert json.loads(wire.answer()[2])["answer"]["place"] == entry["place"]


def test_a_page_of_another_origin(server: Served) -> None:
    origin = "origin: https://example.com"
    asked = "access-control-request-method: PUT"
    with Wire(server) as wire:
        wire.post(b"", origin, asked, path="/v1/files", method="OPTIONS")
        status, head = parsed(wire.until(b"\r\n\r\n"))
    assert (status, "PUT" in head["access-control-allow-methods"]) == (204, True)
    _, head, _ = fetch(server, {"purpose": "batch"}, origin, path="/v1/files", method="PUT")
    assert head["access-control-allow-origin"] == "*"


def test_in_a_folder_of_mocks(tmp_path: Path) -> None:
    (tmp_path / "ends.llmock").write_text((SCRIPTS / SCRIPT).read_text("utf-8"), "utf-8")
    (tmp_path / "other.llmock").write_text('otherwise reply "?"\n', "utf-8")
    with mock("command", tmp_path) as served:
        assert fetch(served, {}, path="/ends/v1/moderations")[2] == MODERATION
        with Wire(served) as wire:
            wire.send(b"POST /v1/moderations HTTP/1.1\r\nhost: ends.localhost\r\ncontent-length: 0\r\n\r\n")
            assert wire.answer()[2] == MODERATION
        assert error(served, path="/other/v1/moderations")["status"] == 404
        assert error(served, path="/v1/moderations")["status"] == 404
