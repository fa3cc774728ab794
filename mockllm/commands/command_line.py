"""What the commands have in common: scripts, bodies and headers as a person names them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import click

from dsl import Script, ScriptError, compile_script
from dsl.diagnostics import as_text

# Of a command that could not do what it was asked to; click's own for wrong usage, too.
TROUBLE = 2


def compiled(path: Path) -> Script:
    """The script in a file. What is wrong with it is shown, and ends the command."""
    try:
        return compile_script(path)
    except ScriptError as error:
        click.echo("\n\n".join(as_text(diagnostic) for diagnostic in error.diagnostics), err=True)
        sys.exit(TROUBLE)
    except OSError as error:
        give_up(f"{path} cannot be read: {(error.strerror or str(error)).lower()}")
    except UnicodeDecodeError:
        give_up(f"{path} is not UTF-8 text")


def read_body(name: str) -> bytes:
    """The bytes of a file, or of the standard input if it is called `-`."""
    try:
        with click.open_file(name, "rb") as file:
            data: bytes = file.read()
    except OSError as error:
        give_up(f"{name} cannot be read: {(error.strerror or str(error)).lower()}")
    return data.removeprefix(b"\xef\xbb\xbf")  # editors of Windows begin files with it


def endpoint_of(body: bytes) -> str:
    """The endpoint that a body belongs to: `responses` if it has `input` and no `messages`, else `chat`."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "chat"  # which will refuse it
    return "responses" if isinstance(value, dict) and "input" in value and "messages" not in value else "chat"


def header_fields(written: Iterable[str]) -> list[tuple[str, str]]:
    """The header fields that are written `NAME:VALUE`."""
    found = []
    for each in written:
        name, colon, value = each.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"{each!r} is not NAME:VALUE", param_hint="--header")
        found.append((name.strip(), value.strip()))
    return found


def give_up(message: str) -> NoReturn:
    """Say what is wrong, and end the command."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(TROUBLE)
