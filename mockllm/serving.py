"""What is served from a path: a file is one mock at the root, a folder holds a mock for each of its scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gevent.hub import get_hub
from gevent.lock import RLock

from dsl import Diagnostic, Script, ScriptError
from dsl.looks import Stamp, stamp
from mockllm.cors import is_control
from mockllm.journal import Journal
from mockllm.metrics import Metrics
from mockllm.mock import Mock
from mockllm.reading import Reading, read
from mockllm.reloading import Reload, log
from mockllm.script_folder import MOCK_NAME, named_scripts
from mockllm.settings import SettingError, Settings
from mockllm.state import MEMORY, State, state_at

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MOCK = "mockllm.mock"
MOCKS = "mockllm.mocks"


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
        self._misnamed: dict[Path, str] = {}  # the scripts that can be no mocks, and why
        self._reloading = RLock()

    @property
    def root(self) -> Mock | None:
        return self.by_name.get("")

    def find(self, host: str, path: str) -> tuple[Mock | None, str, str]:
        """The mock that a request means, if it means one; the segment of its path that names it, and the rest.

        A mock is named by a host of the form `NAME.localhost`, or else by the first segment of the path. The
        control endpoints are no mock's: before them nothing is a name.
        """
        if len(self.by_name) == 1 and self.root is not None:
            return self.root, "", path
        label = host.partition(":")[0].lower()
        if label.endswith(".localhost") and (mock := self.by_name.get(label.removesuffix(".localhost"))):
            return mock, "", path
        first, slash, rest = path.lstrip("/").partition("/")
        found = self.by_name.get(first.lower()) if first else None
        if found is None or is_control(rest):
            return self.root, "", path
        return found, f"/{first}", slash + rest

    def source(self, name: str) -> Path | None:
        """The file that the script of a mock is read from; None if it is from none."""
        return self._sources.get(name.lower())

    def put(self, name: str, script: Script) -> Mock:
        """Serve a script under a name: in place of the one that the mock had, or as a new mock.

        Sessions, stored responses and the journal stay as they are. If the mock has a file, the next change of
        that takes effect again.

        Raises:
            LoadError: no mock can be called so.
            SettingError: it would be a new one, and the shared state cannot be reached.
        """
        mock = self.by_name.get(name.lower())
        if mock is not None:
            mock.replace(script)
            return mock
        if name and not MOCK_NAME.fullmatch(name):
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
            named, misnamed = self._scripts()
            files.update(named.values(), misnamed)
        return {file: stamp(file) for file in files}

    def reload(self) -> Reload:
        """Read again what has changed on disk, and serve it from then on; a script with errors keeps its old one.

        In a folder each mock is on its own: scripts that are new there are added, mocks whose file is gone are
        removed, and a script that can be no mock holds nothing up. Others are answered meanwhile: compiling is
        done in another thread, for which this one waits. What came of it is logged, too, unless nothing has
        changed. What cannot be served since an earlier time is told again, but not logged.
        """
        with self._reloading:
            done = Reload()
            named: dict[str, Path] = {}
            before = self._misnamed
            try:
                named, self._misnamed = self._scripts()
            except LoadError as error:
                done.troubles.append(str(error))
            else:
                done.troubles += [trouble for path, trouble in self._misnamed.items() if path not in before]
                self._reload(named, done)
            log(self, done)
            done.troubles += [trouble for path, trouble in self._misnamed.items() if path in before]
            for name in named:
                reading = self._readings.get(name.lower())
                if reading is not None and name not in done.kept:
                    done.add_failure(name, reading)
            done.unfinished = any(reading.unfinished for reading in self._readings.values())
            return done

    def read_all(self) -> list[Diagnostic]:
        """Serve all scripts that there are; what is wrong with those that have errors.

        Raises:
            LoadError: one cannot be read, or there is none.
            SettingError: the shared state cannot be reached.
        """
        found: list[Diagnostic] = []
        named, misnamed = self._scripts()
        for trouble in misnamed.values():
            raise LoadError(trouble)
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

    def _scripts(self) -> tuple[dict[str, Path], dict[Path, str]]:
        """The scripts by the names of their mocks, and why others can be none.

        Raises:
            LoadError: the folder cannot be read.
        """
        if self.path is None:
            return {}, {}
        if not self._is_folder:
            return {"": self.path}, {}
        try:
            return named_scripts(self.path, self._sources)
        except OSError as error:
            raise LoadError(f"{self.path} cannot be read: {(error.strerror or str(error)).lower()}") from None

    def _reload(self, named: Mapping[str, Path], done: Reload) -> None:
        gone: set[str] = set()
        for name, path in named.items():
            before = self._readings.get(name.lower())
            if before is not None and before.is_current:
                continue
            known = name.lower() in self.by_name
            compile_ = partial(read, path, index=self.settings.index)
            script, reading = get_hub().threadpool.apply(compile_)
            if script is not None and self._is_folder and not path.exists():
                gone.add(name.lower())  # it was deleted meanwhile: it is not to come back
                continue
            try:
                self._take(name, path, script, reading)
            except SettingError as error:
                failed = reading.cut_short(f"{path} cannot be served: {error}")
                self._readings[name.lower()] = failed
                if before is None or before.trouble != failed.trouble:  # it is told once how long that may take
                    done.add_failure(name, failed)
                continue
            if script is None:
                done.add_failure(name, reading)
            else:
                done.diagnostics += reading.diagnostics
                (done.changed if known else done.added).append(name)
        there = {name.lower() for name in named} - gone
        for key in sorted(self._sources.keys() - there):
            done.removed.append(self.by_name[key].name)
            self.remove(key)
        self._readings = {key: reading for key, reading in self._readings.items() if key in there}

    def _take(self, name: str, path: Path, script: Script | None, reading: Reading) -> None:
        if script is not None:
            self.put(name, script)
            self._sources[name.lower()] = path
        self._readings[name.lower()] = reading


def load(path: Path, settings: Settings) -> Mocks:
    """The mocks of a script or of a folder of scripts.

    Raises:
        LoadError: there is nothing to serve there.
        ScriptError: scripts have errors; it has those of all of them.
        SettingError: the shared state cannot be reached.
    """
    state = state_at(settings.state)
    mocks = Mocks((), state.journal(settings.journal), settings, path, state)
    found = mocks.read_all()
    if found:
        raise ScriptError(found)
    return mocks


class Mounted:
    """A WSGI application in front of another: tells it which mock is meant, as `mockllm.mock` in the environ.

    A segment of the path that names it is moved to `SCRIPT_NAME`, as for any application that is mounted there.
    """

    def __init__(self, app: Callable[..., Any], mocks: Mocks) -> None:
        self._app = app
        self._mocks = mocks

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        path = environ.get("PATH_INFO", "")
        environ[MOCK], prefix, rest = self._mocks.find(environ.get("HTTP_HOST", ""), path)
        environ[MOCKS] = self._mocks
        if prefix:
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
            environ["PATH_INFO"] = rest
        return self._app(environ, start_response)
