"""One script as it was read from its files, and whether it would still be read so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dsl
from dsl import Diagnostic, Script, ScriptError, kept
from dsl.garbage import uncollected
from dsl.looks import Looks, Stamp, stamp


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a script.

    Attributes:
        files: all that were looked for, as they were then.
        diagnostics: what was found in them: errors if it cannot be served, or warnings.
        trouble: why it could not be read or served at all, in one line.
        unfinished: whether it may be served later although no file changes.
    """

    files: Mapping[Path, Stamp]
    diagnostics: tuple[Diagnostic, ...] = ()
    trouble: str | None = None
    unfinished: bool = False

    @property
    def failed(self) -> bool:
        return self.trouble is not None or any(found.is_error for found in self.diagnostics)

    @property
    def is_current(self) -> bool:
        return not self.unfinished and all(stamp(file) == then for file, then in self.files.items())

    def cut_short(self, trouble: str) -> Reading:
        """The same if the script cannot be served for now."""
        return Reading(self.files, (), trouble, unfinished=True)


def read(path: Path, *, index: bool) -> tuple[Script | None, Reading]:
    """Compile the script in a file, and its index if there is to be one; None if it cannot be served.

    Any thread may do so.
    """
    own = path.absolute()  # a link stays one: it may come to lead elsewhere
    # What is written while it is read is to count as a change: so the stamps are of before.
    first = stamp(own)

    def stamped(looks: Looks) -> dict[Path, Stamp]:
        return {**{name: look.stamp for name, look in looks.by_name.items()}, own: first}

    try:
        script = _script(path, index)
    except ScriptError as error:
        return None, Reading(stamped(error.looks), tuple(error.diagnostics))
    except OSError as error:
        return None, Reading({own: first}, (), f"{path} cannot be read: {(error.strerror or str(error)).lower()}")
    except UnicodeDecodeError:
        return None, Reading({own: first}, (), f"{path} is not UTF-8 text")
    return script, Reading(stamped(script.looks), script.warnings)


@uncollected()  # as a whole: after each of its steps all that it made would be looked through
def _script(path: Path, index: bool) -> Script:
    script = kept.load(path)
    if script is not None:
        return script
    script = dsl.compile_script(path)
    if index:
        script.table.prepare()
    kept.keep(script, path)
    return script
