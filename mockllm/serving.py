"""What is served from a path: a file is one mock at the root, a folder holds a mock for each of its scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gevent.hub import get_hub
from gevent.lock import RLock

from dsl import Diagnostic, Script, ScriptError
from mockllm.journal import Journal
from mockllm.metrics import Metrics
from mockllm.mock import Mock
from mockllm.reading import Reading, Stamp, read, stamp
from mockllm.reloading import Reload, log
from mockllm.settings import Settings
from mockllm.state import MEMORY, State, state_at

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MOCK = "mockllm.mock"
MOCKS = "mockllm.mocks"

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


class LoadError(Exception):
    """Nothing can be served from a path. Its text is one line for whoever named it."""


class Mocks:
    """The mocks of a server.

    They change between two steps of the server, and for the thread that serves alone: an answer under way goes on
    with the script that it began with.

    Attributes:
        by_name: the mocks, by their names in lower case.
        root: the one that answers where no other is named.
        path: the script or the folder that is served, if the scripts are in files.
        metrics: what has been answered, in numbers.
    """

    def __init__(
        self,
        mocks: Iterable[Mock],
        journal: Journal,
        settings: Settings | None = None,
        path: Path | None = None,
        state: State = MEMORY,
    ) -> None:
        self.by_name = {mock.name.lower(): mock for mock in mocks}
        self.journal = journal
        self.settings = settings or Settings()
        self.path = path
        self._state = state
        self.metrics = journal.metrics = Metrics(self.settings.speed)
        self._is_folder = path is not None and path.is_dir()
        self._sources: dict[str, Path] = {}  # the scripts' own files, by name in lower case
        self._readings: dict[str, Reading] = {}
        self._reloading = RLock()

    @property
    def root(self) -> Mock | None:
        return self.by_name.get("")

    def source(self, name: str) -> Path | None:
        """The file that the script of a mock is read from; None if it is from none."""
        return self._sources.get(name.lower())

    def put(self, name: str, script: Script) -> Mock:
        """Serve a script under a name: in place of the one that the mock had, or as a new mock.

        Sessions, stored responses and the journal stay as they are. If the mock has a file, the next change of
        that takes effect again.

        Raises:
            LoadError: no mock can be called so.
        """
        mock = self.by_name.get(name.lower())
        if mock is not None:
            mock.replace(script)
            return mock
        if name and not _NAME.fullmatch(name):
            raise LoadError(f"no mock can be called {name!r}: a mock's name has letters, digits and hyphens")
        mock = Mock(name, script, self.settings, self.journal, self._state)
        self.by_name = {**self.by_name, name.lower(): mock}
        return mock

    def remove(self, name: str) -> None:
        """Serve a mock no more. If it has a file, it is back with the next change of that.

        Raises:
            KeyError: there is none of this name.
        """
        if name.lower() not in self.by_name:
            raise KeyError(name)
        self.by_name = {key: mock for key, mock in self.by_name.items() if key != name.lower()}
        self._sources.pop(name.lower(), None)

    def reset(self, session: str | None = None) -> None:
        """Forget one session of every mock, or all sessions and the journal."""
        for mock in self.by_name.values():
            mock.reset(session)
        if session is None:
            self.journal.clear()

    @property
    def warnings(self) -> list[Diagnostic]:
        return [warning for mock in self.by_name.values() for warning in mock.script.warnings]

    def stamps(self) -> dict[Path, Stamp]:
        """All files that scripts are read from, as they are now: new ones in the folder as well."""
        files = {file for reading in self._readings.values() for file in reading.files}
        with suppress(LoadError):  # which `reload` says
            files.update(self._scripts().values())
        return {file: stamp(file) for file in files}

    def reload(self) -> Reload:
        """Read again what has changed on disk, and serve it from then on; a script with errors keeps its old one.

        In a folder each mock is on its own: scripts that are new there are added, and mocks whose file is gone are
        removed. Others are answered meanwhile: compiling is done in another thread, for which this one waits.
        What came of it is logged, too, unless nothing has changed. What cannot be served since an earlier time is
        told again, but not logged.
        """
        with self._reloading:
            done = Reload()
            try:
                named = self._scripts()
                self._reload(named, done)
            except LoadError as error:
                named = {}
                done.troubles.append(str(error))
            log(self, done)
            for name in named:
                if name not in done.kept:
                    done.add_failure(name, self._readings[name.lower()])
            return done

    def read_all(self) -> list[Diagnostic]:
        """Serve all scripts that there are; what is wrong with those that have errors.

        Raises:
            LoadError: one cannot be read, or there is none.
        """
        found: list[Diagnostic] = []
        named = self._scripts()
        if not named:
            raise LoadError(f"there is no .llmock script in {self.path}")
        for name, path in named.items():
            script, reading = read(path, index=self.settings.index)
            self._take(name, path, script, reading)
            if reading.trouble is not None:
                raise LoadError(reading.trouble)
            if script is None:
                found += reading.diagnostics
        return found

    def _scripts(self) -> dict[str, Path]:
        if self.path is None:
            return {}
        return _scripts_in(self.path) if self._is_folder else {"": self.path}

    def _reload(self, named: Mapping[str, Path], done: Reload) -> None:
        for name, path in named.items():
            before = self._readings.get(name.lower())
            if before is not None and before.is_current:
                continue
            known = name.lower() in self.by_name
            compile_ = partial(read, path, index=self.settings.index, before=before)
            script, reading = get_hub().threadpool.apply(compile_)
            self._take(name, path, script, reading)
            if script is None:
                done.add_failure(name, reading)
            else:
                done.diagnostics += reading.diagnostics
                (done.changed if known else done.added).append(name)
        there = {name.lower() for name in named}
        for key in sorted(self._sources.keys() - there):
            done.removed.append(self.by_name[key].name)
            self.remove(key)
        self._readings = {key: reading for key, reading in self._readings.items() if key in there}

    def _take(self, name: str, path: Path, script: Script | None, reading: Reading) -> None:
        self._readings[name.lower()] = reading
        if script is not None:
            self.put(name, script)
            self._sources[name.lower()] = path


def load(path: Path, settings: Settings) -> Mocks:
    """The mocks of a script or of a folder of scripts.

    Raises:
        LoadError: there is nothing to serve there.
        ScriptError: scripts have errors; it has those of all of them.
    """
    state = state_at(settings.state)
    mocks = Mocks((), state.journal(settings.journal), settings, path, state)
    found = mocks.read_all()
    if found:
        raise ScriptError(found)
    return mocks


def scripts_in(folder: Path) -> list[Path]:
    """The scripts that lie in a folder itself, by name.

    Raises:
        OSError: it cannot be read.
    """
    return sorted(path for path in folder.iterdir() if path.suffix == ".llmock" and path.is_file())


def _scripts_in(folder: Path) -> dict[str, Path]:
    """The scripts of a folder, by the names of their mocks.

    Raises:
        LoadError: some cannot be served.
    """
    try:
        named = {script.stem: script for script in scripts_in(folder)}
    except OSError as error:
        raise LoadError(f"{folder} cannot be read: {(error.strerror or str(error)).lower()}") from None
    _check_names(named)
    return named


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
        mock = self._mocks.by_name.get(first.lower()) if first else None
        if mock is None:
            return self._mocks.root
        environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}/{first}"
        environ["PATH_INFO"] = slash + rest
        return mock
