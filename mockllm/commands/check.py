"""The command `mockllm check`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

import dsl
from dsl import Diagnostic
from dsl.codes import UnknownCode, explain
from dsl.diagnostics import as_json, as_line, as_text
from mockllm.commands.report import show, summary
from mockllm.commands.script_files import NoScripts, script_files


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "line", "json"]),
    default="text",
    show_default=True,
    help="Frames for people, one line each for CI, or JSON.",
)
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--explain", "code", metavar="CODE", help="Say what a code means, with an example and the way out.")
def check(paths: tuple[Path, ...], form: str, strict: bool, code: str | None) -> None:
    """Check scripts, and all scripts in folders. Exit status 1 if there are errors."""
    if code is not None:
        return _explain(code)
    if not paths:
        raise click.UsageError("name a script or a folder, or a code to --explain")
    found: list[Diagnostic] = []
    try:
        scripts = script_files(paths)
    except NoScripts as error:
        raise click.ClickException(str(error)) from None
    for path in scripts:
        try:
            found += dsl.check(path)
        except OSError as error:
            raise click.ClickException(
                f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
            ) from None
        except UnicodeDecodeError:
            raise click.ClickException(f"{path} is not UTF-8 text") from None
    if form == "json":
        click.echo(json.dumps([as_json(diagnostic) for diagnostic in found], ensure_ascii=False, indent=2))
    else:
        show(found, as_text if form == "text" else as_line, err=False)
        if form == "text" and found:
            worst = next((diagnostic for diagnostic in found if diagnostic.is_error), found[0])
            click.echo(f"\n{summary(found)}; `mockllm check --explain {worst.code}` tells more")
    if any(diagnostic.is_error or strict for diagnostic in found):
        sys.exit(1)


def _explain(code: str) -> None:
    try:
        click.echo(explain(code))
    except UnknownCode as error:
        raise click.ClickException(str(error)) from None
