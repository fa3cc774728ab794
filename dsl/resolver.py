"""One script from its files: includes spliced in where they stand, and what is named, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dsl import fields, nodes
from dsl.diagnostics import Diagnostics, Label
from dsl.looks import Looks, decoded
from dsl.parser import keywords, parse
from dsl.source import Source, Span


@dataclass
class Names:
    """What the script names. Rules and tests are only checked for names given twice."""

    constants: dict[str, nodes.Let] = field(default_factory=dict)
    conditions: dict[str, nodes.LetWhen] = field(default_factory=dict)
    blocks: dict[str, nodes.Define] = field(default_factory=dict)

    def constant(self, reference: nodes.Reference) -> nodes.Node | None:
        """What a bare name stands for, through other constants; None if it stands for nothing."""
        seen: set[str] = set()
        node: nodes.Node = reference
        while isinstance(node, nodes.Reference):
            if node.text in seen or node.text not in self.constants:
                return None
            seen.add(node.text)
            node = self.constants[node.text].value
        return node


@dataclass
class Resolved:
    """The items of a script in order, without includes; the files that they came from; the names.

    `paths` are those of its sources, and `folder` is where everything that it reads must lie; a script that is in
    no file has neither. `looks` are those at all files that were asked for.
    """

    items: list[nodes.Item]
    files: list[Path]
    names: Names
    paths: dict[Source, Path] = field(default_factory=dict)
    folder: Path | None = None
    looks: Looks = field(default_factory=Looks)


class Resolver:
    """Resolves one script. `folder` is where its includes must lie; without one it can have none.

    `looks` are those at its files so far.

    Attributes:
        files: those that it looked for so far, whether they are there or not; the script's own is the first.
    """

    def __init__(self, folder: Path | None, diagnostics: Diagnostics, looks: Looks) -> None:
        self._folder = folder.resolve() if folder else None
        self._diagnostics = diagnostics
        self._looks = looks
        self.files: list[Path] = []
        self._paths: dict[Source, Path] = {}
        self._called = ""

    def resolve(self, source: Source, path: Path | None) -> Resolved | None:
        """The resolved script; None if a file cannot be read or parsed, which is reported."""
        self._called = source.name
        if path is not None:
            self.files.append(path.resolve())
            self._paths[source] = self.files[0]
        script = parse(source, self._diagnostics)
        if script is None:
            return None
        items = self._splice(script, self.files[:])
        if items is None:
            return None
        return Resolved(items, self.files, self._names(items), self._paths, self._folder, self._looks)

    # -- includes

    def _splice(self, script: nodes.Script, open_files: list[Path]) -> list[nodes.Item] | None:
        items: list[nodes.Item] = []
        complete = True
        for item in script.items:
            if not isinstance(item, nodes.Include):
                items.append(item)
                continue
            included = self._include(item, open_files)
            complete = complete and included is not None
            items += included or []
        return items if complete else None

    def _include(self, include: nodes.Include, open_files: list[Path]) -> list[nodes.Item] | None:
        span = include.path.span
        if not isinstance(include.path, nodes.Text):
            return self._refuse("E216", "an `include` names its file in quotes", span)
        written = include.path.value
        if self._folder is None:
            return self._refuse("E216", "a script without a folder cannot include a file", span)
        name = open_files[-1].parent / written
        try:
            path = self._looks.at(name)
        except (OSError, ValueError):  # too long, links in a circle, a NUL
            return self._refuse("E216", f"`{include.path.span.brief}` is not the name of a file", span)
        if not path.is_relative_to(self._folder):
            return self._refuse("E217", f"`{written}` lies outside the script's folder", span)
        if path in open_files:
            return self._refuse("E218", f"`{written}` includes itself", span)
        if path in self.files:
            return []  # what stands in it stands in the script already, further up
        # Messages call it by its place beside the script, as the script itself was called.
        source = Source(str(Path(self._called).parent / path.relative_to(self._folder)), "")
        self.files.append(path)
        try:
            source.text = decoded(self._looks.read(name))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return self._refuse("E216", f"`{written}` cannot be read: {reason}", span)
        except UnicodeDecodeError:
            return self._refuse("E216", f"`{written}` is not UTF-8 text", span)
        self._paths[source] = path
        script = parse(source, self._diagnostics)
        return None if script is None else self._splice(script, [*open_files, path])

    def _refuse(self, code: str, message: str, span: Span) -> list[nodes.Item] | None:
        self._diagnostics.report(code, message, span)
        return None

    # -- names

    def _names(self, items: list[nodes.Item]) -> Names:
        names = Names()
        seen: dict[tuple[str, str], nodes.Name] = {}
        for what, name in self._named(items, names):
            first = seen.setdefault((what, name.text), name)
            if first is not name:
                self._diagnostics.report(
                    "E204",
                    f"two {what} are called `{name.text}`",
                    name.span,
                    "the second",
                    secondary=Label(first.span, "the first"),
                )
        reserved = keywords()
        given = [let.name for let in names.constants.values()]
        given += [let.name for let in names.conditions.values()]
        for name in given + [name for item in items for name in _variables(item)]:
            if name.text in reserved or name.text in fields.CATALOGUE:
                kind = "a field of the request" if name.text in fields.CATALOGUE else "a word of the language"
                self._diagnostics.report("E210", f"`{name.text}` is {kind} already", name.span)
        return names

    def _named(self, items: list[nodes.Item], names: Names) -> Iterator[tuple[str, nodes.Name]]:
        scenarios: set[str] = set()
        for item in items:
            if isinstance(item, nodes.Let):
                names.constants.setdefault(item.name.text, item)
                yield "constants", item.name
            elif isinstance(item, nodes.LetWhen):
                names.conditions.setdefault(item.name.text, item)
                yield "constants", item.name
            elif isinstance(item, nodes.Define):
                names.blocks.setdefault(item.name.text, item)
                yield "blocks", item.name
                yield from ((f"parameters of `{item.name.text}`", name) for name in item.parameters)
            elif isinstance(item, nodes.Test) and isinstance(item.name, nodes.Text):
                yield "tests", nodes.Name(item.name.value, span=item.name.span)
            elif isinstance(item, nodes.Socket):
                yield from (("rule", name) for name in _rule_names(item))
            else:
                if isinstance(item, nodes.Scenario):
                    yield "scenarios", item.name
                    if item.name.text not in scenarios:
                        yield from ((f"states of `{item.name.text}`", state.name) for state in item.states)
                    scenarios.add(item.name.text)
                yield from (("rules", name) for name in _rule_names(item))


def _rule_names(item: nodes.Node) -> Iterator[nodes.Name]:
    """The names of a rule, or of all rules in an item. Those of a `for each` are given once."""
    return (rule.name for rule in _inside(item) if isinstance(rule, nodes.Rule) and rule.name is not None)


def _variables(item: nodes.Node) -> Iterator[nodes.Name]:
    return (each.variable for each in _inside(item) if isinstance(each, nodes.ForEach))


def _inside(item: nodes.Node) -> Iterator[nodes.Node]:
    """The item and all that holds rules in it, down to the rules."""
    yield item
    inner: tuple[nodes.Node, ...] = ()
    if isinstance(item, nodes.Given | nodes.ForEach | nodes.State):
        inner = item.rules
    elif isinstance(item, nodes.Scenario):
        inner = item.states
    elif isinstance(item, nodes.Socket):
        inner = item.items
    for each in inner:
        yield from _inside(each)
