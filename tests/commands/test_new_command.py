from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dsl import check, compile_script
from dsl.formatting.formatter import format_text
from mockllm.commands.new import STARTER, new
from tests.dsl.performing import Talk, calls


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(name: str) -> Result:
    return CliRunner().invoke(new, [name])


def test_it_writes_a_script_and_tells_what_is_next() -> None:
    result = run("hello")
    assert result.exit_code == 0
    assert Path("hello.llmock").read_text("utf-8") == STARTER
    assert (
        result.stdout
        == """\
hello.llmock is written. Next:

    mockllm check hello.llmock   # says what is wrong with it
    mockllm serve hello.llmock   # serves it on http://127.0.0.1:8000/v1
    mockllm test hello.llmock    # runs its own tests
"""
    )


@pytest.mark.parametrize(
    ("name", "path"),
    [("hello.llmock", "hello.llmock"), ("mocks/hello", "mocks/hello.llmock"), ("v1.2", "v1.2.llmock")],
)
def test_names(name: str, path: str) -> None:
    Path("mocks").mkdir()
    assert run(name).exit_code == 0
    assert Path(path).read_text("utf-8") == STARTER


def test_a_name_that_a_shell_would_take_apart() -> None:
    assert "mockllm serve 'my mock.llmock'" in run("my mock").stdout


def test_it_overwrites_nothing() -> None:
    Path("hello.llmock").write_text("mine")
    result = run("hello")
    assert result.exit_code == 2
    assert result.stderr == "Error: hello.llmock is there already and stays as it is: choose another name\n"
    assert Path("hello.llmock").read_text() == "mine"


def test_a_folder_that_is_not_there() -> None:
    result = run("mocks/hello")
    assert result.exit_code == 2
    assert result.stderr == "Error: mocks/hello.llmock cannot be written: no such file or directory\n"


@pytest.mark.parametrize("name", ["", ".", "..", ".llmock", "mocks/.."])
def test_no_name(name: str) -> None:
    result = run(name)
    assert result.exit_code == 2 and "a script needs a name" in result.stderr
    assert list(Path().iterdir()) == []


def test_the_script_is_sound_and_in_the_one_layout() -> None:
    run("hello")
    assert [found.code for found in check("hello.llmock") if found.code != "W410"] == []
    assert format_text(STARTER) == STARTER


def test_every_rule_answers() -> None:
    run("hello")
    talk = Talk(compile_script("hello.llmock"))
    assert talk.rule("Hi there") == "greeting"
    weather = talk.ask("weather in Paris", tools=("get_weather",))
    assert calls(weather) == [("get_weather", '{"city":"Paris"}')]
    result = {"get_weather": '{"temp": 21, "city": "Paris"}'}
    assert talk.say("weather in Paris", results=result) == "It is 21 °C in Paris."
    assert talk.ask("a story").duration > 0.3
    assert type(talk.ask("flaky").ending).__name__ == "Fail"
    assert talk.say("flaky") == "That worked, at the second try."
    assert talk.say("else") == "You said: else"
