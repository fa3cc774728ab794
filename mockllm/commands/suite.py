"""The tests of one script, run: what came of each, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dsl import Diagnostic, Script, ScriptError, compile_script
from dsl.diagnostics import as_text
from dsl.source import Span
from dsl.testing.compiler import Test
from dsl.testing.coverage import Part, parts, unreached
from dsl.testing.runner import Result, run
from mockllm.real_api import RealApi


@dataclass(frozen=True, slots=True)
class Ran:
    """A test that has run, and for how many seconds."""

    result: Result
    seconds: float


@dataclass
class Suite:
    """One script with its tests. `errors` are what is wrong with it: then nothing runs."""

    path: Path
    script: Script | None = None
    errors: list[Diagnostic] = field(default_factory=list)
    ran: list[Ran] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.ran)

    @property
    def error_text(self) -> str:
        return "\n\n".join(as_text(error) for error in self.errors)

    @property
    def parts(self) -> list[Part]:
        """What of the script a test can reach."""
        return [] if self.script is None else parts(self.script.items)

    @property
    def unreached(self) -> list[Part]:
        """What of the script no test has reached."""
        reached: set[Span] = set()
        for each in self.ran:
            reached |= each.result.reached
        return unreached(self.parts, reached)

    def run(self, wanted: Callable[[Test], bool], *, lenient: bool = False) -> None:
        """Run the tests that are wanted. A `lenient` API lets unknown arguments pass."""
        script = self.script
        if script is None:
            return
        for test in filter(wanted, script.tests):
            began = time.perf_counter()
            result = run(script, test, RealApi(lenient=lenient))
            self.ran.append(Ran(result, time.perf_counter() - began))


def load(path: Path) -> Suite:
    """The script in a file.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    try:
        return Suite(path, compile_script(path))
    except ScriptError as error:
        return Suite(path, errors=[each for each in error.diagnostics if each.is_error])
