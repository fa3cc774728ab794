"""The command `mockllm serve`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import click
import gevent

from dsl import ScriptError, garbage
from dsl.diagnostics import as_text
from mockllm import __version__
from mockllm.access import Access, is_loopback, new_token
from mockllm.application import Application
from mockllm.commands.report import show, summary
from mockllm.reloading import watch
from mockllm.server import ServeError, Server
from mockllm.serving import LoadError, Mocks, load
from mockllm.settings import MOST_ENTRIES, SettingError, Settings, clock_speed, parse_now


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, help="The port to listen on; 0 picks a free one.")
@click.option("--seed", type=int, help="Decides all that scripts leave to chance. Stops the wall clock, too.")
@click.option("--now", help="The time that answers tell: an instant in ISO 8601, or `live`.")
@click.option("--lenient", is_flag=True, help="Let request parameters pass that the real API does not know.")
@click.option("--lenient-ids", is_flag=True, help="Answer for any id of a response, conversation or item.")
@click.option(
    "--socket-lifetime",
    type=click.FloatRange(0, min_open=True),
    default=3600.0,
    show_default=True,
    help="For how many seconds a WebSocket of Responses may live.",
)
@click.option(
    "--journal",
    type=click.IntRange(1, MOST_ENTRIES),
    default=1_000,
    show_default=True,
    help="How many requests are remembered.",
)
@click.option("--faults", is_flag=True, help="Let clients ask for trouble, by the header x-mockllm-fault.")
@click.option("--speed", type=float, help="How many times as fast as planned answers are played.  [default: 1]")
@click.option(
    "--clock",
    type=click.Choice(["real", "instant"]),
    default="real",
    show_default=True,
    help="`instant` waits for nothing.",
)
@click.option("--no-exact-paths", is_flag=True, help="Leave all requests to Flask: slower, with the same result.")
@click.option("--no-index", is_flag=True, help="Ask one rule after the other: slower, with the same result.")
@click.option(
    "--reload/--no-reload",
    "watched",
    default=None,
    help="Watch the script and what it reads, and serve what has changed.  [default: on in a terminal]",
)
@click.option(
    "--state",
    envvar="MOCKLLM_STATE",
    metavar="URL",
    help="Keep sessions, stored responses and the journal in Redis: redis://HOST[:PORT][/DATABASE].",
)
@click.option(
    "--token",
    envvar="MOCKLLM_TOKEN",
    help="What the console and all of /-/ ask for. [default: on this machine nothing, elsewhere a new one]",
)
@click.option(
    "--require-key",
    "key",
    envvar="MOCKLLM_KEY",
    metavar="KEY",
    help="The API key that mocks ask for. [default: none]",
)
@click.option("--no-cache", is_flag=True, help="Keep nothing between runs: compile the scripts anew.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def serve(
    path: Path,
    host: str,
    port: int,
    seed: int | None,
    now: str | None,
    lenient: bool,
    lenient_ids: bool,
    socket_lifetime: float,
    journal: int,
    faults: bool,
    speed: float | None,
    clock: str,
    no_exact_paths: bool,
    no_index: bool,
    watched: bool | None,
    state: str | None,
    token: str | None,
    key: str | None,
    no_cache: bool,
    quiet: bool,
) -> None:
    """Serve the script at PATH, or each script of the folder at PATH as a mock of its own."""
    if no_cache:
        os.environ["MOCKLLM_CACHE"] = "0"
    try:
        instant = None if now is None else parse_now(now)
        settings = Settings(
            seed=seed,
            now=instant,
            lenient=lenient,
            lenient_ids=lenient_ids,
            socket_lifetime=socket_lifetime,
            journal=journal,
            faults=faults,
            speed=clock_speed(clock, speed),
            **({"index": False} if no_index else {}),
            **({"exact_paths": False} if no_exact_paths else {}),
            state=state or None,
        )
        mocks = load(path, settings)
        # Nobody would be told a new token.
        made = None if token or quiet or is_loopback(host) else new_token()
        access = Access(token or made, key or None)
        app = Application(mocks, access)
        server = Server(app, host, port)
    except ScriptError as error:
        show(error.diagnostics, as_text)
        click.echo(f"\n{summary(error.diagnostics)}: nothing is served", err=True)
        sys.exit(1)
    except (SettingError, LoadError, ServeError) as error:
        raise click.ClickException(str(error)) from None
    if not quiet:
        _log_to_terminal()
        show(mocks.warnings, as_text)
        for mock in mocks.by_name.values():
            prefix = f"/{mock.name}" if mock.name else ""
            rules = len(mock.script.table.rules)
            counted = "1 rule" if rules == 1 else f"{rules} rules"
            click.echo(f"mockllm {__version__}  {server.url}{prefix}/v1  {counted}, seed {mock.seed}")
        login = f"#token={quote(made)}" if made else ""
        click.echo(f"console  {server.url}/-/{login}")
        sys.stdout.flush()
    # The script lives as long as the server does. To look for garbage first would find nearly none.
    garbage.serve()
    gevent.spawn(_load, app)
    if sys.stdout.isatty() if watched is None else watched:
        gevent.spawn(watch, mocks)
    with _hang_up(mocks, server):
        server.serve_forever()


def _load(app: Application) -> None:
    app.load()
    garbage.serve()


@contextmanager
def _hang_up(mocks: Mocks, server: Server) -> Iterator[None]:
    """SIGHUP asks for the scripts to be read again, as of other servers; or a terminal that is closed sends it."""
    if not hasattr(signal, "SIGHUP"):  # on Windows
        yield
        return
    terminal = sys.stdin.isatty()

    def heard() -> None:
        if terminal and not os.isatty(0):
            server.shutdown()
        else:
            mocks.reload()

    watcher = gevent.signal_handler(signal.SIGHUP, heard)
    try:
        yield
    finally:
        watcher.cancel()


def _log_to_terminal() -> None:
    """One line for each request, and for what goes wrong."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("mockllm")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
