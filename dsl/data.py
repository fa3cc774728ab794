"""The data of a `for each`: the rows of a CSV or a JSON Lines file.

CSV is that of RFC 4180: its first record names the columns, and every value is a text. JSON Lines has a value on
each line, which keeps its type. Both are UTF-8; a byte order mark and empty lines are skipped.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

SUFFIXES = (".csv", ".jsonl")


class BadData(ValueError):
    """A file that holds no rows. The message is the end of a sentence about it, with the line at fault."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file. `texts` is set if all of its values are texts, whatever they look like."""

    rows: tuple[Any, ...]
    texts: bool


def check_name(path: Path) -> None:
    """Raises:
    BadData: a file of this name holds no data.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise BadData("is neither a `.csv` nor a `.jsonl` file")


def read(path: Path, content: bytes) -> Table:
    """The rows in what a file holds, told by its name's ending to be CSV or JSON Lines.

    Raises:
        BadData: it is broken.
        UnicodeDecodeError: it is not UTF-8.
    """
    text = content.decode("utf-8-sig")
    return _csv(text) if path.suffix.lower() == ".csv" else _json_lines(text)


def _csv(text: str) -> Table:
    records = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    header: list[str] | None = None
    try:
        for record in records:
            if not record:
                continue
            if header is None:
                header = _header(record)
            elif len(record) != len(header):
                has = f"{len(record)} value{'' if len(record) == 1 else 's'} where the header has {len(header)}"
                raise BadData(f"has {has} on line {records.line_num}")
            else:
                rows.append(dict(zip(header, record, strict=True)))
    except csv.Error as error:
        raise BadData(f"is no CSV on line {records.line_num}: {error}") from None
    if header is None:
        raise BadData("has no header")
    return Table(tuple(rows), texts=True)


def _header(record: list[str]) -> list[str]:
    names = [name.strip() for name in record]
    for number, name in enumerate(names, 1):
        if not name:
            raise BadData(f"has no name for column {number} on line 1")
        if name in names[: number - 1]:
            raise BadData(f"has two columns that are called `{name}` on line 1")
    return names


def _json_lines(text: str) -> Table:
    rows: list[Any] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line, parse_constant=_refuse))
        except RecursionError:
            raise BadData(f"is nested too deeply on line {number}") from None
        except ValueError as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error).split(";")[0]
            raise BadData(f"is no JSON on line {number}: {reason[:1].lower()}{reason[1:]}") from None
    return Table(tuple(rows), texts=False)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"`{word}` is no value of JSON")
