"""Places in scripts, as an editor needs them.

Lines and columns count characters from 1. `from` and `to` are offsets in UTF-16 code units, from 0: what
strings in JavaScript are made of, and so editors in browsers.
"""

from __future__ import annotations

from typing import Any

from dsl.diagnostics import Diagnostic, Label
from dsl.source import Span


def span_json(span: Span, script: str) -> dict[str, Any]:
    """A span. `script` is the name of the script's own text: all others are of files that it includes."""
    source = span.source
    line, column = source.locate(span.start)
    end_line, end_column = source.locate(span.end)
    start = _units(source.text, 0, span.start)
    return {
        "file": source.name,
        "here": source.name == script,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "from": start,
        "to": start + _units(source.text, span.start, span.end),
    }


def diagnostic_json(found: Diagnostic, script: str) -> dict[str, Any]:
    """A diagnostic, with the places of its labels."""
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "primary": _label_json(found.primary, script),
        "secondary": None if found.secondary is None else _label_json(found.secondary, script),
        "help": found.help,
    }


def _label_json(label: Label, script: str) -> dict[str, Any]:
    return {**span_json(label.span, script), "text": label.text}


def _units(text: str, start: int, end: int) -> int:
    """How many UTF-16 code units a part of a text has."""
    part = text[start:end]
    return len(part) if part.isascii() else len(part.encode("utf-16-le", "surrogatepass")) // 2
