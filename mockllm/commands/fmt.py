"""The command `mockllm fmt`."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from dsl import ScriptError
from dsl.diagnostics import as_text
from dsl.formatting.formatter import format_text

STDIN = Path("-")

_WOULD_CHANGE, _FAILED = 1, 2  # exit statuses
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@click.command()
@click.argument(
    "paths",
    metavar="PATH...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
)
@click.option("--check", is_flag=True, help="Change nothing; list the scripts that would change.")
@click.option("--diff", is_flag=True, help="Change nothing; show what would change.")
def fmt(paths: tuple[Path, ...], check: bool, diff: bool) -> None:
    """Format scripts, and all scripts in folders, in place. Prints the names of those that change.

    PATH may be `-`: standard input is formatted to standard output.

    Exit status: 0, or 1 with --check if a script would change, or 2 if one cannot be read, written or formatted;
    the others are formatted all the same.
    """
    changed = failed = False
    for path in list(_scripts(paths)):
        try:
            script = _formatted(path)
            if check or diff:
                _tell(script, check=check, diff=diff)
            elif path == STDIN:
                click.echo(script.after.encode(), nl=False)
            elif script.changes:
                replace(path, script.after)
                click.echo(script.name)
            changed = changed or script.changes
        except ScriptError as error:
            click.echo("\n\n".join(map(as_text, error.diagnostics)), err=True)
            failed = True
        except UnicodeDecodeError:
            click.echo(f"Error: {_name(path)} is not UTF-8 text", err=True)
            failed = True
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            click.echo(f"Error: {_name(path)} cannot be formatted: {reason}", err=True)
            failed = True
    if failed:
        sys.exit(_FAILED)
    if check and changed:
        sys.exit(_WOULD_CHANGE)


@dataclass(frozen=True)
class _Formatted:
    name: str
    before: str
    after: str

    @property
    def changes(self) -> bool:
        return self.before != self.after


def _scripts(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        found = sorted(path.rglob("*.llmock")) if path != STDIN and path.is_dir() else [path]
        if not found:
            raise click.UsageError(f"there is no .llmock script in {path}")
        yield from found


def _name(path: Path) -> str:
    return "<stdin>" if path == STDIN else str(path)


def _formatted(path: Path) -> _Formatted:
    data = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    text = data.decode()
    return _Formatted(_name(path), text, format_text(text, _name(path)))


def _tell(script: _Formatted, *, check: bool, diff: bool) -> None:
    if diff:
        rows = difflib.unified_diff(
            _LINE.findall(script.before), _LINE.findall(script.after), script.name, script.name
        )
        for row in rows:
            click.echo(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n", nl=False)
    elif check and script.changes:
        click.echo(script.name)


def replace(path: Path, text: str) -> None:
    """Write `text` to a file that exists, at once: who reads it has the old text or the new. Its mode stays.

    Raises:
        OSError: it cannot be written; the file is what it was.
    """
    target = path.resolve()  # a link stays one
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        shutil.copymode(target, name)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
