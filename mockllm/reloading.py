"""Scripts that change while they are served: what came of reading them again, and when to do so.

`watch` looks at the files several times a second. It is not told of changes by the system, as the system tells of
none in folders that are mounted from elsewhere (containers, networks); and a look at a file takes microseconds.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import gevent

from dsl import Diagnostic
from dsl.diagnostics import as_json, as_text
from mockllm.reading import Reading

if TYPE_CHECKING:
    from mockllm.serving import Mocks

_EVERY = 0.25  # seconds between two looks
_SHARE = 0.01  # of the time that looking may take, however many files there are

_log = logging.getLogger(__name__)


@dataclass
class Reload:
    """What came of reading scripts again, by the names of their mocks; the one at the root has an empty name.

    Attributes:
        kept: those whose script cannot be served, so that the old one is served on, if there was one.
        diagnostics: what was found in all scripts that were read, errors and warnings.
        troubles: what could not be read or served at all; each is one line.
        unfinished: whether more may come of it although no file changes.
    """

    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    unfinished: bool = False

    @property
    def failed(self) -> bool:
        return bool(self.kept or self.troubles)

    def add_failure(self, name: str, reading: Reading) -> None:
        """Add what came of reading the script of a mock, if it cannot be served."""
        if reading.failed:
            self.kept.append(name)
            self.diagnostics += reading.diagnostics
            self.troubles += () if reading.trouble is None else (reading.trouble,)

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON value."""
        return {
            "status": "failed" if self.failed else "reloaded",
            "changed": self.changed,
            "added": self.added,
            "removed": self.removed,
            "kept": self.kept,
            "diagnostics": [as_json(diagnostic) for diagnostic in self.diagnostics],
            "troubles": self.troubles,
        }


def log(mocks: Mocks, done: Reload) -> None:
    """One line for each mock, after what is wrong with its script."""
    for diagnostic in done.diagnostics:
        _log.log(logging.ERROR if diagnostic.is_error else logging.WARNING, "%s\n", as_text(diagnostic))
    for trouble in done.troubles:
        _log.error("%s", trouble)
    for word, names in (("reloaded", done.changed), ("added", done.added)):
        for name in names:
            rules = len(mocks.by_name[name.lower()].script.table.rules)
            _log.info("%s  %s  %s", word, _called(mocks, name), "1 rule" if rules == 1 else f"{rules} rules")
    for name in done.removed:
        _log.info("removed  %s", _called(mocks, name))
    for name in done.kept:
        served = name.lower() in mocks.by_name
        what = "what it was before is served on" if served else "it is not served"
        _log.error("not reloaded  %s  %s", _called(mocks, name), what)


def _called(mocks: Mocks, name: str) -> str:
    return f"/{name}/v1" if name else str(mocks.path)


def watch(mocks: Mocks) -> None:
    """Reload what changes on disk, for ever: for a greenlet of its own."""
    seen: object = None  # nothing: what has changed since the start is found by the first look
    while True:
        try:
            began = perf_counter()
            now = mocks.stamps()
            took = perf_counter() - began
            gevent.sleep(max(_EVERY, took / _SHARE))
            # Whoever writes a file may be in the midst of it: what is to be read rests for a moment.
            if now != seen and now == mocks.stamps():
                seen = now  # first: what fails by a mistake of ours would fail again, several times a second
                if mocks.reload().unfinished:
                    seen = None
        except Exception:  # the next change is to be seen all the same
            _log.exception("the scripts could not be reloaded; they are watched on")
            gevent.sleep(_EVERY)
