"""Diagnostics in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from dsl import Diagnostic
from dsl.diagnostics import as_text


def show(found: Iterable[Diagnostic], form: Callable[[Diagnostic], str], *, err: bool = True) -> None:
    separator = "\n\n" if form is as_text else "\n"
    text = separator.join(form(diagnostic) for diagnostic in found)
    if text:
        click.echo(text, err=err)


def summary(found: list[Diagnostic]) -> str:
    errors = sum(diagnostic.is_error for diagnostic in found)
    counts = [(errors, "error"), (len(found) - errors, "warning")]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count)
