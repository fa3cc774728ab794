"""The command `mockllm`: each of its commands is a module of `mockllm.commands`, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

from dsl import tokens
from mockllm import __version__

# In the order in which they are listed: the module of each, and its name there.
_COMMANDS = {
    "serve": ("serve", "serve"),
    "check": ("check", "check"),
    "fmt": ("fmt", "fmt"),
    "test": ("test", "test"),
    "try": ("try_", "try_"),
    "explain": ("explain", "explain"),
    "new": ("new", "new"),
}


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        if name == "serve":
            tokens.prepare()  # it goes on while all that serves is imported
        module, attribute = _COMMANDS[name]
        command: click.Command = getattr(import_module(f"mockllm.commands.{module}"), attribute)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mockllm", message="%(prog)s %(version)s")
def main() -> None:
    """An OpenAI-compatible mock server that says only what a script tells it to."""
