"""One script as it was read from its files, and whether it would still be read so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dsl
from dsl import Diagnostic, Script, ScriptError, kept

# What tells whether a file has changed: when, its size and which one it is; None if it is not there.
Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a script.

    Attributes:
        files: all that were looked for, as they were then.
        diagnostics: what was found in them: errors if it cannot be served, or warnings.
        trouble: why it could not be read at all, in one line.
    """

    files: Mapping[Path, Stamp]
    diagnostics: tuple[Diagnostic, ...] = ()
    trouble: str | None = None

    @property
    def failed(self) -> bool:
        return self.trouble is not None or any(found.is_error for found in self.diagnostics)

    @property
    def is_current(self) -> bool:
        return all(stamp(file) == then for file, then in self.files.items())


def read(path: Path, *, index: bool, before: Reading | None = None) -> tuple[Script | None, Reading]:
    """Compile the script in a file, and its index if there is to be one; None if it cannot be served.

    `before` is what came of it the last time. Any thread may do so.
    """
    own = path.absolute()  # a link stays one: it may come to lead elsewhere
    # What is written while it is read is to count as a change: so the stamps are of before.
    known = {file: stamp(file) for file in (own, *(before.files if before else ()))}

    def stamped(files: tuple[Path, ...] = ()) -> dict[Path, Stamp]:
        return {file: known[file] if file in known else stamp(file) for file in (own, *files)}

    try:
        script = _script(path, index)
    except ScriptError as error:
        return None, Reading(stamped(error.files), tuple(error.diagnostics))
    except OSError as error:
        return None, Reading(stamped(), (), f"{path} cannot be read: {(error.strerror or str(error)).lower()}")
    except UnicodeDecodeError:
        return None, Reading(stamped(), (), f"{path} is not UTF-8 text")
    return script, Reading(stamped(script.files), script.warnings)


def _script(path: Path, index: bool) -> Script:
    script = kept.load(path)
    if script is not None:
        return script
    script = dsl.compile_script(path)
    if index:
        script.table.prepare()
    kept.keep(script, path)
    return script


def stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
