"""`mockllm explain`: why a script answers a request as it does, or does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from dsl.request import Headers
from mockllm.commands.command_line import TROUBLE, compiled, endpoint_of, give_up, header_fields, read_body


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("request", type=click.Path(exists=True, dir_okay=False, allow_dash=True), required=False)
@click.option(
    "--endpoint",
    type=click.Choice(["chat", "responses"]),
    help="Where the request goes. By default a body with `input` and no `messages` goes to responses, any other "
    "to chat.",
)
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header of it; may be repeated.")
@click.option(
    "--state",
    "states",
    multiple=True,
    metavar="SCENARIO=STATE",
    help="Where a scenario is, in place of its first state; may be repeated.",
)
@click.option("--lenient", is_flag=True, help="Let request parameters pass that the real API does not know.")
@click.option(
    "--journal",
    nargs=2,
    metavar="URL ID",
    help="In place of REQUEST, take the one with this id from the journal of a running server. The journal keeps "
    "no headers: give by --header those that rules look at.",
)
@click.option("--all", "every", is_flag=True, help="Show all rules, however many there are.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Rows for people, or JSON.",
)
def explain(
    path: Path,
    request: str | None,
    endpoint: str | None,
    headers: tuple[str, ...],
    states: tuple[str, ...],
    lenient: bool,
    journal: tuple[str, str] | None,
    every: bool,
    form: str,
) -> None:
    """Show how the rules of the script at PATH take a request, one after the other.

    REQUEST is a file with the request's JSON body, or - for the standard input. It is taken for the first request
    of its session: nothing is counted or remembered yet.

    Exit status: 0 if a rule answers, 1 if none does, 2 if there is nothing to explain.
    """
    if (request is None) == (journal is None):
        raise click.UsageError("name either a REQUEST or a --journal")
    # Here and not above: the other commands need none of them, and they take most of the time to start.
    from dsl.trace import as_json
    from dsl.trace_text import MOST_ROWS, as_text, printable
    from mockllm.apis.errors import ApiError
    from mockllm.commands.explaining import (
        NoRequest,
        explained,
        notes_on,
        request_of_body,
        request_of_journal,
        states_of,
    )

    script = compiled(path)
    fields = Headers(header_fields(headers))
    try:
        if journal is not None:
            asked = request_of_journal(*journal, fields, lenient)
        else:
            body = read_body(request or "-")
            asked = request_of_body(body, endpoint or endpoint_of(body), fields, lenient)
        found = explained(script, asked, fields, states_of(script, states))
    except NoRequest as error:
        give_up(str(error))
    except ApiError as error:
        if form == "json":
            click.echo(error.body)
        else:
            where = f" (param: {error.param})" if error.param else ""
            click.echo("The API refuses this request before any rule is asked:")
            click.echo(f"{error.status} {printable(error.message)}{where}")
        sys.exit(TROUBLE)
    notes = notes_on(found, asked, from_journal=journal is not None)
    if form == "json":
        click.echo(json.dumps(as_json(found) | {"notes": notes}, ensure_ascii=False, indent=2))
    else:
        told = [as_text(found, most=None if every else MOST_ROWS), *(f"Note: {note}." for note in notes)]
        click.echo("\n\n".join(told))
    sys.exit(0 if found.answer else 1)
