"""Where things are kept between runs that take long to make: `$XDG_CACHE_HOME/mockllm`, or what is usual there.

What is kept is read by `pickle`, which runs whatever stands in it. So it must be the user's own.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder(name: str = "") -> Path | None:
    """A folder for such things, made if it is not there; None if there is to be none, or can be none.

    `MOCKLLM_CACHE=0` in the environment says that there is to be none.
    """
    if os.environ.get("MOCKLLM_CACHE") == "0":
        return None
    try:
        home: Path = user_cache_path("mockllm")
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = home / name
        folder.mkdir(mode=0o700, exist_ok=True)
    except (OSError, RuntimeError):  # there is no home, or nothing can be written there
        return None
    return folder if is_own(home) and is_own(folder) and os.access(folder, os.W_OK) else None


def is_own(path: Path) -> bool:
    """Whether a folder or a file is the user's, and nobody else can write to it."""
    try:
        found = path.stat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):  # on Windows a user's folders are the user's
        return True
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
