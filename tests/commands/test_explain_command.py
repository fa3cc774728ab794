from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from mockllm import MockServer
from mockllm.commands.explain import explain
from tests.server.harness import PATIENCE

FAQ = """\
rule translate when user matches /translate/i reply "-"
rule vip when header["x-tier"] is "vip" reply "-"
rule greet when user mentions "hello" reply "Hi."
"""
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOCKLLM_TOKENS", "estimate")
    Path("faq.llmock").write_text(FAQ)


def run(*arguments: str, body: Any = None) -> Result:
    given = body if isinstance(body, str | bytes) else json.dumps(body)
    return CliRunner().invoke(explain, ["faq.llmock", *arguments], input=given)


def test_a_rule_answers() -> None:
    result = run("-", body=CHAT)
    assert result.exit_code == 0
    assert (
        result.stdout
        == """\
faq.llmock:1   rule translate   no    user matches /translate/i   user is "hello"
faq.llmock:2   rule vip         no    header["x-tier"] is "vip"   header["x-tier"] is absent
faq.llmock:3   rule greet       yes

`greet` (faq.llmock:3) answers.
"""
    )


def test_no_rule_answers() -> None:
    Path("request.json").write_text(json.dumps({"model": "gpt-4o", "input": "good day"}))
    result = run("request.json")
    assert result.exit_code == 1
    rows, reason, invitation, rule = result.stdout.split("\n\n")
    assert (
        rows.splitlines()[2]
        == 'faq.llmock:3   rule greet       no   user mentions "hello"       user is "good day"'
    )
    assert reason.startswith("No rule matched. The nearest is `")
    assert invitation == "This rule would answer:"
    assert rule == 'when user is "good day" {\n    reply "…"\n}\n'


def test_headers_of_the_request() -> None:
    assert "`vip` (faq.llmock:2) answers." in run("-", "--header", "X-Tier: vip", body=CHAT).stdout


def test_a_header_without_a_value_is_wrong_usage() -> None:
    result = run("-", "--header", "x-tier", body=CHAT)
    assert result.exit_code == 2 and "'x-tier' is not NAME:VALUE" in result.stderr


def test_json() -> None:
    result = run("-", "--format", "json", body=CHAT)
    found = json.loads(result.stdout)
    assert (result.exit_code, found["matched"], found["answer"]["rule"]) == (0, True, "greet")
    assert found["session"] == "default" and found["notes"] == []


@pytest.mark.parametrize(
    ("body", "endpoint", "told"),
    [
        ({"model": "m", "messages": []}, None, "400 Invalid 'messages': empty array."),
        (
            {"model": "m", "input": "hi", "nonsense": 1},
            None,
            "400 Unknown parameter: 'nonsense'. (param: nonsense)",
        ),
        ({"model": "m", "input": "hi"}, "chat", "(param: messages)"),
        ("{", None, "400 We could not parse the JSON body of your request."),
        ({"model": "m", "input": "hi", "previous_response_id": "resp_1"}, None, "'resp_1' not found."),
    ],
)
def test_what_the_api_refuses(body: Any, endpoint: str | None, told: str) -> None:
    result = run("-", *(["--endpoint", endpoint] if endpoint else []), body=body)
    assert result.exit_code == 2
    assert result.stdout.startswith("The API refuses this request before any rule is asked:\n400 ")
    assert told in result.stdout


def test_what_the_api_refuses_as_json() -> None:
    result = run("-", "--format", "json", body={"model": "m", "messages": []})
    assert result.exit_code == 2 and json.loads(result.stdout)["error"]["param"] == "messages"


def test_lenient() -> None:
    body = {**CHAT, "nonsense": 1}
    assert run("-", body=body).exit_code == 2
    assert run("-", "--lenient", body=body).exit_code == 0


def test_a_model_that_does_not_exist() -> None:
    Path("faq.llmock").write_text(f'defaults {{ models ["o3"] }}\n{FAQ}')
    result = run("-", body=CHAT)
    assert result.exit_code == 2 and "404 The model `gpt-4o` does not exist" in result.stdout


def test_nothing_is_counted_yet() -> None:
    Path("faq.llmock").write_text('when user and nth > 1 reply "-"')
    result = run("-", body=CHAT)
    assert "no   nth > 1   nth is 1" in result.stdout
    assert "Note: this is taken for the first request of its session" in result.stdout


def test_a_broken_script() -> None:
    Path("faq.llmock").write_text("when usr reply 1")
    result = run("-", body=CHAT)
    assert result.exit_code == 2 and "error[E201]: unknown field `usr`" in result.stderr


def test_a_body_that_begins_with_a_byte_order_mark() -> None:
    assert run("-", body=b"\xef\xbb\xbf" + json.dumps(CHAT).encode()).exit_code == 0


def test_a_request_or_a_journal() -> None:
    result = run()
    assert result.exit_code == 2 and "name either a REQUEST or a --journal" in result.stderr
    assert run("-", "--journal", "http://127.0.0.1:1", "1").exit_code == 2


def test_all_rules() -> None:
    Path("faq.llmock").write_text("\n".join(f'when user is "{number}" reply "-"' for number in range(60)))
    assert "(20 more rules not shown)" in run("-", body=CHAT).stdout
    assert "faq.llmock:60 " in run("-", "--all", body=CHAT).stdout


# -- from the journal of a server -----------------------------------------------------------------------------


def test_a_request_of_the_journal() -> None:
    with MockServer(Path("faq.llmock")) as server:
        httpx.post(f"{server.base_url}/chat/completions", json=CHAT, headers={"x-tier": "vip"}, timeout=PATIENCE)
        httpx.post(f"{server.base_url}/responses", json={"model": "m", "input": "translate"}, timeout=PATIENCE)
        kept = run("--journal", server.base_url, "1")
        other = run("--journal", server.base_url.removesuffix("/v1"), "1", "--header", "x-tier:basic")
        second = run("--journal", server.base_url, "2")
        unknown = run("--journal", server.base_url, "9")
    assert kept.exit_code == 0 and "`vip` (faq.llmock:2) answers." in kept.stdout and "Note" not in kept.stdout
    assert "`greet` (faq.llmock:3) answers." in other.stdout
    assert "`translate` (faq.llmock:1) answers." in second.stdout
    assert unknown.exit_code == 2 and "has no request 9: it has 1 to 2" in unknown.stderr


def test_an_empty_journal() -> None:
    with MockServer(Path("faq.llmock")) as server:
        assert "has no request 1: it is empty" in run("--journal", server.base_url, "1").stderr


def test_no_server() -> None:
    result = run("--journal", "http://127.0.0.1:9", "1")
    assert result.exit_code == 2 and "http://127.0.0.1:9 gives no journal" in result.stderr


def test_no_url() -> None:
    result = run("--journal", "nonsense", "1")
    assert result.exit_code == 2 and "nonsense gives no journal" in result.stderr


SHOP = """\
scenario shop by header["x-order"] {
    state browsing { otherwise { reply "What would you like?"; go paying } }
    state paying { when user mentions "card" { reply "Thank you."; go browsing } otherwise reply "Card?" }
}
"""


def test_a_scenario_in_another_state() -> None:
    Path("faq.llmock").write_text(SHOP)
    assert "The rule at faq.llmock:2 answers." in run("-", body=CHAT).stdout
    told = run("-", "--state", "shop=paying", "--header", "x-order: 7", body=CHAT).stdout
    assert "The rule at faq.llmock:3 answers." in told


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("shop=payng", "the scenario shop has no state `payng`; did you mean `paying`?"),
        ("shop", "the scenario shop has no state ``; its states are browsing, paying"),
        ("shopp=paying", "no scenario is called shopp; did you mean `shop`?"),
        ("x=y", "no scenario is called x; there is shop"),
    ],
)
def test_a_state_that_there_is_none_of(state: str, reason: str) -> None:
    Path("faq.llmock").write_text(SHOP)
    result = run("-", "--state", state, body=CHAT)
    assert result.exit_code == 2
    assert reason in result.output
