from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mockllm.commands.try_ import try_

SCRIPT = """\
rule greet when user mentions "hello" { ttft 100ms; pace 10 chunk/s; reply "Hello you all." in 3 chunks }
rule think when user is "think" { think "Let me see."; wait 1s; reply "Done."; finish length }
rule call when user is "call" { reply "One moment."; call get_weather { city: "Paris" }; call get_time {} }
rule two when user is "two" { choice { reply "a" in 1 chunk } choice { reply "b" in 1 chunk } }
rule limit when user is "limit" fail 429 "Slow down." retry after 2s
rule late when user is "late" { reply "Half" in 1 chunk; fail "Broken." as "server_error" }
rule cut when user is "cut" { after 2 chunks cut; reply "abcdef" in 3 chunks }
rule clean when user is "clean" { chunk "ab"; cut clean }
rule reset when user is "reset" { chunk "ab"; reset }
rule hang when user is "hang" { chunk "ab"; hang 5s }
rule forever when user is "forever" hang
rule bytes when user is "bytes" { after 10 bytes cut; chunk "ab" }
rule odd when user is "odd" { status 206; comment "still here"; refuse "No." in 1 chunk; raw "data: {}" }
rule lost when user is "lost" reply "Dear {{ body.metadata.name }}"
rule system when system is "Be brief." reply "Yes."
rule tier when header["x-tier"] is "vip" reply "Welcome."
rule dice when user is "dice" reply "{{ random(1, 1000000) }}"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOCKLLM_TOKENS", "estimate")
    Path("faq.llmock").write_text(SCRIPT)


def run(*arguments: str, body: Any = None) -> Result:
    given = None if body is None else json.dumps(body)
    return CliRunner().invoke(try_, ["faq.llmock", "--instant", *arguments], input=given)


def lines(result: Result) -> list[str]:
    """What is shown, without the summary."""
    shown, _, summary = result.stdout.rpartition("\n\n")
    assert summary.startswith("rule ")
    return shown.splitlines()


def test_a_text_and_its_summary() -> None:
    result = run("hello")
    assert result.exit_code == 0
    assert result.stdout == "Hello you all.\n\nrule greet (faq.llmock:1)   3 chunks   300 ms   4 tokens\n"


def test_a_rule_without_a_name() -> None:
    Path("faq.llmock").write_text('otherwise { wait 1.5s; chunk "Hm" }')
    assert run("x").stdout == "Hm\n\nthe rule at faq.llmock:1   1 chunk   1.50 s   1 token\n"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("think", ["thinks: Let me see.", "Done.", "finish length"]),
        ("call", ["One moment.", '→ get_weather {"city":"Paris"}', "→ get_time {}"]),
        ("two", ["[0] a", "[1] b"]),
        ("limit", ["429 rate_limit_exceeded: Slow down. (retry after 2 s)"]),
        ("late", ["Half", "500 server_error: Broken."]),
        ("cut", ["abcd", "✂ cut after 2 chunks"]),
        ("clean", ["ab", "✂ ended after 1 chunk, without a finish"]),
        ("reset", ["ab", "✂ reset after 1 chunk"]),
        ("hang", ["ab", "✂ hangs after 1 chunk for 5 s, then cut"]),
        ("forever", ["✂ hangs after 0 chunks, until the client leaves"]),
        ("bytes", ["✂ cut after 10 more bytes (--wire shows where)", "ab"]),
        ("odd", ["HTTP 206", ": still here", "refuses: No.", "raw: data: {}"]),
    ],
)
@pytest.mark.parametrize("endpoint", ["chat", "responses"])
def test_what_is_shown(message: str, shown: list[str], endpoint: str) -> None:
    result = run(message, "--as", endpoint)
    assert result.exit_code == 0
    assert lines(result) == shown


def test_what_is_not_streamed_comes_in_one_piece() -> None:
    assert lines(run("hello", "--no-stream")) == ["Hello you all."]
    assert lines(run("late", "--no-stream")) == ["500 server_error: Broken."]


def test_options() -> None:
    assert lines(run("x", "--system", "Be brief.")) == ["Yes."]
    assert lines(run("x", "--system", "Be brief.", "--as", "responses")) == ["Yes."]
    assert lines(run("x", "--header", "X-Tier: vip")) == ["Welcome."]
    assert run("dice", "--seed", "1").stdout == run("dice", "--seed", "1").stdout
    assert run("dice", "--seed", "1").stdout != run("dice", "--seed", "2").stdout


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
def test_tools(endpoint: str) -> None:
    Path("faq.llmock").write_text(
        'rule both when tools has "a" and tools has "b" reply "{{ tools | join(\'+\') }}"'
    )
    assert lines(run("hello", "--tool", "a", "--tool", "b", "--as", endpoint)) == ["a+b"]
    assert run("hello", "--tool", "a").exit_code == 1


def test_the_model() -> None:
    Path("faq.llmock").write_text('defaults { models ["o3", "o4"] }\notherwise reply "{{ model }}"')
    assert "o3\n" in run("x").stdout
    assert "o4\n" in run("x", "--model", "o4").stdout
    refused = run("x", "--model", "o5")
    assert refused.exit_code == 2 and refused.stdout.startswith(
        "404 model_not_found: The model `o5` does not exist"
    )


def test_a_miss_explains_itself() -> None:
    result = run("good day")
    assert result.exit_code == 1
    assert 'faq.llmock:1    rule greet     no   user mentions "hello"' in result.stdout
    assert "No rule matched. The nearest is " in result.stdout
    assert result.stdout.endswith('when user is "good day" {\n    reply "…"\n}\n')


def test_a_rule_that_fails() -> None:
    result = run("lost")
    assert result.exit_code == 1
    assert result.stdout.startswith("500 script_error: A rule failed, `lost` (faq.llmock:14:")


def test_nothing_is_printed_that_a_terminal_obeys() -> None:
    Path("faq.llmock").write_text('otherwise reply "{{ user }}"')
    assert run("a\x1b[31mb\nc").stdout.startswith("a\\x1b[31mb\nc\n\n")


# -- a whole body ---------------------------------------------------------------------------------------------


def test_a_body_of_chat() -> None:
    result = run("--json", "-", body={"model": "m", "messages": [{"role": "user", "content": "call"}]})
    assert lines(result)[0] == "One moment."


def test_a_body_of_responses() -> None:
    result = run("--json", "-", "--wire", body={"model": "m", "input": "hello"})
    assert '"object": "response"' in result.stdout
    streamed = run("--json", "-", "--wire", "--stream", body={"model": "m", "input": "hello"})
    assert "event: response.completed" in streamed.stdout


def test_a_body_that_the_api_refuses() -> None:
    result = run("--json", "-", body={"model": "m", "messages": []})
    assert result.exit_code == 2
    assert result.stdout.startswith("400 empty_array: Invalid 'messages': empty array.")
    assert "(param: messages)" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "write either a MESSAGE or --json FILE"),
        (["hi", "--json", "-"], "write either a MESSAGE or --json FILE"),
        (["--json", "-", "--system", "x"], "--system goes with a MESSAGE"),
        (["--json", "-", "--tool", "x"], "--tool goes with a MESSAGE"),
        (["hi", "--header", "x"], "'x' is not NAME:VALUE"),
    ],
)
def test_wrong_usage(arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2 and told in result.stderr


def test_a_broken_script() -> None:
    Path("faq.llmock").write_text("when usr reply 1")
    result = run("hi")
    assert result.exit_code == 2 and "error[E201]" in result.stderr


# -- the wire -------------------------------------------------------------------------------------------------


def test_the_wire_of_a_stream() -> None:
    result = run("hello", "--wire")
    head, _, body = result.stdout_bytes.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n")
    events = body.decode().split("\n\n")
    assert [event[:6] for event in events[:-1]] == ["data: "] * 6 and events[-2:] == ["data: [DONE]", ""]
    said = [json.loads(event[6:])["choices"][0]["delta"].get("content") for event in events[:-2]]
    assert said == ["", "Hell", "o you", " all.", None]
    assert result.stderr == "\nrule greet (faq.llmock:1)   3 chunks   300 ms   4 tokens\n"


def test_the_wire_of_a_body() -> None:
    result = run("hello", "--wire", "--no-stream")
    head, _, body = result.stdout_bytes.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert json.loads(body)["choices"][0]["message"]["content"] == "Hello you all."


def test_the_wire_of_an_error() -> None:
    result = run("limit", "--wire")
    assert result.exit_code == 0
    assert result.stdout_bytes.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert b"\r\nretry-after: 2\r\n" in result.stdout_bytes


def test_the_wire_of_a_miss() -> None:
    result = run("good day", "--wire")
    assert result.exit_code == 1
    assert result.stdout_bytes.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert "This rule would answer:" in result.stderr


@pytest.mark.parametrize(
    ("message", "how"), [("cut", "cut"), ("reset", "reset"), ("hang", "hang"), ("bytes", "cut")]
)
def test_a_wire_that_breaks(message: str, how: str) -> None:
    result = run(message, "--wire")
    assert f"✂ {how}\n" in result.stderr
    assert b"[DONE]" not in result.stdout_bytes


def test_the_wire_is_cut_after_so_many_bytes() -> None:
    assert len(run("bytes", "--wire").stdout_bytes.partition(b"\r\n\r\n")[2]) == 10


# -- time -----------------------------------------------------------------------------------------------------


class Watch:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(time, "sleep", watch.sleep)
    for module in ("commands.screen", "transports.clock", "transports.connection", "transports.player"):
        monkeypatch.setattr(f"mockllm.{module}.monotonic", watch.monotonic)
    return watch


@pytest.mark.parametrize("options", [[], ["--wire"]])
def test_each_piece_comes_at_its_time(watch: Watch, options: list[str]) -> None:
    CliRunner().invoke(try_, ["faq.llmock", "hello", *options])
    assert watch.slept == [0.1, 0.1, 0.1]


def test_a_body_comes_at_the_end(watch: Watch) -> None:
    CliRunner().invoke(try_, ["faq.llmock", "hello", "--no-stream"])
    assert watch.slept == [0.3]


def test_a_hang_lasts(watch: Watch) -> None:
    CliRunner().invoke(try_, ["faq.llmock", "hang"])
    assert watch.slept == [5.0]


def test_ctrl_c_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    result = CliRunner().invoke(try_, ["faq.llmock", "think"])
    assert (result.exit_code, result.stdout, result.stderr) == (130, "thinks: Let me see.\n", "")
