"""The command `mockllm test`: runs the tests that scripts have in them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mockllm.commands import junit
from mockllm.commands.script_files import NoScripts, script_files
from mockllm.commands.suite import Suite, load


@click.command("test")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-k", "name", default="", help="Run only tests with this in their name, in any case.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "junit"]),
    default="text",
    show_default=True,
    help="For people, or JUnit's XML for CI.",
)
@click.option("--lenient", is_flag=True, help="Let unknown arguments of requests pass, as `serve --lenient` does.")
@click.option("--coverage", is_flag=True, help="Tell which rules and steps no test has reached.")
def test(paths: tuple[Path, ...], name: str, form: str, lenient: bool, coverage: bool) -> None:
    """Run the tests of scripts, and of all scripts in folders. Exit status 1 if one fails or cannot run.

    Tests run without a server, on a virtual clock: nothing waits. What a script of a folder includes is tested
    where it is included.
    """
    suites = _suites(paths)
    for suite in suites:
        suite.run(lambda test: name.lower() in test.name.lower(), lenient=lenient)
    if form == "junit":
        click.echo(junit.report(suites), nl=False)
    else:
        _tell(suites, name)
    if coverage:
        _tell_coverage(suites, err=form == "junit")
    if any(suite.errors or not all(each.result.passed for each in suite.ran) for suite in suites):
        sys.exit(1)


def _suites(paths: tuple[Path, ...]) -> list[Suite]:
    try:
        files = script_files(paths)
    except NoScripts as error:
        raise click.ClickException(str(error)) from None
    suites = {path: _load(path) for path in files}
    included = {file for suite in suites.values() if suite.script for file in suite.script.files[1:]}
    return [suite for path, suite in suites.items() if files[path] or path.resolve() not in included]


def _load(path: Path) -> Suite:
    try:
        return load(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{path} is not UTF-8 text") from None


def _tell(suites: list[Suite], name: str) -> None:
    for suite in suites:
        if suite.errors:
            click.echo(f"{suite.error_text}\n")
        for each in suite.ran:
            result = each.result
            if result.failure is None:
                click.echo(f"ok {result.test.name}")
            else:
                click.echo(f"FAILED {result.test.name} ({result.test.place})\n\n{result.failure.text}\n")
            for remark in result.remarks:
                click.echo(f"warning: {remark.text}\n")
    click.echo(_summary(suites, name))


def _summary(suites: list[Suite], name: str) -> str:
    ran = [each.result.passed for suite in suites for each in suite.ran]
    broken = sum(bool(suite.errors) for suite in suites)
    failed = ran.count(False)
    counts = [(failed, "failed"), (len(ran) - failed, "passed")]
    told = [f"{count} {word}" for count, word in counts if count] or ["no tests"]
    if broken:
        told.append(f"{broken} {'script has' if broken == 1 else 'scripts have'} errors")
    if not ran and name and any(suite.script and suite.script.tests for suite in suites):
        told[0] = f"no tests with `{name}` in their name"
    return ", ".join(told)


def _tell_coverage(suites: list[Suite], *, err: bool) -> None:
    """One line for each part that was not reached, and the share of those that were.

    What several scripts include is reached if any of them reaches it.
    """
    missing: dict[tuple[str, int, str], bool] = {}
    for suite in suites:
        unreached = {part.span for part in suite.unreached}
        for part in suite.parts:
            key = str(Path(part.span.source.name)), part.span.start, f"{part.place} {part.what}"
            missing[key] = missing.get(key, True) and part.span in unreached
    for (_, _, line), missed in missing.items():
        if missed:
            click.echo(f"not reached: {line}", err=err)
    if missing:
        reached = len(missing) - sum(missing.values())
        click.echo(f"coverage {100 * reached // len(missing)}% ({reached} of {len(missing)} reached)", err=err)
    elif not any(suite.errors for suite in suites):
        click.echo("coverage: there is nothing to reach", err=err)
