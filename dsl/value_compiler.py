"""Values and templates of a body, from nodes to makers: constants and parameters in place, names checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from dsl import fields, nodes
from dsl.diagnostics import Diagnostics, Label, did_you_mean, one_of
from dsl.guards import Captures
from dsl.helpers import HELPERS
from dsl.literals import Decoded
from dsl.loops import UNKNOWN, Keys
from dsl.operands import DEEPEST_NAMES, MOST_NAMES
from dsl.parts import lacks
from dsl.phrases import template_hint, value_hint, variable_hint
from dsl.resolver import Names
from dsl.scenarios import Scenario
from dsl.source import Span
from dsl.templates import BadTemplate, Template, has_markup, is_filter, to_json
from dsl.values import Constant, ListMaker, Literal, Maker, ObjectMaker, Rendered, Variable

_JSON_WORDS = ("true", "false", "null")


@dataclass(frozen=True, slots=True)
class Known:
    """A value that a name stands for, where it is written, and in which row it does if it does not in each."""

    value: Any
    span: Span
    where: str = ""

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else to_json(self.value)

    def part(self, path: Sequence[str]) -> Iterator[Known]:
        """The part at this path, if there is one."""
        value = self.value
        for step in path:
            if not isinstance(value, Mapping) or step not in value:
                return
            value = value[step]
        if value is not UNKNOWN:
            yield replace(self, value=value)


@dataclass(frozen=True)
class Context:
    """Where a body stands.

    Attributes:
        key: that of its rule; empty for a block by itself, of which nobody knows where it will be used.
        captures: those of its rule's condition.
        locals: the names of its blocks' parameters, and what else is there besides what all see.
        socket: whether it may only be performed on a socket, or may be for all that is known.
        scenario: the one of whose states its rule is, or None.
        loops: the variables of the `for each`es around its rule; they are locals, too.
        given: what is known of the parameters of its blocks.
    """

    key: str
    captures: Captures = Captures()  # noqa: RUF009 (it is immutable)
    locals: frozenset[str] = frozenset()
    socket: bool = False
    scenario: Scenario | None = None
    loops: Mapping[str, Keys | None] = field(default_factory=dict)
    given: Mapping[str, tuple[Known, ...]] = field(default_factory=dict)


class ValueCompiler:
    """Compiles values. `context` is that of the statement at hand."""

    def __init__(self, names: Names, diagnostics: Diagnostics) -> None:
        self.context = Context("")
        self._names = names
        self._diagnostics = diagnostics
        self._open: dict[str, Span] = {}  # what is being put in its place, and where
        self._expanded = 0
        self._endless: set[frozenset[str]] = set()  # circles that are reported

    def begin(self, context: Context) -> None:
        """A body of its own begins."""
        self.context = context
        self._expanded = 0

    @contextmanager
    def with_locals(self, names: Sequence[str], makers: Sequence[Maker] = ()) -> Iterator[None]:
        """More names for what is compiled inside, and what makes their values."""
        outer = self.context
        loops = {name: keys for name, keys in outer.loops.items() if name not in names}
        given = {name: known for name, known in outer.given.items() if name not in names}
        given |= {name: tuple(self.known(maker)) for name, maker in zip(names, makers, strict=False)}
        self.context = replace(outer, locals=outer.locals | {*names}, loops=loops, given=given)
        yield
        self.context = outer

    @contextmanager
    def opened(self, name: str, span: Span) -> Iterator[None]:
        """Inside, the block or constant `name`, which `can_open`, is put in its place."""
        self._open[name] = span
        yield
        self._open.popitem()

    @contextmanager
    def _as_constant(self) -> Iterator[None]:
        """Inside, no parameter or variable hides a constant: see `Scope.of_constants`."""
        outer = self.context
        self.context = replace(outer, locals=outer.locals - self._names.constants.keys())
        yield
        self.context = outer

    def value(self, node: nodes.Node) -> Maker:
        """A maker of the value; a literal if it needs no scope."""
        if isinstance(node, nodes.Text):
            return self._template(node) if node.template and has_markup(node.value) else Literal(node, node.value)
        if isinstance(node, nodes.Number | nodes.Constant):
            return Literal(node, node.value)
        if isinstance(node, nodes.Duration):
            return Literal(node, node.seconds)
        if isinstance(node, nodes.Percent):
            return Literal(node, node.fraction)
        if isinstance(node, nodes.Expression):
            return self._template(node)
        if isinstance(node, nodes.List):
            items = tuple(self.value(item) for item in node.items)
            if all(isinstance(item, Literal) for item in items):
                return Literal(node, [item.value for item in items if isinstance(item, Literal)])
            return ListMaker(node, items)
        if isinstance(node, nodes.Object):
            return self._object(node)
        assert isinstance(node, nodes.Reference)
        return self.reference(node)

    def _object(self, node: nodes.Object) -> Maker:
        seen: dict[str, nodes.Name] = {}
        for pair in node.pairs:
            first = seen.setdefault(pair.key.text, pair.key)
            if first is not pair.key:
                label = Label(first.span, "the first")
                self._diagnostics.report(
                    "E204", f"two keys are called `{pair.key.text}`", pair.key.span, "the second", secondary=label
                )
        pairs = tuple((pair.key.text, self.value(pair.value)) for pair in node.pairs)
        if all(isinstance(value, Literal) for _, value in pairs):
            return Literal(node, {key: value.value for key, value in pairs if isinstance(value, Literal)})
        return ObjectMaker(node, pairs)

    def known(self, maker: Maker) -> Iterator[Known]:
        """What can be told of the values that a maker makes, before it makes any."""
        if isinstance(maker, Literal):
            yield Known(maker.value, maker.node.span)
        elif isinstance(maker, Variable):
            name, *path = maker.path
            keys = self.context.loops.get(name)
            values = () if keys is None else keys.values
            rows = (Known(value, maker.node.span, f"in {row}") for row, value in values)
            for known in (*rows, *self.context.given.get(name, ())):
                yield from known.part(path)

    def is_known(self, node: nodes.Reference) -> bool:
        """Whether a bare name stands for a parameter, or a constant."""
        return node.path[0].text in self.context.locals or self._names.constant(node) is not None

    def reference(self, node: nodes.Reference) -> Maker:
        """A maker of what a bare name stands for: a parameter, or a constant."""
        if node.path[0].text in self.context.locals:
            if len(node.path) > 1:
                self._check_key(node.path[0].text, node.path[1].text, node.path[1].span, always=True)
            return Variable(node, tuple(name.text for name in node.path))
        value = self._names.constant(node)
        if value is None:
            first = node.path[0].text
            if first in fields.CATALOGUE or first in self.context.captures.all:
                help: str | None = (
                    f'what a request or a condition gives stands in a template: "{{{{ {node.text} }}}}"'
                )
            else:
                known = {*self._names.constants, *self.context.locals, *_JSON_WORDS}
                help = value_hint(node.text) or did_you_mean(node.text, known)
            help = help or f'for the text itself, write "{node.text}"'
            self._diagnostics.report("E203", f"nothing is called `{node.text}`", node.span, help=help)
            return Literal(node, "")
        if isinstance(value, nodes.Regex | nodes.Rate | nodes.Jittered | nodes.Uniform):
            self._diagnostics.report("E202", f"`{node.text}` is not a value that can be said", node.span)
            return Literal(node, "")
        if not self.can_open(node.text, node.span):
            return Literal(node, "")
        with self.opened(node.text, node.span), self._as_constant():
            maker = self.value(value)
        return maker if isinstance(maker, Literal | Constant) else Constant(node, maker)

    def _check_key(self, variable: str, key: str, span: Span, *, always: bool = False) -> None:
        """Report a key that nothing has which a variable of a `for each` stands for, or not `always`."""
        known = self.context.loops.get(variable)
        if known is None:
            return
        keys = known.lacking
        if key not in keys:
            all_keys = f"its keys are {', '.join(f'`{each}`' for each in sorted(keys))}" if keys else None
            help = did_you_mean(key, keys) or all_keys or f"write `{variable}` alone"
            self._diagnostics.report("E225", f"`{variable}` has no `{key}`", span, help=help)
        elif always and keys[key] is not None:
            help = f"a template can give a default: \"{{{{ {variable}.{key} | default('?') }}}}\""
            self._diagnostics.report("E225", f"`{variable}` has no `{key}`", span, f"in {keys[key]}", help=help)

    def can_open(self, name: str, span: Span) -> bool:
        """Whether a block or a constant can be put in its place: what refers to itself, or doubles, has no end."""
        self._expanded += 1
        if name in self._open:
            circle = [*self._open][[*self._open].index(name) :]
            if frozenset(circle) not in self._endless:
                self._endless.add(frozenset(circle))
                label = f"by way of `{circle[1].removesuffix('()')}`" if len(circle) > 1 else ""
                self._diagnostics.report("E208", f"`{name.removesuffix('()')}` refers to itself", span, label)
            return False
        if len(self._open) < DEEPEST_NAMES and self._expanded <= MOST_NAMES:
            return True
        if frozenset() not in self._endless:
            self._endless.add(frozenset())
            outer, place = next(iter(self._open.items()), (name, span))
            self._diagnostics.report("E208", f"`{outer.removesuffix('()')}` is made of too many parts", place)
        return False

    # -- templates

    def _template(self, node: nodes.Text | nodes.Expression) -> Maker:
        typed = isinstance(node, nodes.Expression)
        try:
            template = Template(node.source if isinstance(node, nodes.Expression) else node.value, typed)
        except BadTemplate as bad:
            help = bad.help or template_hint(bad.message)
            self._diagnostics.report(
                "E302", f"invalid template: {bad.message}", self._row(node, bad.line), help=help
            )
            return Literal(node, "")
        if not self.context.captures.unknown:
            self._check_names(node, template)
        for variable, key in sorted(template.parts):
            if variable in self.context.loops:
                self._check_key(variable, key, self._find_part(node, template, variable, key))
            else:
                self._check_part(node, template, variable, key)
        bound = self.context.captures.all | self.context.locals
        for name in sorted(template.names & self._names.constants.keys() - bound):
            let = self._names.constants[name]
            self.reference(nodes.Reference((nodes.Name(name, span=let.name.span),), span=let.name.span))
        return Rendered(node, template)

    def _check_part(self, node: nodes.Text | nodes.Expression, template: Template, name: str, part: str) -> None:
        """Report a part that what is called `name` can never have."""
        called = (name, part) in template.called
        capture = name in self.context.captures.all
        if name in self.context.locals or (not capture and name in self._names.constants):
            return
        if self.context.captures.unknown:
            return  # one may be called like a field
        if (capture or name in fields.CATALOGUE or name in HELPERS) and (
            why := lacks(name, part, capture=capture, called=called)
        ):
            self._diagnostics.report("E305", why[0], self._find_part(node, template, name, part), help=why[1])

    def _check_names(self, node: nodes.Text | nodes.Expression, template: Template) -> None:
        """Report the names that can never be there when the template is rendered."""
        captures = self.context.captures
        known = {*fields.CATALOGUE, *HELPERS, *self._names.constants, *captures.all, *self.context.locals}
        for name in sorted(template.names - known):
            bound = one_of(f"`{capture}`" for capture in sorted(captures.all)) if captures.all else "nothing"
            filtered = f"it is a filter: `{{{{ user | {name} }}}}`" if is_filter(name) else None
            help = (
                variable_hint(name) or filtered or did_you_mean(name, known) or f"the condition captures {bound}"
            )
            if name == "loop":
                help = "`loop` is there inside `repeat` and `{% for %}`"
            self._diagnostics.report(
                "E301", f"undefined template variable `{name}`", self._find(node, template, name), help=help
            )
        for name in sorted(template.names & captures.sometimes - template.handled):
            help = f"give it a default, as in `{{{{ {name} | default('?') }}}}`"
            message = f"`{name}` is captured in only one branch of the `or`"
            self._diagnostics.report("E304", message, self._find(node, template, name), help=help)

    def _find(self, node: nodes.Text | nodes.Expression, template: Template, name: str) -> Span:
        return self._inside(node, *template.find(name))

    def _find_part(self, node: nodes.Text | nodes.Expression, template: Template, name: str, part: str) -> Span:
        found = re.search(rf"\b{re.escape(name)}\s*\.\s*({re.escape(part)})\b", template.source)
        return self._find(node, template, name) if found is None else self._inside(node, *found.span(1))

    @staticmethod
    def _inside(node: nodes.Text | nodes.Expression, start: int, end: int) -> Span:
        """The span of a part of a template, given by offsets into its value."""
        source, begin = node.span.source, node.span.start
        if isinstance(node, nodes.Expression):
            return source.span(begin + 2 + start, begin + 2 + end)
        decoded = Decoded(node.span.text)
        return source.span(begin + decoded.raw_offset(start), begin + decoded.raw_offset(end))

    def _row(self, node: nodes.Text | nodes.Expression, line: int) -> Span:
        """The span of one line of a template, without the white space around it."""
        if isinstance(node, nodes.Expression):
            return node.span
        rows = node.value.split("\n")
        row = rows[min(line, len(rows)) - 1]
        start = sum(len(above) + 1 for above in rows[: min(line, len(rows)) - 1])
        lead = len(row) - len(row.lstrip())
        span = self._inside(node, start + lead, start + len(row.rstrip()))
        return span if span.end > span.start else node.span
