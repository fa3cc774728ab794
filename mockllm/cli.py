"""The command `mockllm`."""

from __future__ import annotations

import gc
import json
import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from dsl import Diagnostic, ScriptError, check
from dsl.diagnostics import as_json, as_line, as_text
from mockllm import __version__

_PATH = click.Path(exists=True, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mockllm", message="%(prog)s %(version)s")
def main() -> None:
    """An OpenAI-compatible mock server that says only what a script tells it to."""


@main.command()
@click.argument("path", type=_PATH)
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
    quiet: bool,
) -> None:
    """Serve the script at PATH, or each script of the folder at PATH as a mock of its own."""
    # Here and not above: `check` needs none of them, and they take most of the time to start.
    from mockllm.app import create_app
    from mockllm.server import ServeError, Server
    from mockllm.serving import LoadError, load
    from mockllm.settings import SettingError, Settings, parse_now

    try:
        instant = None if now is None else parse_now(now)
        settings = Settings(
            seed=seed, now=instant, lenient=lenient, lenient_ids=lenient_ids, socket_lifetime=socket_lifetime
        )
        mocks = load(path, settings)
        server = Server(create_app(mocks), host, port)
    except ScriptError as error:
        _show(error.diagnostics, as_text)
        click.echo(f"\n{_summary(error.diagnostics)}: nothing is served", err=True)
        sys.exit(1)
    except (SettingError, LoadError, ServeError) as error:
        raise click.ClickException(str(error)) from None
    if not quiet:
        _log_to_terminal()
        _show(mocks.warnings, as_text)
        for mock in mocks.by_name.values():
            prefix = f"/{mock.name}" if mock.name else ""
            rules = len(mock.script.table.rules)
            counted = "1 rule" if rules == 1 else f"{rules} rules"
            click.echo(f"mockllm {__version__}  {server.url}{prefix}/v1  {counted}, seed {mock.seed}")
        sys.stdout.flush()
    gc.collect()
    gc.freeze()  # the script lives as long as the server does
    server.serve_forever()


@main.command("check")
@click.argument("paths", nargs=-1, required=True, type=_PATH)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "line", "json"]),
    default="text",
    show_default=True,
    help="Frames for people, one line each for CI, or JSON.",
)
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
def check_command(paths: tuple[Path, ...], form: str, strict: bool) -> None:
    """Check scripts, and all scripts in folders. Exit status 1 if there are errors."""
    found: list[Diagnostic] = []
    for path in _scripts(paths):
        try:
            found += check(path)
        except OSError as error:
            raise click.ClickException(
                f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
            ) from None
        except UnicodeDecodeError:
            raise click.ClickException(f"{path} is not UTF-8 text") from None
    if form == "json":
        click.echo(json.dumps([as_json(diagnostic) for diagnostic in found], ensure_ascii=False, indent=2))
    else:
        _show(found, as_text if form == "text" else as_line, err=False)
        if form == "text" and found:
            click.echo(f"\n{_summary(found)}")
    if any(diagnostic.is_error or strict for diagnostic in found):
        sys.exit(1)


def _scripts(paths: Iterable[Path]) -> list[Path]:
    """The scripts that the paths name; those of folders at any depth, without what others include."""
    scripts: list[Path] = []
    for path in paths:
        found = sorted(path.rglob("*.llmock")) if path.is_dir() else [path]
        if not found:
            raise click.ClickException(f"there is no .llmock script in {path}")
        scripts += found
    return scripts


def _show(found: Iterable[Diagnostic], form: Callable[[Diagnostic], str], *, err: bool = True) -> None:
    separator = "\n\n" if form is as_text else "\n"
    text = separator.join(form(diagnostic) for diagnostic in found)
    if text:
        click.echo(text, err=err)


def _summary(found: list[Diagnostic]) -> str:
    errors = sum(diagnostic.is_error for diagnostic in found)
    counts = [(errors, "error"), (len(found) - errors, "warning")]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count)


def _log_to_terminal() -> None:
    """One line for each request, and for what goes wrong."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("mockllm")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
