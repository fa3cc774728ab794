"""Values of a body, compiled: what they are is told when the body is performed.

A `Maker` makes a value from the scope of a performance: the names that templates and references can use there.
What needs no scope is folded to a `Literal` when the script is compiled.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dsl import fields, nodes
from dsl.conditions import text_of
from dsl.request import Request
from dsl.session import Session
from dsl.source import Span
from dsl.templates import Template


class PerformError(Exception):
    """A body that could not be performed: a template failed. `span` is the text at fault."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.message = message
        self.span = span


class Scope:
    """The names of a performance: its own locals, what the condition captured, helpers, fields, constants."""

    __slots__ = ("_constants", "_helpers", "_locals", "_nth", "_request", "_session", "_turn")

    def __init__(
        self,
        captures: Mapping[str, str],
        helpers: Mapping[str, Any],
        request: Request,
        session: Session,
        nth: int,
        constants: Mapping[str, Maker],
    ) -> None:
        self._locals: dict[str, Any] = dict(captures)
        self._helpers = helpers
        self._request = request
        self._session = session
        self._nth = nth
        self._constants = constants
        self._turn = ""

    @property
    def session(self) -> Session:
        """Where it is counted and remembered."""
        return self._session

    def counter(self, name: str) -> str:
        """The name of a counter of a statement, which each turn of a `for each` has its own of."""
        return f"{name}\0{self._turn}" if self._turn else name

    @property
    def request(self) -> Request:
        """What is answered."""
        return self._request

    def lookup(self, name: str) -> Any:
        """The value of a name, or None if the request lacks it."""
        if name in self._locals:
            return self._locals[name]
        if name in self._helpers:
            return self._helpers[name]
        if name == "nth":
            return self._nth
        if name in fields.CATALOGUE:
            return fields.read(name, (), self._request, self._session)
        constant = self._constants.get(name)
        return None if constant is None else constant.make(self)

    def within(self, names: Mapping[str, Any]) -> Scope:
        """This scope with more locals."""
        inner = Scope({}, self._helpers, self._request, self._session, self._nth, self._constants)
        inner._locals = {**self._locals, **names}
        inner._turn = self._turn
        return inner

    def of_rule(self, session: Session, turn: str) -> Scope:
        """This scope for a rule that counts and remembers in `session`, made in this turn of a `for each`."""
        inner = self.within({})
        inner._session, inner._turn = session, turn
        return inner


@dataclass(frozen=True, slots=True)
class Maker(ABC):
    """Makes a value. `node` is where it is written."""

    node: nodes.Node

    @abstractmethod
    def make(self, scope: Scope) -> Any:
        """The value."""

    def text(self, scope: Scope) -> str:
        """The value as text: a text as it is, anything else as JSON."""
        return text_of(self.make(scope))


@dataclass(frozen=True, slots=True)
class Literal(Maker):
    value: Any

    def make(self, scope: Scope) -> Any:
        return self.value


@dataclass(frozen=True, slots=True)
class Rendered(Maker):
    """A template, as a text or typed."""

    template: Template

    def make(self, scope: Scope) -> Any:
        try:
            return self.template.render(scope.lookup)
        except PerformError:
            raise
        except RecursionError:
            raise PerformError("it is nested too deeply", self.node.span) from None
        except Exception as error:  # whatever the author's template raises is the author's mistake
            raise PerformError(str(error) or type(error).__name__, self.node.span) from error


@dataclass(frozen=True, slots=True)
class Variable(Maker):
    """A parameter, or a part of one."""

    path: tuple[str, ...]

    def make(self, scope: Scope) -> Any:
        value = scope.lookup(self.path[0])
        for step in self.path[1:]:
            value = fields.part(value, step)
        return value


@dataclass(frozen=True, slots=True)
class ListMaker(Maker):
    items: tuple[Maker, ...]

    def make(self, scope: Scope) -> list[Any]:
        return [item.make(scope) for item in self.items]


@dataclass(frozen=True, slots=True)
class ObjectMaker(Maker):
    pairs: tuple[tuple[str, Maker], ...]

    def make(self, scope: Scope) -> dict[str, Any]:
        return {key: value.make(scope) for key, value in self.pairs}
