"""What is served from a path: a file is one mock at the root, a folder holds a mock for each of its scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsl import Diagnostic, ScriptError, compile_script
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MOCK = "mockllm.mock"
MOCKS = "mockllm.mocks"

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


class LoadError(Exception):
    """Nothing can be served from a path. Its text is one line for whoever named it."""


class Mocks:
    """The mocks of a server. `root` is the one that answers where no other is named."""

    def __init__(self, mocks: Iterable[Mock], journal: Journal) -> None:
        self.by_name = {mock.name.lower(): mock for mock in mocks}
        self.root = self.by_name.get("")
        self.journal = journal

    def reset(self, session: str | None = None) -> None:
        """Forget one session of every mock, or all sessions and the journal."""
        for mock in self.by_name.values():
            mock.reset(session)
        if session is None:
            self.journal.clear()

    @property
    def warnings(self) -> list[Diagnostic]:
        return [warning for mock in self.by_name.values() for warning in mock.script.warnings]


def load(path: Path, settings: Settings) -> Mocks:
    """The mocks of a script or of a folder of scripts.

    Raises:
        LoadError: there is nothing to serve there.
        ScriptError: scripts have errors; it has those of all of them.
    """
    journal = Journal(settings.journal)
    named = {"": path} if not path.is_dir() else {script.stem: script for script in scripts_in(path)}
    if not named:
        raise LoadError(f"there is no .llmock script in {path}")
    if path.is_dir():
        _check_names(named)
    mocks: list[Mock] = []
    found: list[Diagnostic] = []
    for name, script in named.items():
        try:
            mocks.append(Mock(name, compile_script(script), settings, journal))
        except ScriptError as error:
            found += error.diagnostics
        except OSError as error:
            raise LoadError(f"{script} cannot be read: {(error.strerror or str(error)).lower()}") from None
        except UnicodeDecodeError:
            raise LoadError(f"{script} is not UTF-8 text") from None
    if found:
        raise ScriptError(found)
    return Mocks(mocks, journal)


def scripts_in(folder: Path) -> list[Path]:
    """The scripts that lie in a folder itself, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix == ".llmock" and path.is_file())


def _check_names(named: Mapping[str, Path]) -> None:
    seen: dict[str, Path] = {}
    for name, path in named.items():
        if not _NAME.fullmatch(name):
            raise LoadError(f"{path} cannot be served: a mock's name has letters, digits and hyphens")
        other = seen.setdefault(name.lower(), path)
        if other is not path:
            raise LoadError(f"{path} and {other} would be the same mock: names are the same in any case")


class Mounted:
    """A WSGI application in front of another: tells it which mock is meant, as `mockllm.mock` in the environ.

    A mock is named by a host of the form `NAME.localhost`, or else by the first segment of the path, which is
    then moved to `SCRIPT_NAME` as for any application that is mounted there.
    """

    def __init__(self, app: Callable[..., Any], mocks: Mocks) -> None:
        self._app = app
        self._mocks = mocks

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        environ[MOCK] = self._find(environ)
        environ[MOCKS] = self._mocks
        return self._app(environ, start_response)

    def _find(self, environ: WSGIEnvironment) -> Mock | None:
        if len(self._mocks.by_name) == 1 and self._mocks.root is not None:
            return self._mocks.root
        host = environ.get("HTTP_HOST", "").partition(":")[0].lower()
        if host.endswith(".localhost") and (mock := self._mocks.by_name.get(host.removesuffix(".localhost"))):
            return mock
        first, slash, rest = environ.get("PATH_INFO", "").lstrip("/").partition("/")
        mock = self._mocks.by_name.get(first.lower())
        if mock is not None:
            environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}/{first}"
            environ["PATH_INFO"] = slash + rest
        return mock
