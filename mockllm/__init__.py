"""An OpenAI-compatible mock server that says only what a script tells it to.

`MockServer` serves a script inside a test, `create_app` gives the WSGI application, and the command `mockllm`
does the rest. They are imported when they are first used, so that `mockllm check` need not wait for a server.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockllm.app import create_app
    from mockllm.mock_server import MockServer

__version__ = "0.1.0"

__all__ = ["MockServer", "__version__", "create_app"]


def __getattr__(name: str) -> Any:
    if name == "MockServer":
        from mockllm.mock_server import MockServer

        return MockServer
    if name == "create_app":
        from mockllm.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
