"""`mockllm try`: one request, and its answer in the terminal as a client would see it come."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dsl.request import Headers
from mockllm.commands.command_line import TROUBLE, compiled, endpoint_of, header_fields, read_body

if TYPE_CHECKING:
    from mockllm.commands.trying import Heard

INTERRUPTED = 130  # as shells have it: 128 and the number of the signal


@click.command("try")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("message", required=False)
@click.option(
    "--as",
    "endpoint",
    type=click.Choice(["chat", "responses"]),
    help="The API to be asked. By default chat, or that to which the body of --json belongs.",
)
@click.option("--model", help="The model to be asked.  [default: the script's first]")
@click.option("--system", help="What the system message says.")
@click.option("--tool", "tools", multiple=True, metavar="NAME", help="A tool that is offered; may be repeated.")
@click.option(
    "--json",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A file with the JSON body of a request, in place of MESSAGE; - for the standard input.",
)
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header of it; may be repeated.")
@click.option("--stream/--no-stream", default=None, help="Whether to ask for a stream.  [default: stream]")
@click.option("--seed", type=int, help="Decides all that the script leaves to chance.")
@click.option("--instant", is_flag=True, help="Leave out the waits.")
@click.option("--wire", is_flag=True, help="Print the bytes of the HTTP answer: its head and its body.")
def try_(
    path: Path,
    message: str | None,
    endpoint: str | None,
    model: str | None,
    system: str | None,
    tools: tuple[str, ...],
    file: str | None,
    headers: tuple[str, ...],
    stream: bool | None,
    seed: int | None,
    instant: bool,
    wire: bool,
) -> None:
    """Ask the script at PATH once, and show its answer as it comes.

    \b
    mockllm try hello.llmock "What is the weather in Paris?"

    Exit status: 0 if a rule answers, with a fault too; 1 if none does, or it fails to; 2 if the API would refuse
    the request, or it cannot be asked; 130 if it is interrupted.
    """
    if (message is None) == (file is None):
        raise click.UsageError("write either a MESSAGE or --json FILE")
    if file is not None and tools:
        raise click.UsageError("--tool goes with a MESSAGE: write the tools into the body")
    # Here and not above: the other commands need none of them, and they take most of the time to start.
    from mockllm.commands.trying import ask, body_of, first_model

    script = compiled(path)
    if file is not None:
        body = _changed(read_body(file), model, system, stream)
        endpoint = endpoint or endpoint_of(body)
    else:
        endpoint = endpoint or "chat"
        asked = body_of(endpoint, message or "", model or first_model(script), system, tools, stream is not False)
        body = json.dumps(asked).encode()
    try:
        heard = ask(script, endpoint, body, Headers(header_fields(headers)), seed)
        sys.exit(_told(heard, endpoint, instant=instant, wire=wire))
    except KeyboardInterrupt:
        click.echo()
        sys.exit(INTERRUPTED)


def _changed(body: bytes, model: str | None, system: str | None, stream: bool | None) -> bytes:
    """The body of a file with what the options say in place of its own."""
    if system is not None:
        raise click.UsageError("--system goes with a MESSAGE: write the system message into the body")
    options = {"model": model, "stream": stream}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    try:
        value = json.loads(body) if given else None
    except (ValueError, RecursionError):
        return body  # the API has a sentence for that
    return json.dumps(value | given).encode() if isinstance(value, dict) else body


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _told(heard: Heard, endpoint: str, *, instant: bool, wire: bool) -> int:
    """Show what was heard; returns the exit status."""
    from dsl.trace_text import as_text
    from mockllm.commands.screen import Pauses, chunks, error_line, perform, send

    pauses = Pauses(instant)
    broken = None
    if wire:
        broken = send(heard.reply, pauses, _write)
        click.echo(err=True)
    if broken is not None:
        click.echo(f"✂ {broken}", err=True)
    if heard.answer is None:
        assert heard.error is not None
        if heard.trace is not None:
            click.echo(as_text(heard.trace), err=wire)
            return 1
        if not wire:
            click.echo(error_line(heard.error))
        return 1 if heard.error.status >= 500 else TROUBLE
    answer = heard.answer
    if not wire:
        prompt = "input" if endpoint == "responses" else "messages"
        perform(answer.timeline, pauses, stream=answer.request.transport == "sse", prompt=prompt)
        click.echo()
    click.echo(_summary(heard, chunks(answer.timeline)), err=wire)
    return 0


def _summary(heard: Heard, said: int) -> str:
    """`rule greet (faq.llmock:9)   3 chunks   350 ms   4 tokens`."""
    assert heard.answer is not None
    entry, seconds = heard.entry, heard.answer.timeline.duration
    rule = f"rule {entry.rule} ({entry.place})" if entry.rule else f"the rule at {entry.place}"
    took = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
    return f"{rule}   {_counted(said, 'chunk')}   {took}   {_counted(heard.tokens, 'token')}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
