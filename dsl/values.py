"""Values of a body, compiled: what they are is told when the body is performed.

A `Maker` makes a value from the scope of a performance: the names that templates and references can use there.
What needs no scope is folded to a `Literal` when the script is compiled.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Set
from typing import Any

from dsl import fields, nodes
from dsl.conditions import text_of
from dsl.constancy import Watch
from dsl.records import Record
from dsl.request import Request
from dsl.session import Session
from dsl.source import Span
from dsl.templates import MISSING, Template


class PerformError(Exception):
    """A body that could not be performed: a template failed. `span` is the text at fault."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.message = message
        self.span = span


class Scope:
    """The names of a performance: its own locals, what the condition captured, helpers, fields, constants."""

    __slots__ = ("_constants", "_helpers", "_locals", "_nth", "_own", "_request", "_session", "_turn", "watch")

    def __init__(
        self,
        captures: Mapping[str, str],
        helpers: Mapping[str, Any],
        request: Request,
        session: Session,
        nth: int,
        constants: Mapping[str, Maker],
        watch: Watch | None = None,
    ) -> None:
        self._locals: dict[str, Any] = dict(captures)
        self._own: Set[str] = frozenset()  # of the locals those that the request has no part in
        self.watch = Watch() if watch is None else watch
        self._helpers = helpers
        self._request = request
        self._session = session
        self._nth = nth
        self._constants = constants
        self._turn = ""

    @property
    def session(self) -> Session:
        """Where it is counted and remembered."""
        self.watch.varies = True
        return self._session

    def counter(self, name: str) -> str:
        """The name of a counter of a statement, which each turn of a `for each` has its own of."""
        return f"{name}\0{self._turn}" if self._turn else name

    @property
    def request(self) -> Request:
        """What is answered."""
        self.watch.varies = True
        return self._request

    def lookup(self, name: str) -> Any:
        """The value of a name, or `MISSING` if the request lacks it."""
        if name in self._locals:
            own = name in self._own
            self.watch.varies |= not own
            value = self._locals[name]
            return MISSING if value is None and not own else value  # a group that has not taken part
        constant = self._constants.get(name)
        if constant is not None and name not in self._helpers and name != "nth" and name not in fields.CATALOGUE:
            return constant.make(self)
        self.watch.varies = True
        if name in self._helpers:
            return self._helpers[name]
        if name == "nth":
            return self._nth
        if name in fields.CATALOGUE:
            value = fields.read(name, (), self._request, self._session)
            return MISSING if value is None else value
        return MISSING

    def within(self, names: Mapping[str, Any]) -> Scope:
        """This scope with more locals."""
        inner = Scope({}, self._helpers, self._request, self._session, self._nth, self._constants, self.watch)
        inner._locals = {**self._locals, **names}
        inner._own = self._own | names.keys()
        inner._turn = self._turn
        return inner

    def of_constants(self) -> Scope:
        """This scope for what a constant says: to it no capture, parameter or variable hides another constant."""
        hidden = self._locals.keys() & self._constants.keys()
        if not hidden:
            return self
        inner = self.within({})
        inner._locals = {name: value for name, value in self._locals.items() if name not in hidden}
        inner._own = self._own - hidden
        return inner

    def of_rule(self, session: Session, turn: str) -> Scope:
        """This scope for a rule that counts and remembers in `session`, made in this turn of a `for each`."""
        inner = self.within({})
        inner._session, inner._turn = session, turn
        return inner


class Maker(Record, frozen=True):
    """Makes a value. `node` is where it is written."""

    node: nodes.Node

    @abstractmethod
    def make(self, scope: Scope) -> Any:
        """The value."""

    def text(self, scope: Scope) -> str:
        """The value as text: a text as it is, anything else as JSON."""
        return text_of(self.make(scope))


class Literal(Maker, frozen=True):
    value: Any

    def make(self, scope: Scope) -> Any:
        return self.value


class Rendered(Maker, frozen=True):
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


class Variable(Maker, frozen=True):
    """A parameter, or a part of one."""

    path: tuple[str, ...]

    def make(self, scope: Scope) -> Any:
        value = scope.lookup(self.path[0])
        for step in self.path[1:]:
            value = fields.part(value, step)
        return value


class Constant(Maker, frozen=True):
    """What a constant says that is no literal."""

    value: Maker

    def make(self, scope: Scope) -> Any:
        return self.value.make(scope.of_constants())


class ListMaker(Maker, frozen=True):
    items: tuple[Maker, ...]

    def make(self, scope: Scope) -> list[Any]:
        return [item.make(scope) for item in self.items]


class ObjectMaker(Maker, frozen=True):
    pairs: tuple[tuple[str, Maker], ...]

    def make(self, scope: Scope) -> dict[str, Any]:
        return {key: value.make(scope) for key, value in self.pairs}
