"""The faults of `examples/faults`, what was observed of each, and the page of the documents that shows it.

`observed.json` has it all: file → fault → column → a few words. The page is made of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from dsl import compile_script

ROOT = Path(__file__).parents[2]
FAULTS = ROOT / "examples" / "faults"
OBSERVED = Path(__file__).with_name("observed.json")
PAGE = ROOT / "docs" / "faults.md"

# What is looked at, by column: its heading, and the columns of one table of the page, by what it is about.
WIRE = {
    "chat json": "JSON",
    "chat sse": "SSE",
    "responses json": "JSON",
    "responses sse": "SSE",
    "chat ws": "`WS /v1/chat`",
    "responses ws": "`WS /v1/responses`",
}
PYTHON = {
    "python chat": "Python: `create`",
    "python chat stream": "Python: stream",
    "python responses": "Python: `create`",
    "python responses stream": "Python: stream",
    "python responses ws": "Python: `connect`",
    "python chat helper": "Python: `stream` helper",
}
NODE = {
    "node chat": "Node: `create`",
    "node chat stream": "Node: stream",
    "node responses": "Node: `create`",
    "node responses stream": "Node: stream",
    "node chat helper": "Node: `stream` helper",
}
HEADINGS = WIRE | PYTHON | NODE

_CHAT = ["chat json", "chat sse", "python chat", "python chat stream", "node chat", "node chat stream"]
_RESPONSES = [column.replace("chat", "responses") for column in _CHAT]
_TABLES = {
    "connection": {"Chat Completions": _CHAT, "Responses": _RESPONSES},
    "http": {"Chat Completions": _CHAT, "Responses": _RESPONSES},
    "stream": {
        "Chat Completions": [column for column in _CHAT if "sse" in column or "stream" in column],
        "Responses": [column for column in _RESPONSES if "sse" in column or "stream" in column],
    },
    "websocket": {"": ["chat ws", "responses ws", "python responses ws"]},
    "dialects": {"": ["python chat", "python chat helper", "node chat", "node chat helper"]},
}
COLUMNS = {file: [column for columns in tables.values() for column in columns] for file, tables in _TABLES.items()}

_TEMPLATE = Path(__file__).with_name("faults.md.in")


@dataclass(frozen=True)
class Fault:
    """A fault of an example: the rule of its name answers a user's message of its name."""

    file: str
    name: str
    script: str


def faults() -> list[Fault]:
    found = []
    for file in _TABLES:
        for rule in compile_script(FAULTS / f"{file}.llmock").table.rules:
            assert rule.name, f"a rule without a name in {file}.llmock"
            body = re.sub(r"^.*? is \"[\w-]+\" ", "", rule.node.span.text, count=1, flags=re.DOTALL)
            found.append(Fault(file, rule.name, body))
    return found


def observed() -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = json.loads(OBSERVED.read_text()) if OBSERVED.exists() else {}
    return found


def record(seen: dict[tuple[str, str], dict[str, str]]) -> None:
    """Put what was seen, by file and fault, in the place of what was observed before."""
    before = observed()
    after: dict[str, dict[str, dict[str, str]]] = {}
    for fault in faults():
        known = before.get(fault.file, {}).get(fault.name, {}) | seen.get((fault.file, fault.name), {})
        columns = {column: known[column] for column in COLUMNS[fault.file] if column in known}
        after.setdefault(fault.file, {})[fault.name] = columns
    OBSERVED.write_text(json.dumps(after, ensure_ascii=False, indent=1) + "\n")
    PAGE.write_text(page())


def page() -> str:
    """The page, from its template and what was observed."""
    text = _TEMPLATE.read_text()
    for file, tables in _TABLES.items():
        parts = [_rows(file, heading, columns) for heading, columns in tables.items()]
        text = text.replace(f"@{file}@", "\n\n".join(parts))
    return text


def _rows(file: str, heading: str, columns: list[str]) -> str:
    found = observed()[file]
    lines = [f"### {heading}", ""] if heading else []
    lines += [_row(["fault", *(HEADINGS[column] for column in columns)]), _row(["---"] * (len(columns) + 1))]
    lines += [_row([f"`{name}`", *(seen.get(column, "") for column in columns)]) for name, seen in found.items()]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
