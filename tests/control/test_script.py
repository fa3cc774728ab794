"""A text is checked, formatted and tested without being served; the catalogue has the words of the language."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from dsl import ScriptError, compile_text, declarations
from dsl.formatting.formatter import format_text
from mockllm.control.catalogue import OPERATORS
from tests.control.serving import SCRIPT, error

GRAMMAR = (Path(declarations.__file__).parent / "llmock.lark").read_text()


def test_a_check_counts_as_javascript_does(client: httpx.Client) -> None:
    script = '# 😀 é\r\nrule a when usr is "é😀" reply "x"\n'
    found = client.post("/-/check", json={"script": script}).json()
    assert found["ok"] is False
    (error_,) = found["diagnostics"]
    units = script.replace("\r\n", "\n").encode("utf-16-le")
    place = error_["primary"]
    assert units[2 * place["from"] : 2 * place["to"]].decode("utf-16-le") == "usr"
    assert (place["here"], place["line"], place["column"], place["end_column"]) == (True, 2, 13, 16)


def test_warnings_are_no_errors(client: httpx.Client) -> None:
    found = client.post("/-/check", json={"script": 'otherwise reply "a"\n\nwhen stream reply "b"\n'}).json()
    assert found["ok"] is True and found["diagnostics"][0]["severity"] == "warning"
    assert found["diagnostics"][0]["secondary"] is not None


@pytest.mark.parametrize("script", ["", "\0", "{" * 5_000, "/", '"""', "é", "otherwise " * 500])
def test_any_text_can_be_checked(client: httpx.Client, script: str) -> None:
    for path in ("check", "format", "test"):
        assert client.post(f"/-/{path}", json={"script": script}).status_code in (200, 422)


def test_a_text_is_formatted(client: httpx.Client) -> None:
    found = client.post("/-/format", json={"script": 'otherwise   reply "x"'}).json()
    assert found == {"script": 'otherwise reply "x"\n', "changed": True}
    assert client.post("/-/format", json=found | {"changed": 1}).status_code == 400
    assert client.post("/-/format", json={"script": found["script"]}).json()["changed"] is False


def test_tests_are_run(client: httpx.Client) -> None:
    script = SCRIPT + '\ntest "fails" {\n    request { user: "hello" }\n    expect text is "Ho."\n}\n'
    found = client.post("/-/test", json={"script": script}).json()
    assert (found["passed"], found["failed"]) == (1, 1)
    failed = found["tests"][1]
    span = failed["failure"]["span"]
    assert failed["name"] == "fails" and script[span["from"] : span["to"]] == 'text is "Ho."'
    assert failed["failure"]["label"] == '`text` is "Hi."'
    assert "rule quota" in [part["what"] for part in found["unreached"]]
    one = client.post("/-/test", json={"script": script, "name": "SAYS"}).json()
    assert ([test["name"] for test in one["tests"]], one["unreached"]) == (["says hello"], [])
    assert client.post("/-/test", json={}).json()["passed"] == 1


def test_a_test_asks_what_the_real_api_takes(client: httpx.Client) -> None:
    script = 'otherwise reply "x"\n\ntest "hot" { request { temperature: 7, user: "a" } expect text is "x" }\n'
    (ran,) = client.post("/-/test", json={"script": script}).json()["tests"]
    assert not ran["passed"] and "temperature" in str(ran["failure"])


def test_errors_of_a_text_that_is_to_be_tested(client: httpx.Client) -> None:
    answer = client.post("/-/test", json={"script": "otherwise repli"})
    assert error(answer) == (422, "bad_script")
    assert answer.json()["error"]["diagnostics"][0]["primary"]["here"] is True


# -- the catalogue --------------------------------------------------------------------------------------------


def test_the_catalogue(client: httpx.Client) -> None:
    found = client.get("/-/catalogue").json()
    assert {"reply", "cut", "sequence"} <= {each["name"] for each in found["statements"]}
    assert {"user", "tool_result"} <= {each["name"] for each in found["fields"]}
    assert {"text", "calls"} <= {each["name"] for each in found["outcome_fields"]}
    assert "E101" in [each["code"] for each in found["codes"]]
    assert "otherwise" in found["keywords"] and "mentions any" in found["operators"]


def test_each_declaration_of_the_grammar_is_in_the_catalogue() -> None:
    items = re.search(r"^_item: ([^/]*?)\n\n", GRAMMAR, re.MULTILINE)
    assert items is not None
    named = {name.strip() for name in items[1].split("|")}
    assert {each.rule for each in declarations.DECLARATIONS} == named | {"otherwise"}


@pytest.mark.parametrize("declaration", declarations.DECLARATIONS, ids=lambda each: each.rule)
def test_the_example_of_a_declaration_is_a_script(declaration: declarations.Declaration) -> None:
    assert format_text(declaration.example) == declaration.example + "\n"
    if declaration.rule == "include":
        with pytest.raises(ScriptError, match="E2"):
            compile_text(declaration.example)  # there is no file
    else:
        assert compile_text(declaration.example) is not None


def test_each_operator_of_the_grammar_is_in_the_catalogue() -> None:
    block = re.search(r"^comparison: (.*?)^ORDER", GRAMMAR, re.MULTILINE | re.DOTALL)
    assert block is not None
    written = {" ".join(re.findall(r'"(\w+)"', line.partition("->")[0])) for line in block[1].splitlines()}
    assert written - {""} == {operator for operator in OPERATORS if operator[0].isalpha()}
