"""`mockllm new`: a script to begin with, whose rules show what rules can do."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from mockllm.commands.command_line import give_up

SUFFIX = ".llmock"

NEXT = (
    ("check", "says what is wrong with it"),
    ("serve", "serves it on http://127.0.0.1:8000/v1"),
    ("test", "runs its own tests"),
)

STARTER = """\
# Rules are tried from top to bottom, and the first whose condition holds answers.
# A body is a timeline: its statements happen in order.

# `mentions` looks for a word in any case; `contains` for a substring in this very case.
rule greeting when user mentions any ["hello", "hi"] {
    reply "Hello! You asked {{ model }}."
}

# A tool's result comes back while the user's text is still the last one. So the rule that
# takes the result stands above the one that calls the tool.
rule forecast when tool_result["get_weather"] {
    reply "It is {{ tool_result.get_weather.temp }} °C in {{ tool_result.get_weather.city }}."
}

# A named group of the regular expression becomes a variable.
rule weather when user matches /weather in (?<city>\\w+)/i and tools has "get_weather" {
    call get_weather { city: "{{ city }}" }
}

# A stream with a rhythm. Who does not stream gets the same text, after the same time.
rule story when user mentions "story" {
    ttft 300ms ± 100ms
    pace 30 tok/s
    reply "Once upon a time there was a mock that answered every question in the same way."
}

# One step for each request of a session, and the last step for ever after: is there a retry?
rule flaky when user mentions "flaky" {
    sequence {
        fail 429 "Slow down." retry after 1s
        reply "That worked, at the second try."
    }
}

# What no other rule answers. Without it a client gets a 404 that explains itself.
otherwise reply "You said: {{ user }}"

test "says hello" {
    request { user: "Hi there" }
    expect rule is greeting and text starts with "Hello!"
}

test "asks for the weather" {
    request { user: "What is the weather in Paris?", tools: ["get_weather"] }
    expect calls["get_weather"].city is "Paris"
}
"""


@click.command()
@click.argument("name", type=click.Path(path_type=Path))
def new(name: Path) -> None:
    """Write NAME.llmock, a script to begin with. NAME may have a folder; no file is overwritten."""
    if name.name.startswith(".") or not name.name:
        give_up("a script needs a name, as in `mockllm new hello`")
    path = name if name.suffix == SUFFIX else name.with_name(name.name + SUFFIX)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(STARTER)
    except FileExistsError:
        give_up(f"{path} is there already and stays as it is: choose another name")
    except OSError as error:
        give_up(f"{path} cannot be written: {(error.strerror or str(error)).lower()}")
    click.echo(f"{path} is written. Next:\n")
    commands = [f"mockllm {command} {shlex.quote(str(path))}" for command, _ in NEXT]
    width = max(map(len, commands))
    for command, (_, purpose) in zip(commands, NEXT, strict=True):
        click.echo(f"    {command:<{width}}   # {purpose}")
