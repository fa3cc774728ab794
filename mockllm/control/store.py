"""Scripts that are put and taken away while they are served, and the files that they are kept in.

Where a folder is served, or one script, what is put is written there first, and then read from there as any
change on disk is; so that what is served is what the next start will serve. Where nothing can be written (a
file system that is read-only, a server that serves from memory) it is served all the same, and `is_stored` says
no.

A file's name is made of a mock's name and nothing else, and a name has letters, digits and hyphens: no script
leaves the folder. Nor does it by a link: what is replaced is the link.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from dsl import Script, ScriptError, compile_text
from mockllm.aside import aside
from mockllm.control.errors import ControlError, bad_script, conflict, no_such
from mockllm.mock import Mock
from mockllm.serving import Mocks
from mockllm.settings import SettingError

# How the mock at the root is called, which has no name: no other can be called so.
ROOT = "-"

_SUFFIX = ".llmock"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")  # a label of the domain name system
_MODE = 0o644

# How the paths of the mocked API begin. A mock of such a name would answer for the one at the root.
_PATHS = frozenset(("v1", "chat", "responses", "conversations", "embeddings", "models"))


class Store:
    """The scripts of `mocks`, for the thread that serves."""

    def __init__(self, mocks: Mocks) -> None:
        self.mocks = mocks
        # Those that are served and could not be written, and what their files held then.
        self._unstored: dict[str, tuple[Script, str | None]] = {}

    def find(self, id: str) -> Mock:
        """Raises:
        ControlError: status 404; there is no such mock.
        """
        mock = self.mocks.by_name.get("" if id == ROOT else id.lower())
        if mock is None:
            raise no_such(f"mock `{id}`", "mock")
        return mock

    def file(self, name: str) -> Path | None:
        """Where the script of a mock is, or would be; None if nowhere."""
        path = self.mocks.path
        if path is None:
            return None
        known = self.mocks.source(name)
        if known is not None:
            return known
        # Not only what is written depends on it, but also from where files are included.
        return _file_in(path, name) if _NAME.fullmatch(name) and path.is_dir() else None

    def is_stored(self, mock: Mock) -> bool:
        """Whether what is served is in a file."""
        source = self.mocks.source(mock.name)
        return source is not None and _text(source) == mock.script.source.text

    def compiled(self, text: str, name: str) -> Script:
        """A text as the script of the mock of this name, with the files that it includes there.

        Raises:
            ScriptError: it has errors.
        """
        file = self.file(name)
        return aside(lambda: compile_text(text, self.called(name), file))

    def called(self, name: str) -> str:
        """How messages call the script of a mock."""
        file, known = self.file(name), self.mocks.by_name.get(name.lower())
        if file is not None:
            return str(file)
        return f"{name or 'script'}{_SUFFIX}" if known is None else known.script.source.name

    def put(self, name: str, text: str, *, create: bool = False, revision: str | None = None) -> Mock:
        """Serve a text as the script of a mock, which is made if it is not there, and write it down.

        Args:
            create: there must be no such mock yet.
            revision: that of the script which it is to replace, `*` for any; None if there need not be one.

        Raises:
            ControlError: status 400, 409, 412 or 422; the name is none, it is not to be so, or it has errors.
        """
        check_name(name)
        known = self.mocks.by_name.get(name.lower())
        name = known.name if known else name
        self._check(name, create, revision)
        try:
            script = self.compiled(text, name)
        except ScriptError as error:
            raise bad_script(error.diagnostics, self.called(name)) from None
        self._check(name, create, revision)  # while it was compiled somebody else may have put another
        file = self.file(name)
        is_new = file is not None and not os.path.lexists(file)
        if file is not None and _written(file, text):
            self.mocks.reload()
            return self._read_back(name, text, file, is_new)
        try:
            mock = self.mocks.put(name, script)
        except SettingError as error:
            raise ControlError(503, str(error), "state_unavailable") from None
        self._unstored[name.lower()] = script, None if file is None else _text(file)
        return mock

    def _check(self, name: str, create: bool, expected: str | None) -> None:
        known = self.mocks.by_name.get(name.lower())
        if known is None and not name:
            raise conflict("This server has no mock at the root.")
        if known is None and self.mocks.root is not None and name.lower() in _PATHS:
            raise conflict(f"`/{name}` is a path of the mock at the root: call the new one something else.")
        if create and known is not None:
            raise conflict(f"There is a mock `{known.name}` already.")
        file = self.file(name)
        if create and file is not None and os.path.lexists(file):
            raise conflict(f"{file} is there already, and is not served: it has errors.")
        if expected is not None and (known is None or expected not in ("*", revision(known.script))):
            message = "The script has changed since it was read." if known else "There is no such mock."
            raise ControlError(412, message, "changed", "if-match")
        if expected not in (None, "*") and known is not None and file is not None:
            self._check_file(known, file)

    def _check_file(self, mock: Mock, file: Path) -> None:
        """What is served may not be what is in the file: that was changed a moment ago, or has errors."""
        script, held = self._unstored.get(mock.name.lower(), (None, None))
        if script is not mock.script:
            held = mock.script.source.text
        if os.path.lexists(file) and _text(file) != held:
            message = f"{file} has changed, and is not what is served: `POST /-/reload` says why."
            raise ControlError(412, message, "changed", "if-match")

    def _read_back(self, name: str, text: str, file: Path, is_new: bool) -> Mock:
        mock = self.mocks.by_name.get(name.lower())
        if mock is not None and mock.script.source.text == text:
            return mock
        if is_new and _text(file) == text:
            with suppress(OSError):
                file.unlink()
            raise conflict(f"{file} could not be served, and is not kept: `POST /-/reload` says why.")
        raise conflict(f"{file} is written, but is not what is served: `POST /-/reload` says why.")

    def remove(self, mock: Mock) -> None:
        """Serve a mock no more, and delete its file in the folder.

        Raises:
            ControlError: status 409; it must stay.
        """
        path = self.mocks.path
        source = self.mocks.source(mock.name)
        if not mock.name:
            raise conflict("The mock at the root cannot be taken away: it is what this server serves.")
        if source is not None and path is not None and path.is_dir():
            try:
                source.unlink(missing_ok=True)
            except OSError as error:
                raise conflict(f"{source} cannot be deleted: {(error.strerror or str(error)).lower()}.") from None
        self.mocks.remove(mock.name)
        self._unstored.pop(mock.name.lower(), None)


def id_of(mock: Mock) -> str:
    return mock.name.lower() or ROOT


def name_of(id: str) -> str:
    """The name of the mock with this id, which need not be there.

    Raises:
        ControlError: status 400; none can be called so.
    """
    name = "" if id == ROOT else id
    check_name(name)
    return name


def check_name(name: str) -> None:
    """Raises:
    ControlError: status 400; no mock can be called so.
    """
    if name and not _NAME.fullmatch(name):
        shown = name if len(name) <= 80 else f"{name[:80]}…"
        message = (
            f"A mock cannot be called {shown!r}: it has up to 63 letters, digits and hyphens, as in `my-mock`."
        )
        raise ControlError(400, message, "bad_name", "name")


def revision(script: Script) -> str:
    """What tells one text from another."""
    return sha256(script.source.text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _file_in(folder: Path, name: str) -> Path:
    """The script of this name, whose file may have it in another case; or where it would be."""
    with suppress(OSError):
        for file in sorted(folder.iterdir()):
            if file.suffix == _SUFFIX and file.stem.lower() == name.lower():
                return file
    return folder / f"{name}{_SUFFIX}"


def _text(file: Path) -> str | None:
    """What a file holds, as a script is read; None if that is no text."""
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _written(file: Path, text: str) -> bool:
    """Write a file at once: who reads it has the old text or the new. Whether it could be written."""
    name = None
    try:
        # In the same folder: a file is moved at once within one file system only.
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        with os.fdopen(handle, "wb") as temporary:
            temporary.write(text.encode())
            os.fchmod(handle, file.stat().st_mode & 0o777 if file.is_file() else _MODE)
        os.replace(name, file)
    except OSError:
        if name is not None:
            with suppress(OSError):
                os.unlink(name)
        return False
    return True
