"""Warnings about bodies: what a statement does, and its author surely did not mean.

**Interruptions.** `after 5 chunks` counts what is said below it. At the end of a body it never strikes.

**Time.** Clients give up after minutes. An answer of more than an hour never ends for them: most likely `500m` was
to be `500ms`.

**Templates that are none.** `{user}` is a template in other languages, `'{{ user }}'` is one in double quotes, and
a text in a condition never is. These are reported if there is something of this name, and only then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dsl import fields, nodes
from dsl.diagnostics import Diagnostics
from dsl.impossible import check_comparison, check_event
from dsl.resolver import Names
from dsl.unused import BRACED, DOLLAR, GROUP

LONGEST = 3600.0  # seconds
_DOUBLE = re.compile(r"\{\{\s*([a-z_]\w*)[\w.]*\s*\}\}")
_STATUS = re.compile(r"[45]\d\d")


def check_bodies(
    written: Iterable[nodes.Node], models: set[str] | None, names: Names, diagnostics: Diagnostics
) -> None:
    """Report what is surely not meant in the bodies of rules, and in the texts around them.

    `written` are the nodes of a script in their order, but for those of tests, whose texts are data. `models` are
    those that the script lists.
    """
    printable = _printable(written, names)
    compared: set[int] = set()

    def compare(node: nodes.Comparison) -> None:
        compared.update(map(id, nodes.walk(node.operand) if node.operand else ()))
        check_comparison(node, models, names, diagnostics)

    def check_body(node: nodes.Rule | nodes.On) -> None:
        _check_interruption(node.body, diagnostics)
        _check_time(node.body, names, diagnostics)
        if isinstance(node, nodes.On):
            check_event(node, diagnostics)

    checks: Mapping[type[nodes.Node], Callable[[Any], None]] = {
        nodes.Rule: check_body,
        nodes.On: check_body,
        nodes.Comparison: compare,
        nodes.Fail: lambda node: _check_status(node, diagnostics),
        nodes.Text: lambda node: _check_template(node, printable, diagnostics, compared=id(node) in compared),
    }
    for node in written:
        check = checks.get(type(node))
        if check is not None:
            check(node)


def _printable(written: Iterable[nodes.Node], names: Names) -> set[str]:
    """The names that templates may print."""
    found = {*fields.CATALOGUE, *names.constants}
    for node in written:
        if isinstance(node, nodes.Define):
            found |= {parameter.text for parameter in node.parameters}
        elif isinstance(node, nodes.Regex):
            found |= {group[1] for group in GROUP.finditer(node.pattern)}
    return found


# -- templates that are none ------------------------------------------------------------------


def _check_template(node: nodes.Text, printable: set[str], diagnostics: Diagnostics, *, compared: bool) -> None:
    written = node.span.text
    if "{" not in written and "$" not in written:
        return
    if written.startswith(("'''", '"""')):
        return  # over lines stand programs and documents, which may hold anything
    found = _DOUBLE.search(written) if compared or not node.template else None
    if found is None and node.template and not compared and "{{" not in written:
        found = BRACED.search(written) or DOLLAR.search(written)
    # What begins with a dollar may be a shell's, whose variables may be called like fields.
    if found is None or found[1] not in printable or (found.re is DOLLAR and found[1] in fields.CATALOGUE):
        return
    what, label = "sent", ""
    if compared:
        what, label = "compared", "no template stands in a condition"
        help = "write the value that it is compared with"
    elif node.template:
        help = f"write `{{{{ {found[1]} }}}}`"
    else:
        label, help = "no template stands in single quotes", "put the text in double quotes"
        if '"' in written:
            help += ', and write those inside as `\\"`'
    span = node.span.source.span(node.span.start + found.start(), node.span.start + found.end())
    diagnostics.report("W418", f"`{found[0]}` is {what} as it stands", span, label, help=help)


# -- statements -------------------------------------------------------------------------------


def _check_status(node: nodes.Fail, diagnostics: Diagnostics) -> None:
    message = node.message
    if node.status is None and isinstance(message, nodes.Text) and _STATUS.fullmatch(message.value):
        help = f"write the status without quotes: `fail {message.value}`"
        label = "the status is 500"
        diagnostics.report("W419", f"`{message.value}` is the message here", message.span, label, help=help)


def _check_interruption(body: nodes.Action, diagnostics: Diagnostics) -> None:
    """Report an `after` that counts what follows it, and stands at the end."""
    last = body.statements[-1] if isinstance(body, nodes.Block) and body.statements else body
    if isinstance(last, nodes.After) and isinstance(last.trigger, nodes.Count):
        help = "move it above what it is to interrupt"
        diagnostics.report("W406", "nothing follows that this could interrupt", last.span, help=help)


# -- time -------------------------------------------------------------------------------------


def _check_time(body: nodes.Action, names: Names, diagnostics: Diagnostics) -> None:
    if _least(body, names) <= LONGEST:
        return
    longest: nodes.Node = body
    while isinstance(longest, nodes.Block):
        longest = max(longest.statements, key=lambda statement: _least(statement, names))
    help = "a client has given up by then; to stay silent for good, write `hang`"
    minutes = re.search(r"\b(\d+)m\b", longest.span.text)
    if minutes is not None:
        help = f"`m` is minutes: for milliseconds write `{minutes[1]}ms`"
    diagnostics.report("W416", "this takes more than an hour", longest.span, help=help)


def _least(node: nodes.Node, names: Names, depth: int = 0) -> float:
    """The least seconds that a statement takes."""
    if depth > 20:
        return 0.0
    match node:
        case nodes.Wait(delay=delay) | nodes.Ttft(delay=delay):
            return _seconds(delay, names)
        case nodes.Block(statements=statements):
            return sum(_least(statement, names, depth + 1) for statement in statements)
        case nodes.Repeat(count=count, body=body):
            return count.value * _least(body, names, depth + 1)
        case nodes.Sequence(steps=steps) | nodes.Cycle(steps=steps) | nodes.Pick(steps=steps):
            return min(_least(step.body, names, depth + 1) for step in steps)
        case nodes.Use(block=block) if block.text in names.blocks:
            return _least(names.blocks[block.text].body, names, depth + 1)
    return 0.0


def _seconds(delay: nodes.Node | None, names: Names) -> float:
    if isinstance(delay, nodes.Reference):
        delay = names.constant(delay)
    match delay:
        case nodes.Duration(seconds=seconds):
            return seconds
        case nodes.Uniform(low=low):
            return low.seconds
        case nodes.Jittered(duration=duration, tolerance=nodes.Duration(seconds=give)):
            return max(0.0, duration.seconds - give)
        case nodes.Jittered(duration=duration, tolerance=nodes.Percent(fraction=share)):
            return duration.seconds * max(0.0, 1 - share)
    return 0.0
