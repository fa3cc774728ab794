"""What is wrong with a script, as data, and the one place that turns it into text.

A diagnostic cannot be made without a span. Its sentence says what the author did: in lower case, names in
backticks, no full stop. One mistake gives one diagnostic.

Codes: E1xx syntax, E2xx names and types, E3xx templates and regular expressions, W4xx legal but surely not
meant. They are stable.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from dsl.looks import Looks
from dsl.source import Source, Span


@dataclass(frozen=True, slots=True)
class Label:
    """A span and what there is to say of it, if anything."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    code: str
    message: str
    primary: Label
    secondary: Label | None = None
    help: str | None = None

    @property
    def is_error(self) -> bool:
        return self.code.startswith("E")

    @property
    def severity(self) -> str:
        return "error" if self.is_error else "warning"


class Invalid(Exception):
    """What has a mistake in it, which is reported: nothing is made of it."""


class ScriptError(Exception):
    """A script that cannot be served.

    Attributes:
        diagnostics: at least one error, and the warnings found.
        looks: those at its files, whether they are there or not: a change of one may mend the script.
    """

    def __init__(self, diagnostics: list[Diagnostic], looks: Looks | None = None) -> None:
        self.diagnostics = diagnostics
        self.looks = looks or Looks()
        super().__init__("\n\n".join(as_text(diagnostic) for diagnostic in diagnostics))


class Diagnostics:
    """Collects what a pass over a script finds."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Span], Diagnostic] = {}

    def report(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        secondary: Label | None = None,
        help: str | None = None,
    ) -> None:
        # A block that is used twice is compiled twice: its mistake is still one.
        self._found.setdefault((code, span), Diagnostic(code, message, Label(span, label), secondary, help))

    def refuse(self, code: str, message: str, span: Span, label: str = "", *, help: str | None = None) -> NoReturn:
        """Report what nothing can be made of.

        Raises:
            Invalid: always.
        """
        self.report(code, message, span, label, help=help)
        raise Invalid

    @property
    def has_errors(self) -> bool:
        return any(diagnostic.is_error for diagnostic in self._found.values())

    def sorted(self) -> list[Diagnostic]:
        """All of them, those of one file together, in order of place."""
        files: dict[Source, int] = {}
        for diagnostic in self._found.values():
            files.setdefault(diagnostic.primary.span.source, len(files))
        return sorted(
            self._found.values(),
            key=lambda d: (files[d.primary.span.source], d.primary.span.start, d.code),
        )


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """The help line for a misspelt `word`, if one of `choices` is close to it."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else None


def one_of(words: Iterable[str]) -> str:
    """The words as a phrase: "a, b or c"."""
    listed = list(words)
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " or " + listed[-1]


# -- rendering --------------------------------------------------------------------------------


def as_text(diagnostic: Diagnostic) -> str:
    """The diagnostic in the frame of its source lines, over several lines, without a final line feed."""
    notes = [f"help: {diagnostic.help}"] if diagnostic.help else []
    head = f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"
    return f"{head}\n{frame(diagnostic.primary, diagnostic.secondary, notes)}"


def frame(primary: Label, secondary: Label | None = None, notes: Iterable[str] = ()) -> str:
    """Source lines with their place above them, what is said of them, and notes below; no final line feed."""
    marks = [(primary, "^")]
    if secondary:
        marks.append((secondary, "-"))
    here = primary.span.source
    shown_marks = sorted(
        (mark for mark in marks if mark[0].span.source is here), key=lambda mark: mark[0].span.start
    )
    gutter = len(str(max(label.span.line for label, _ in shown_marks)))
    blank = " " * gutter
    rows = [f"{blank}--> {primary.span}", f"{blank} |"]
    shown = None
    for label, mark in shown_marks:
        number = label.span.line
        if number != shown:
            if shown is not None and number > shown + 1:
                rows.append("..." if gutter < 3 else "." * gutter)
            rows.append(f"{number:>{gutter}} | {here.line(number)}".rstrip())
        shown = number
        rows.append(f"{blank} | {_underline(label.span, mark)} {label.text}".rstrip())
    notes = list(notes)
    if secondary and secondary.span.source is not here:
        notes.insert(0, f"note: {secondary.text} ({secondary.span})")
    if notes:
        rows += [f"{blank} |", *(f"{blank} = {note}" for note in notes)]
    return "\n".join(rows)


def as_line(diagnostic: Diagnostic) -> str:
    """The diagnostic on one line, as compilers print it: `FILE:LINE:COLUMN: error[CODE]: MESSAGE`."""
    parts = [diagnostic.message, diagnostic.primary.text, diagnostic.help or ""]
    return f"{diagnostic.primary.span}: {diagnostic.severity}[{diagnostic.code}]: {'; '.join(filter(None, parts))}"


def as_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """The diagnostic as a JSON value; positions count lines and columns from 1, the end is exclusive."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "primary": _label_json(diagnostic.primary),
        "secondary": _label_json(diagnostic.secondary) if diagnostic.secondary else None,
        "help": diagnostic.help,
    }


def _label_json(label: Label) -> dict[str, Any]:
    line, column = label.span.source.locate(label.span.start)
    end_line, end_column = label.span.source.locate(label.span.end)
    return {
        "file": label.span.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "text": label.text,
    }


def _underline(span: Span, mark: str) -> str:
    """Marks under a span, as far as it stands on its first line."""
    line, column = span.source.locate(span.start)
    text = span.source.line(line)
    inside = text[column - 1 : column - 1 + span.end - span.start]
    lead = "".join("\t" if character == "\t" else " " * _width(character) for character in text[: column - 1])
    return lead + " " * (column - 1 - len(text)) + mark * max(1, _width(inside))


def _width(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
