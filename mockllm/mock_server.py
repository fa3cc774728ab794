"""A mock server inside a test: in a thread of the process, on a free port."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any

from dsl import compile_script, compile_text
from mockllm.app import create_app
from mockllm.mock import Mock
from mockllm.server import Server
from mockllm.serving import Mocks
from mockllm.settings import Settings
from mockllm.state import state_at


class MockServer:
    """Serves one script while it is entered as a context.

        with MockServer('otherwise reply "Hello."') as server:
            client = OpenAI(base_url=server.base_url, api_key="test")

    Args:
        script: the text of a script, or the `Path` of one.
        settings: how the server behaves.
        host: the address to listen on.
        port: 0 picks a free one.

    Raises:
        ScriptError: the script has errors.
        ServeError: the port is in use.
        SettingError: there is no shared state where the settings say.
    """

    def __init__(
        self,
        script: str | Path,
        settings: Settings | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        settings = settings or Settings()
        compiled = compile_script(script) if isinstance(script, Path) else compile_text(script)
        state = state_at(settings.state)
        journal = state.journal(settings.journal)
        self._mocks = Mocks([Mock("", compiled, settings, journal, state)], journal, settings, state=state)
        self._server = Server(create_app(self._mocks), host, port)
        self._thread = Thread(target=self._server.serve_forever, name="mockllm", daemon=True)

    @property
    def base_url(self) -> str:
        """What an SDK takes as its base URL."""
        return f"{self._server.url}/v1"

    def journal(self) -> list[dict[str, Any]]:
        """What was asked and which rule answered, oldest first: the entries of `GET /-/journal`."""
        return self._server.call(self._mocks.journal.entries)

    def reset(self) -> None:
        """Forget all sessions and the journal, as `POST /-/reset` does."""
        self._server.call(self._mocks.reset)

    def __enter__(self) -> MockServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
