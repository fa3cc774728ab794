"""A document that is followed step by step: files are written, commands are run, what they print is compared.

A block whose first line is a comment with a file's name is that file; a `json` block is `request.json`. In a
`console` block a line that begins with `$ ` is a command, and what follows it up to the next one is what it
prints; a line `…` stands for any lines. Each `##` section is followed by itself, with the files of all sections up
to its end: a section that needs a server starts it. The document's server is on port 8000, the real one on a free
port.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from click.testing import CliRunner

from mockllm.cli import main
from tests.server import harness

SHOWN = "http://127.0.0.1:8000"
ELIDED = "…"

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"# (\S+\.\w+)\n")
_TOOK = re.compile(r"in \d+\.\d\ds")


@dataclass(frozen=True)
class Section:
    """A step of the document. `files` are those of the steps before it, too, by name."""

    title: str
    text: str
    files: dict[str, str]

    @property
    def sessions(self) -> list[str]:
        """The `console` blocks."""
        return [body for language, body in _FENCED.findall(self.text) if language == "console"]


def sections(text: str) -> Iterator[Section]:
    files: dict[str, str] = {}
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        for language, body in _FENCED.findall(part):
            named = _NAMED.match(body)
            if named:
                files[named[1]] = body
            elif language == "json":
                files["request.json"] = body
        yield Section(part.partition("\n")[0].removeprefix("## "), part, dict(files))


def commands(session: str) -> list[tuple[str, str]]:
    """What is typed, and what is shown to come of it."""
    found = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    assert "".join(f"$ {typed}\n{shown}" for typed, shown in found) == session
    return found


def fits(shown: str, printed: str) -> bool:
    """Whether this is what was printed, apart from what is elided."""
    pieces = (re.escape(piece) for piece in f"\n{shown}".split(f"\n{ELIDED}\n"))
    return re.fullmatch(r"\n(?:.*\n)*".join(pieces), f"\n{printed}") is not None


@dataclass
class Follower:
    """Follows a section in a folder of its own."""

    folder: Path
    section: Section
    url: str = SHOWN
    servers: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Follower:
        self._write_files()
        return self

    def __exit__(self, *_: object) -> None:
        self.servers.close()

    def run(self, typed: str) -> str:
        """What the command prints, as the document would show it."""
        words = shlex.split(typed)
        assignments = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
        name, *arguments = words[len(assignments) :]
        if (name, *arguments[:1]) == ("mockllm", "serve"):
            return self._serve(arguments)
        if name == "gunicorn":
            return self._gunicorn(assignments, arguments)
        programs: dict[str, Callable[[list[str]], str]] = {
            "mockllm": _mockllm,
            "curl": self._curl,
            "python": self._python,
            "pytest": lambda rest: self._python(["-m", "pytest", *rest]),
        }
        printed = programs[name](arguments).replace(self.url, SHOWN).replace(f"{self.folder}/", "")
        return _TOOK.sub("in 0.12s", printed)

    def _write_files(self) -> None:
        for name, text in self.section.files.items():
            (self.folder / name).write_text(text.replace(SHOWN, self.url), "utf-8")

    def _serve(self, arguments: list[str]) -> str:
        served = self._started([harness.tool("mockllm"), *arguments, "--port", "0"], arguments[1])
        first, _, _ = served.stdout.partition("\n")
        return first.replace(self.url, SHOWN) + "\n"

    def _gunicorn(self, assignments: dict[str, str], arguments: list[str]) -> str:
        script = Path(assignments["MOCKLLM_SCRIPT"]).name
        command = [harness.tool("gunicorn"), "--bind", "127.0.0.1:0", *arguments]
        self._started(command, script, {"MOCKLLM_SCRIPT": str(self.folder / script)})
        return ""

    def _started(self, command: list[str], script: str, env: dict[str, str] | None = None) -> harness.Served:
        """The server of this command, which names the script as it is called in this folder."""
        command = [str(self.folder / script) if word == script else word for word in command]
        served = self.servers.enter_context(harness.running(command, env))
        self.url = served.url
        self._write_files()
        return served

    def _curl(self, arguments: list[str]) -> str:
        """As much of curl as the document needs, which is not on every machine."""
        headers, content, method = {}, None, "GET"
        rest = iter([argument for argument in arguments if argument not in ("-s", "-N", "-sN")])
        for argument in rest:
            if argument == "-H":
                name, _, value = next(rest).partition(":")
                headers[name] = value.strip()
            elif argument == "-d":
                content, method = next(rest), "POST"
            else:
                url = argument.replace(SHOWN, self.url)
        with httpx.Client(timeout=harness.PATIENCE, trust_env=False) as client:
            return client.request(method, url, headers=headers, content=content).text.rstrip("\n") + "\n"

    def _python(self, arguments: list[str]) -> str:
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=harness.PATIENCE * 2,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


def _mockllm(arguments: list[str]) -> str:
    if arguments[0] == "try":
        arguments = [*arguments, "--instant"]
    ran = CliRunner().invoke(main, arguments)
    assert not ran.exception or isinstance(ran.exception, SystemExit), ran.exception
    return ran.output
