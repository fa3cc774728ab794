"""`mockllm test` beside its report: folders, `-k`, JUnit's XML, coverage."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as xml

import pytest
from click.testing import CliRunner, Result

from mockllm.commands.test import test as command

RULES = """
rule greet when user is "hello" { sequence { reply "Hello." reply "Again." } chance 0% reply "Never." }
rule other when user is "other" { pick { 100% reply "x"; 0% reply "y" } }
given header["x-a"] { rule within when user reply "z" }
scenario_is_no_word
"""
SCRIPT = RULES.replace("scenario_is_no_word\n", "")
PASSES = 'test "greets" { request { user: "hello" } expect text is "Hello." }\n'
FAILS = 'test "Fails \\u0001" { request { user: "other" } expect text is "<&>" }\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_command(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_a_script_that_passes(folder: Path) -> None:
    (folder / "a.llmock").write_text(SCRIPT + PASSES)
    told = run_command("a.llmock")
    assert (told.exit_code, told.output) == (0, "ok greets\n1 passed\n")


def test_names(folder: Path) -> None:
    (folder / "a.llmock").write_text(SCRIPT + PASSES + FAILS)
    assert run_command("a.llmock", "-k", "GREET").output == "ok greets\n1 passed\n"
    assert run_command("a.llmock", "-k", "fails").exit_code == 1
    none = run_command("a.llmock", "-k", "what")
    assert (none.exit_code, none.output) == (0, "no tests with `what` in their name\n")


def test_what_is_included_is_tested_where_it_is_included(folder: Path) -> None:
    (folder / "lib").mkdir()
    (folder / "lib" / "rules.llmock").write_text(SCRIPT + PASSES)
    (folder / "main.llmock").write_text('include "lib/rules.llmock"\n')
    assert run_command(".").output == "ok greets\n1 passed\n"
    assert run_command("lib/rules.llmock", "main.llmock").output == "ok greets\nok greets\n2 passed\n"


def test_errors_of_one_script_do_not_hide_the_others(folder: Path) -> None:
    (folder / "a.llmock").write_text("when usr reply 1")
    (folder / "b.llmock").write_text(SCRIPT + PASSES)
    told = run_command(".")
    assert told.exit_code == 1
    assert "unknown field `usr`" in told.output
    assert told.output.endswith("ok greets\n1 passed, 1 script has errors\n")


def test_nothing_to_test(folder: Path) -> None:
    (folder / "empty").mkdir()
    assert run_command("empty").exit_code == 1
    assert "there is no .llmock script in empty" in run_command("empty").output
    (folder / "latin.llmock").write_bytes(b"\xff")
    assert "latin.llmock is not UTF-8 text" in run_command("latin.llmock").output


def test_junit(folder: Path) -> None:
    (folder / "a.llmock").write_text("when usr reply 1")
    (folder / "b.llmock").write_text(SCRIPT + PASSES + FAILS)
    told = run_command(".", "--format", "junit")
    assert told.exit_code == 1
    root = xml.fromstring(told.output.encode())
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == ("testsuites", "3", "1", "1")
    broken, suite = root
    assert [each.get("name") for each in root] == ["a.llmock", "b.llmock"]
    error = broken.find("testcase/error")
    assert error is not None and "unknown field" in (error.text or "")
    passed, failed = suite.findall("testcase")
    assert (passed.get("name"), passed.find("failure")) == ("greets", None)
    assert float(passed.get("time") or -1) >= 0
    failure = failed.find("failure")
    assert failed.get("name") == "Fails �"
    assert failure is not None and failure.get("message") == 'expected `text is "<&>"`'
    assert "--> b.llmock:6" in (failure.text or "")


def test_coverage(folder: Path) -> None:
    (folder / "a.llmock").write_text(SCRIPT + PASSES)
    assert run_command("a.llmock", "--coverage").output.splitlines()[2:] == [
        "not reached: a.llmock:2 rule greet, step 2 of its sequence",
        "not reached: a.llmock:2 rule greet, chance 0%",
        "not reached: a.llmock:3 rule other",
        "not reached: a.llmock:3 rule other, step 1 of its pick",
        "not reached: a.llmock:3 rule other, step 2 of its pick",
        "not reached: a.llmock:4 rule within",
        "coverage 25% (2 of 8 reached)",
    ]


def test_coverage_of_sockets_and_blocks(folder: Path) -> None:
    (folder / "a.llmock").write_text(
        'define greeting { cycle { reply "a" reply "b" } }\n'
        'socket "/v1/x" { on connect push 1 every 1s push 2 after 9s push 3 when user use greeting }\n'
        'test "x" { connect "/v1/x" send { text: "a" } advance 2s expect frames }\n'
    )
    assert run_command("a.llmock", "--coverage").output.splitlines()[2:] == [
        "not reached: a.llmock:1 block greeting, step 2 of its cycle",
        "not reached: a.llmock:2 after 9s",
        "coverage 66% (4 of 6 reached)",
    ]


REFUSED = """
otherwise reply "Hello."
test "hot" { request { user: "hi", temperature: 9 } expect status is 400 and error.param is "temperature" }
test "calls" { request { input: [{ type: "nonsense" }] } expect error.code is "invalid_value" }
test "no input" { request { endpoint: embeddings, input: "" } expect status is 400 and error.param is "input" }
test "unknown" { request { user: "hi", body: { colour: "red" } } expect text is "Hello." }
"""


def test_requests_that_the_api_refuses(folder: Path) -> None:
    (folder / "a.llmock").write_text(REFUSED)
    told = run_command("a.llmock")
    assert told.exit_code == 1
    assert [line.split(" (")[0] for line in told.output.splitlines() if line.startswith(("ok", "FAILED"))] == [
        "ok hot", "ok calls", "ok no input", "FAILED unknown"
    ]  # fmt: skip
    assert "the answer is the error 400 `invalid_request_error`: Unrecognized request argument" in told.output


def test_a_lenient_api(folder: Path) -> None:
    (folder / "a.llmock").write_text(REFUSED)
    assert run_command("a.llmock", "--lenient").exit_code == 0


STRICT = """
let born = { born: { type: "integer" } }
let schema = { type: "object", properties: born, required: ["born"], additionalProperties: false }
let format = { type: "json_schema", name: "person", strict: true, schema: schema }
let person = { name: "person", strict: true, schema: schema }

when user is "good" reply { born: 1815 }
when user is "bad" reply { born: "in 1815" }
when user is "text" reply "In 1815."
when user is "short" { reply "In"; finish length }

test "chat" {
    request { user: "good", response_format: { type: "json_schema", json_schema: person } }
    expect status is 200
    again { user: "bad" }
    expect status is 200
    again { user: "short" }
    expect status is 200
}
test "responses" {
    request { input: "text", text: { format: format } }
    expect status is 200
}
"""


def test_replies_that_break_a_strict_schema(folder: Path) -> None:
    (folder / "a.llmock").write_text(STRICT)
    told = run_command("a.llmock")
    assert told.exit_code == 0
    warned = [line for line in told.output.splitlines() if line.startswith("warning")]
    assert warned == [
        "warning: this does not satisfy the request's strict schema at born: 'in 1815' is not of type 'integer'",
        "warning: the request has a strict schema, and this is no JSON",
    ]
    assert "--> a.llmock:8:1" in told.output and "the request is at a.llmock:15:5" in told.output
