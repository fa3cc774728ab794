"""The scripts that paths on a command line name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class NoScripts(Exception):
    """A folder has no script in it. The message says which."""


def script_files(paths: Iterable[Path]) -> dict[Path, bool]:
    """The scripts that the paths name, in order, those of folders at any depth.

    Of these not those whose names begin with a dot, as copies' do.

    Returns: for each script whether it was named itself, and not only the folder that it is in.

    Raises:
        NoScripts: a folder has none.
    """
    scripts: dict[Path, bool] = {}
    for path in paths:
        if not path.is_dir():
            scripts[path] = True
            continue
        found = sorted(each for each in path.rglob("*.llmock") if not each.name.startswith("."))
        if not found:
            raise NoScripts(f"there is no .llmock script in {path}")
        for each in found:
            scripts.setdefault(each, False)
    return scripts
