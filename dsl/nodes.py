"""The parsed script: frozen nodes, each with the span of text that it stands for.

Nodes say what was written and nothing of what it means. They compare equal if they mean the same, wherever
they stand: spans do not count.
"""

from __future__ import annotations

from functools import cache

from dsl.records import Placed
from dsl.source import Span


class Node(Placed, frozen=True, kw_only=True):
    span: Span


class Name(Node, frozen=True):
    """A name where it is given or used, with its own place."""

    text: str


# -- values -----------------------------------------------------------------------------------


class Text(Node, frozen=True):
    """A text, decoded. In double quotes it is a template wherever the language allows one."""

    value: str
    template: bool


class Number(Node, frozen=True):
    value: int | float


class Duration(Node, frozen=True):
    seconds: float


class Percent(Node, frozen=True):
    fraction: float


class Constant(Node, frozen=True):
    """`true`, `false` or `null`."""

    value: bool | None


class Expression(Node, frozen=True):
    """`{{ … }}` standing as a value: it keeps the type of what it computes. `source` is what is inside."""

    source: str


class List(Node, frozen=True):
    items: tuple[Value, ...]


class Pair(Node, frozen=True):
    key: Name
    value: Value


class Object(Node, frozen=True):
    pairs: tuple[Pair, ...]


class Reference(Node, frozen=True):
    """A bare name: a constant, a parameter, or a word that a field knows."""

    path: tuple[Name, ...]

    @property
    def text(self) -> str:
        return ".".join(name.text for name in self.path)


Value = Text | Number | Duration | Percent | Constant | Expression | List | Object | Reference


class Regex(Node, frozen=True):
    pattern: str
    flags: str


class Range(Node, frozen=True):
    low: Number
    high: Number


class Rate(Node, frozen=True):
    """So many of `unit` (`tok`, `chunk`, `char`, `byte`) a second."""

    amount: float
    unit: str


class Jittered(Node, frozen=True):
    """A duration give or take `tolerance`."""

    duration: Duration
    tolerance: Duration | Percent


class Uniform(Node, frozen=True):
    low: Duration
    high: Duration


Delay = Duration | Jittered | Uniform | Reference


# -- conditions -------------------------------------------------------------------------------


class Field(Node, frozen=True):
    """`header["x-tenant"]`, `body.metadata.trace`, `messages[0].role`, `user`."""

    name: Name
    path: tuple[str | int, ...] = ()

    @property
    def text(self) -> str:
        return self.name.text + "".join(f"[{step!r}]" for step in self.path)


class Comparison(Node, frozen=True):
    """`operator` is the grammar's name for it (`equal`, `contains_any`, …) or one of `<= >= < >`.

    `operand` is None for `present`, the test that a bare field is.
    """

    field: Field
    operator: str
    operand: Value | Regex | Range | None = None
    ignoring_case: bool = False


class All(Node, frozen=True):
    parts: tuple[Condition, ...]


class Any(Node, frozen=True):
    parts: tuple[Condition, ...]


class Not(Node, frozen=True):
    part: Condition


Condition = Comparison | All | Any | Not


# -- statements -------------------------------------------------------------------------------


class Block(Node, frozen=True):
    statements: tuple[Statement, ...]


class Reply(Node, frozen=True):
    value: Value
    chunks: Number | None = None


class Logprob(Node, frozen=True):
    logprob: Number
    top: Object | None = None


class Chunk(Node, frozen=True):
    text: Text | Reference
    logprob: Logprob | None = None


class Think(Node, frozen=True):
    text: Text | Reference
    chunks: Number | None = None


class Call(Node, frozen=True):
    """`arguments` is an object, a text that is sent verbatim, or a list of its fragments."""

    tool: Name
    arguments: Object | Text | List
    id: Text | Reference | None = None
    chunks: Number | None = None


class Refuse(Node, frozen=True):
    text: Text | Reference
    chunks: Number | None = None


class Raw(Node, frozen=True):
    text: Text | Reference
    binary: bool = False


class Push(Node, frozen=True):
    value: Value


class Comment(Node, frozen=True):
    text: Text | Reference


class Choice(Node, frozen=True):
    body: Block


class Wait(Node, frozen=True):
    delay: Delay


class Ttft(Node, frozen=True):
    delay: Delay


class Pace(Node, frozen=True):
    rate: Rate | Reference
    tolerance: Duration | Percent | None = None


class Repeat(Node, frozen=True):
    count: Number
    body: Block


class Finish(Node, frozen=True):
    reason: Name


class Fail(Node, frozen=True):
    status: Number | None = None
    message: Text | Reference | None = None
    code: Text | Reference | None = None
    param: Text | Reference | None = None
    retry_after: Duration | None = None


class Cut(Node, frozen=True):
    clean: bool = False


class Reset(Node, frozen=True):
    pass


class Hang(Node, frozen=True):
    duration: Duration | None = None


class Close(Node, frozen=True):
    code: Number | None = None
    reason: Text | Reference | None = None


class Status(Node, frozen=True):
    code: Number


class Usage(Node, frozen=True):
    counts: Object


class Header(Node, frozen=True):
    name: Text | Reference
    value: Text | Reference


class Meta(Node, frozen=True):
    keys: Object


class Logprobs(Node, frozen=True):
    count: Number


class Dialect(Node, frozen=True):
    name: Name


class Split(Node, frozen=True):
    """How the encoded bytes are cut into writes: `every`, `at` so many bytes, or `crlf`."""

    how: str
    count: Number | None = None


class Step(Node, frozen=True):
    """One step of a `sequence`, `cycle` or `pick`; `weight` only means something in a `pick`."""

    weight: Percent | None
    body: Action


class Sequence(Node, frozen=True):
    steps: tuple[Step, ...]


class Cycle(Node, frozen=True):
    steps: tuple[Step, ...]


class Pick(Node, frozen=True):
    steps: tuple[Step, ...]


class Chance(Node, frozen=True):
    percent: Percent
    body: Action


class Limit(Node, frozen=True):
    amount: Number
    budget: str
    period: Duration


class Count(Node, frozen=True):
    """So many `chunk` or `byte`s: what an `after` waits for."""

    amount: Number
    unit: str


class After(Node, frozen=True):
    trigger: Count | Delay
    body: Action


class Every(Node, frozen=True):
    delay: Delay
    body: Action


class Use(Node, frozen=True):
    block: Name
    arguments: tuple[Value, ...] = ()


class Go(Node, frozen=True):
    state: Name


class Remember(Node, frozen=True):
    name: Name
    value: Value


Statement = (
    Reply | Chunk | Think | Call | Refuse | Raw | Push | Comment | Choice
    | Wait | Ttft | Pace | Repeat
    | Finish | Fail | Cut | Reset | Hang | Close
    | Status | Usage | Header | Meta | Logprobs | Dialect | Split
    | Sequence | Cycle | Pick | Chance | Limit | After | Every | Use | Go | Remember
)  # fmt: skip
Action = Block | Statement


# -- declarations -----------------------------------------------------------------------------


class Include(Node, frozen=True):
    path: Text | Reference


class Let(Node, frozen=True):
    name: Name
    value: Value | Regex | Rate | Jittered | Uniform


class LetWhen(Node, frozen=True):
    name: Name
    condition: Condition


class Define(Node, frozen=True):
    name: Name
    parameters: tuple[Name, ...]
    body: Block


class Seed(Node, frozen=True):
    value: Number


class Models(Node, frozen=True):
    ids: List


class ConversationBy(Node, frozen=True):
    field: Field


Setting = (
    Seed | Models | ConversationBy
    | Ttft | Pace | Wait | Header | Meta | Usage | Logprobs | Dialect | Split | Chance | Limit
)  # fmt: skip


class Defaults(Node, frozen=True):
    settings: tuple[Setting, ...]


class Rule(Node, frozen=True):
    """`condition` is None for `otherwise`. `guard` spans the condition, or the word `otherwise`."""

    name: Name | None
    condition: Condition | None
    body: Action
    guard: Span

    @property
    def head(self) -> Span:
        """From `rule` or `when` to the end of the condition."""
        return Span(self.span.source, self.span.start, self.guard.end)


class Given(Node, frozen=True):
    condition: Condition
    rules: tuple[RuleItem, ...]


class ForEach(Node, frozen=True):
    variable: Name
    rows: List | Text | Reference
    rules: tuple[RuleItem, ...]


class State(Node, frozen=True):
    name: Name
    rules: tuple[RuleItem, ...]


class Scenario(Node, frozen=True):
    name: Name
    by: Field | None
    states: tuple[State, ...]


class On(Node, frozen=True):
    event: Name
    body: Action


class Socket(Node, frozen=True):
    path: Text | Reference
    items: tuple[RuleItem | On | Every | After, ...]


class SendRequest(Node, frozen=True):
    fields: Object


class Again(Node, frozen=True):
    times: Number | None = None


class AskChanged(Node, frozen=True):
    """The request before, with other keys."""

    fields: Object


class Connect(Node, frozen=True):
    path: Text | Reference


class Send(Node, frozen=True):
    frame: Object


class Advance(Node, frozen=True):
    duration: Duration


class Expect(Node, frozen=True):
    condition: Condition


TestStep = SendRequest | Again | AskChanged | Connect | Send | Advance | Expect


class Test(Node, frozen=True):
    name: Text | Reference
    steps: tuple[TestStep, ...]


RuleItem = Rule | Given | ForEach
Item = Include | Let | LetWhen | Define | Defaults | Rule | Given | ForEach | Scenario | Socket | Test


class Script(Node, frozen=True):
    """One file."""

    items: tuple[Item, ...]


# Annotations of fields that hold no nodes.
_PLAIN = frozenset(
    ("Span", "str", "int", "float", "bool", "int | float", "bool | None", "str | None", "tuple[str | int, ...]")
)


@cache
def _inner(kind: type[Node]) -> tuple[str, ...]:
    """The fields of a class in which nodes may be."""
    plain = {
        name
        for each in kind.__mro__
        for name, what in vars(each).get("__annotations__", {}).items()
        if what in _PLAIN
    }
    return tuple(name for name in kind.__struct_fields__ if name not in plain)


def walk(*roots: Node) -> list[Node]:
    """The nodes and all nodes in them, in the order in which they are written. They are never nested deeply."""
    found: list[Node] = []
    for root in roots:
        _gather(root, found)
    return found


def _gather(node: Node, found: list[Node]) -> None:
    found.append(node)
    for name in _inner(type(node)):
        value = getattr(node, name)
        if isinstance(value, tuple):
            for each in value:
                _gather(each, found)
        elif value is not None:
            _gather(value, found)


def children(node: Node) -> list[Node]:
    """The nodes directly in it, in the order in which they are written."""
    found: list[Node] = []
    for name in _inner(type(node)):
        value = getattr(node, name)
        if isinstance(value, tuple):
            found += value
        elif value is not None:
            found.append(value)
    return found
