"""Templates: Jinja2 in an immutable sandbox, strict about what is missing.

A name that the request lacks is false in a test and can be given a `default`; printing it is an error, which
names it. Names that can never be there are found when the script is compiled. A template is parsed then, for its
errors and its names, and turned into code when it is first rendered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2 import meta, nodes
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

from dsl.diagnostics import did_you_mean
from dsl.request import Headers, Message, Result, Results

LONGEST = 10_000_000  # characters; a template that multiplies texts is stopped there
_BUILTINS = frozenset({"range", "dict", "cycler", "joiner", "namespace"})
_MARKUP = re.compile(r"\{\{|\{%|\{#")
_TAGS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
# Tags that print, with no braces in them and all quotes closed, and text that is nothing but itself.
_SIMPLE = re.compile(r"""(?:[^{]++|\{\{(?:[^{}"'\\]|"[^"{}\\]*"|'[^'{}\\]*')*+\}\})*+""")
_GUARDS = (nodes.Filter, nodes.Test, nodes.Or, nodes.And, nodes.Not, nodes.CondExpr, nodes.If)
_NO_SUCH = re.compile(r"No (filter|test) named '(\w+)'")
_LOADERS = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)

Lookup = Callable[[str], Any]
MISSING = object()  # what a lookup gives for a name that stands for nothing


class BadTemplate(ValueError):
    """A template that is not one. `line` counts from 1 within it."""

    def __init__(self, message: str, line: int, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message.rstrip(".")
        self.line = line
        self.help = help


class Absent(jinja2.Undefined):
    """What the request lacks: false, and an error when printed or looked into."""

    def _refuse(self, *_: Any) -> NoReturn:
        self._fail_with_undefined_error()

    __str__ = __iter__ = __len__ = _refuse

    @property
    def _undefined_message(self) -> str:
        """What is missing, in the terms of the author's script and not of Python."""
        if self._undefined_hint:
            return str(self._undefined_hint)
        name, within = self._undefined_name, self._undefined_obj
        if within is jinja2.utils.missing:
            return f"the request has no `{name}`"
        if isinstance(within, Result) and isinstance(within.value, str):
            return f"the tool's result is not JSON, so it has no `{name}`"
        return f"there is no `{name}` in {_named(within)}"


class Environment(ImmutableSandboxedEnvironment):
    """Reads the parts of JSON objects before their methods, and keeps values from growing without bound."""

    intercepted_binops = frozenset({"*", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping | Result):
            try:
                return obj[attribute]
            except (LookupError, TypeError):
                pass
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and isinstance(left, int) and left.bit_length() * abs(right) > LONGEST:
            raise OverflowError("this power has too many digits")
        if operator == "*":
            for value, times in ((left, right), (right, left)):
                if hasattr(value, "__len__") and isinstance(times, int) and len(value) * times > LONGEST:
                    raise OverflowError(f"a text may not be longer than {LONGEST} characters")
        return SandboxedEnvironment.call_binop(self, context, operator, left, right)


_KINDS: tuple[tuple[Any, str], ...] = (
    (Results, "the tools' results since the last user message"),
    (Headers, "the headers"),
    (Mapping | Result, "the object"),
    (list | tuple, "the list"),
    (str, "the text"),
)


def _named(value: Any) -> str:
    """A value that something is missing in, for a message."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "the value")


def to_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON text: compact unless `indent`ed, characters as they are."""
    separators = None if indent else (",", ":")
    return json.dumps(plain(value), ensure_ascii=False, separators=separators, indent=indent)


def plain(value: Any) -> Any:
    """A value of a template as plain JSON data.

    Raises:
        jinja2.UndefinedError: it is absent, or holds what is.
        TypeError: it has no JSON form.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, jinja2.Undefined):
        str(value)
    if isinstance(value, Result):
        return value.value
    if isinstance(value, Message):
        return {"role": value.role, "content": value.content}
    if isinstance(value, Mapping | Headers | Results):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(item) for item in value]
    raise TypeError(f"a {type(value).__name__} has no JSON form")


_environment = Environment(undefined=Absent, keep_trailing_newline=True, autoescape=False)
_environment.filters["tojson"] = to_json
# These draw from Python's own generator, which no seed of ours decides.
del _environment.filters["random"], _environment.globals["lipsum"]


_Parts = frozenset[tuple[str, str]]
# The names that a template needs, those that may be absent, the parts that it reads, and those that it calls.
_Names = tuple[frozenset[str], frozenset[str], _Parts, _Parts]


@dataclass(frozen=True)
class Template:
    """A text with `{{ … }}` in it, or, if `typed`, the expression inside one that stands as a value of its own.

    Raises `BadTemplate` when made of what is no template.
    """

    source: str
    typed: bool = False

    def __post_init__(self) -> None:
        _ = self.names

    def __getstate__(self) -> dict[str, Any]:
        """Without what Jinja has compiled: that cannot be pickled."""
        return {name: value for name, value in vars(self).items() if name not in ("_template", "_expression")}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that it needs."""
        return self._read[0]

    @cached_property
    def handled(self) -> frozenset[str]:
        """Those of its names that it knows may be absent: it tests them or gives them a default."""
        return self._read[1]

    @property
    def parts(self) -> _Parts:
        """The parts of its names that it reads, as in `{{ row.answer }}`, but for those that it tests first."""
        return self._read[2]

    @property
    def called(self) -> _Parts:
        """Those of its parts that it calls, as in `{{ user.upper() }}`."""
        return self._read[3]

    @cached_property
    def _read(self) -> _Names:
        if not self.typed and _SIMPLE.fullmatch(self.source):
            try:
                return _names_of("".join(_TAGS.findall(self.source)))  # many differ but in the text around these
            except BadTemplate:
                pass  # is found again below, on its line
        return _names_of(self.source, self.typed)

    def render(self, lookup: Lookup) -> Any:
        """The text that it gives, or, if typed, the value. `lookup` gives a name's value, or `MISSING`.

        Raises:
            Exception: whatever the template's code raises; `jinja2.UndefinedError` for what is absent.
        """
        found = {name: value for name in self.names if (value := lookup(name)) is not MISSING}
        if self.typed:
            return plain(self._expression(**found))
        return self._template.render(found)

    def find(self, name: str) -> tuple[int, int]:
        """Where `name` first stands in the source, inside a tag: start and end."""
        pattern = re.compile(rf"\b{re.escape(name)}\b")
        for tag in [re.compile(".*", re.DOTALL)] if self.typed else [_TAGS]:
            for region in tag.finditer(self.source):
                if at := pattern.search(self.source, region.start(), region.end()):
                    return at.span()
        return 0, len(self.source)

    @cached_property
    def _template(self) -> jinja2.Template:
        return _environment.from_string(self.source)

    @cached_property
    def _expression(self) -> Callable[..., Any]:
        return _environment.compile_expression(self.source, undefined_to_none=False)


def is_filter(name: str) -> bool:
    """Whether a template can write `| name`."""
    return name in _environment.filters


@lru_cache(maxsize=1024)
def _names_of(source: str, typed: bool = False) -> _Names:
    try:
        tree = _parse(source, typed)
        loader = next(tree.find_all(_LOADERS), None)
        if loader is not None:
            raise BadTemplate("a template cannot load another", loader.lineno)
        tested = {name for guard in tree.find_all(_GUARDS) for name in _tested(guard)}
        needed = frozenset(meta.find_undeclared_variables(tree)) - _BUILTINS
        guarded = {
            id(part)
            for guard in tree.find_all(_GUARDS)
            for tested in _looked_at(guard)
            for part in tested.find_all(nodes.Getattr)
        }
        read = [
            part
            for part in tree.find_all(nodes.Getattr)
            if isinstance(part.node, nodes.Name) and part.node.name in needed and id(part) not in guarded
        ]
        methods = {id(call.node) for call in tree.find_all(nodes.Call)}
        parts = frozenset((part.node.name, part.attr) for part in read)  # type: ignore[attr-defined]
        called = frozenset((part.node.name, part.attr) for part in read if id(part) in methods)  # type: ignore[attr-defined]
        return needed, frozenset(tested), parts, called
    except jinja2.TemplateSyntaxError as error:
        raise _in_our_words(error.message or "it cannot be parsed", error.lineno) from None
    except RecursionError:
        raise BadTemplate("it is nested too deeply", 1) from None
    except BadTemplate:
        raise
    except ValueError as error:  # a number with too many digits
        raise BadTemplate(str(error).split(";")[0], 1) from None


def _parse(source: str, typed: bool) -> nodes.Template:
    if not typed:
        return _environment.parse(source)
    # As `compile_expression` does: the inside of a tag accepts more (`-`, a bare tuple).
    parser = Parser(_environment, source, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        parser.fail(f"expected the end of the expression, got {parser.stream.current.value!r}")
    tree = nodes.Template([nodes.Output([expression], lineno=1)], lineno=1)
    tree.set_environment(_environment)
    return tree


def _tested(guard: nodes.Node) -> Iterator[str]:
    """The names that a test, a default or a condition of a template asks for."""
    match guard:
        case nodes.Filter(name="default" | "d") | nodes.Test(name="defined" | "undefined"):
            if isinstance(guard.node, nodes.Name):
                yield guard.node.name
        case nodes.If() | nodes.CondExpr():
            yield from _truth(guard.test)
        case nodes.Or() | nodes.And():
            yield from _truth(guard.left)
        case nodes.Not():
            yield from _truth(guard.node)


def _looked_at(guard: nodes.Node) -> list[nodes.Node]:
    """What a test, a default or a condition looks at, which may therefore be absent."""
    match guard:
        case nodes.Filter(name="default" | "d") | nodes.Test() | nodes.Or() | nodes.And() | nodes.Not():
            return [guard]
        case nodes.If() | nodes.CondExpr():
            return [guard.test]
    return []


def _truth(expression: nodes.Node) -> Iterator[str]:
    """The names of which an expression only asks whether they are true."""
    if isinstance(expression, nodes.Name):
        yield expression.name
    elif isinstance(expression, nodes.Or | nodes.And):
        yield from _truth(expression.left)
        yield from _truth(expression.right)


def _in_our_words(message: str, line: int) -> BadTemplate:
    """A message of Jinja's, in the style of our own."""
    found = _NO_SUCH.match(message)
    if found:
        known = _environment.filters if found[1] == "filter" else _environment.tests
        return BadTemplate(f"no {found[1]} is called `{found[2]}`", line, did_you_mean(found[2], known))
    sentence = " ".join(message.split())
    return BadTemplate(sentence[:1].lower() + sentence[1:], line)


def has_markup(text: str) -> bool:
    """Whether a text is anything but itself as a template."""
    return _MARKUP.search(text) is not None
