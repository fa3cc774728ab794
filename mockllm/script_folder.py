"""A folder of scripts: each is a mock, which is called as its file is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

MOCK_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


def scripts_in(folder: Path) -> list[Path]:
    """The scripts that lie in a folder itself, by name; not those whose names begin with a dot, as copies' do.

    Raises:
        OSError: it cannot be read.
    """
    found = (path for path in folder.iterdir() if path.suffix == ".llmock" and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


def named_scripts(folder: Path, served: Mapping[str, Path]) -> tuple[dict[str, Path], dict[Path, str]]:
    """The scripts of a folder by the names of their mocks, and why others can be none, each in one line.

    Of two that would be the same mock the one that is `served` stays so: these are by names in lower case.

    Raises:
        OSError: the folder cannot be read.
    """
    by_key: dict[str, list[Path]] = {}
    troubles: dict[Path, str] = {}
    for path in scripts_in(folder):
        if MOCK_NAME.fullmatch(path.stem):
            by_key.setdefault(path.stem.lower(), []).append(path)
        else:
            troubles[path] = f"{path} cannot be served: a mock's name has letters, digits and hyphens"
    named: dict[str, Path] = {}
    for key, paths in by_key.items():
        chosen = served[key] if served.get(key) in paths else paths[0]
        named[chosen.stem] = chosen
        for path in paths:
            if path != chosen:
                troubles[path] = f"{path} and {chosen} would be the same mock: names are the same in any case"
    return named, troubles
