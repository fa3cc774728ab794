"""The files that a script is made from, as they were when they were looked at: whether they are so still."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from dataclasses import dataclass, replace
from pathlib import Path

# What tells whether a file has changed: when, its size and which one it is; None if it is not there.
Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a file.

    Attributes:
        stamp: that of the file, from before it was read.
        target: the file that the name led to; None if it led nowhere.
        digest: of the bytes that were read from it; None if none were.
    """

    stamp: Stamp
    target: Path | None = None
    digest: str | None = None


class Looks:
    """The first look at each file, by the name that was asked for: a link may come to lead elsewhere.

    Attributes:
        by_name: the looks, by absolute names.
        steady: whether all that was looked at twice was the same both times.
    """

    def __init__(self) -> None:
        self.by_name: dict[Path, Look] = {}
        self.steady = True

    def at(self, name: Path) -> Path:
        """The file that a name leads to.

        Raises:
            OSError: it is too long, or links lead in a circle.
            ValueError: it has a NUL in it.
        """
        look = self.by_name.setdefault(name, Look(stamp(name)))
        try:
            target = name.resolve()
        except RuntimeError:  # so says Python before 3.13
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        if look.target not in (None, target):
            self.steady = False
        self.by_name[name] = replace(look, target=target)
        return target

    def read(self, name: Path) -> bytes:
        """What is in the file that a name led to when it was looked at.

        Raises:
            OSError: it cannot be read.
        """
        look = self.by_name[name]
        data = (look.target or name).read_bytes()
        digest = digest_of(data)
        if look.digest not in (None, digest):
            self.steady = False
        self.by_name[name] = replace(look, digest=digest)
        return data


def stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except (OSError, ValueError):  # a name with a NUL is that of no file
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def decoded(data: bytes) -> str:
    """A text as `Path.read_text` gives it.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    return io.TextIOWrapper(io.BytesIO(data), "utf-8-sig").read()
