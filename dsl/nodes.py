"""The parsed script: frozen nodes, each with the span of text that it stands for.

Nodes say what was written and nothing of what it means. They compare equal if they mean the same, wherever
they stand: spans do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from dsl.source import Span


@dataclass(frozen=True, slots=True)
class Node:
    span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name where it is given or used, with its own place."""

    text: str


# -- values -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text(Node):
    """A text, decoded. In double quotes it is a template wherever the language allows one."""

    value: str
    template: bool


@dataclass(frozen=True, slots=True)
class Number(Node):
    value: int | float


@dataclass(frozen=True, slots=True)
class Duration(Node):
    seconds: float


@dataclass(frozen=True, slots=True)
class Percent(Node):
    fraction: float


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """`true`, `false` or `null`."""

    value: bool | None


@dataclass(frozen=True, slots=True)
class Expression(Node):
    """`{{ … }}` standing as a value: it keeps the type of what it computes. `source` is what is inside."""

    source: str


@dataclass(frozen=True, slots=True)
class List(Node):
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Pair(Node):
    key: Name
    value: Value


@dataclass(frozen=True, slots=True)
class Object(Node):
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Reference(Node):
    """A bare name: a constant, a parameter, or a word that a field knows."""

    path: tuple[Name, ...]

    @property
    def text(self) -> str:
        return ".".join(name.text for name in self.path)


Value = Text | Number | Duration | Percent | Constant | Expression | List | Object | Reference


@dataclass(frozen=True, slots=True)
class Regex(Node):
    pattern: str
    flags: str


@dataclass(frozen=True, slots=True)
class Range(Node):
    low: Number
    high: Number


@dataclass(frozen=True, slots=True)
class Rate(Node):
    """So many of `unit` (`tok`, `chunk`, `char`, `byte`) a second."""

    amount: float
    unit: str


@dataclass(frozen=True, slots=True)
class Jittered(Node):
    """A duration give or take `tolerance`."""

    duration: Duration
    tolerance: Duration | Percent


@dataclass(frozen=True, slots=True)
class Uniform(Node):
    low: Duration
    high: Duration


Delay = Duration | Jittered | Uniform | Reference


# -- conditions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`header["x-tenant"]`, `body.metadata.trace`, `messages[0].role`, `user`."""

    name: Name
    path: tuple[str | int, ...] = ()

    @property
    def text(self) -> str:
        return self.name.text + "".join(f"[{step!r}]" for step in self.path)


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """`operator` is the grammar's name for it (`equal`, `contains_any`, …) or one of `<= >= < >`.

    `operand` is None for `present`, the test that a bare field is.
    """

    field: Field
    operator: str
    operand: Value | Regex | Range | None = None
    ignoring_case: bool = False


@dataclass(frozen=True, slots=True)
class All(Node):
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any(Node):
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    part: Condition


Condition = Comparison | All | Any | Not


# -- statements -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block(Node):
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Reply(Node):
    value: Value
    chunks: Number | None = None


@dataclass(frozen=True, slots=True)
class Logprob(Node):
    logprob: Number
    top: Object | None = None


@dataclass(frozen=True, slots=True)
class Chunk(Node):
    text: Text | Reference
    logprob: Logprob | None = None


@dataclass(frozen=True, slots=True)
class Think(Node):
    text: Text | Reference
    chunks: Number | None = None


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`arguments` is an object, a text that is sent verbatim, or a list of its fragments."""

    tool: Name
    arguments: Object | Text | List
    id: Text | Reference | None = None
    chunks: Number | None = None


@dataclass(frozen=True, slots=True)
class Refuse(Node):
    text: Text | Reference
    chunks: Number | None = None


@dataclass(frozen=True, slots=True)
class Raw(Node):
    text: Text | Reference
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Push(Node):
    value: Value


@dataclass(frozen=True, slots=True)
class Comment(Node):
    text: Text | Reference


@dataclass(frozen=True, slots=True)
class Choice(Node):
    body: Block


@dataclass(frozen=True, slots=True)
class Wait(Node):
    delay: Delay


@dataclass(frozen=True, slots=True)
class Ttft(Node):
    delay: Delay


@dataclass(frozen=True, slots=True)
class Pace(Node):
    rate: Rate | Reference
    tolerance: Duration | Percent | None = None


@dataclass(frozen=True, slots=True)
class Repeat(Node):
    count: Number
    body: Block


@dataclass(frozen=True, slots=True)
class Finish(Node):
    reason: Name


@dataclass(frozen=True, slots=True)
class Fail(Node):
    status: Number | None = None
    message: Text | Reference | None = None
    code: Text | Reference | None = None
    param: Text | Reference | None = None
    retry_after: Duration | None = None


@dataclass(frozen=True, slots=True)
class Cut(Node):
    clean: bool = False


@dataclass(frozen=True, slots=True)
class Reset(Node):
    pass


@dataclass(frozen=True, slots=True)
class Hang(Node):
    duration: Duration | None = None


@dataclass(frozen=True, slots=True)
class Close(Node):
    code: Number | None = None
    reason: Text | Reference | None = None


@dataclass(frozen=True, slots=True)
class Status(Node):
    code: Number


@dataclass(frozen=True, slots=True)
class Usage(Node):
    counts: Object


@dataclass(frozen=True, slots=True)
class Header(Node):
    name: Text | Reference
    value: Text | Reference


@dataclass(frozen=True, slots=True)
class Meta(Node):
    keys: Object


@dataclass(frozen=True, slots=True)
class Logprobs(Node):
    count: Number


@dataclass(frozen=True, slots=True)
class Dialect(Node):
    name: Name


@dataclass(frozen=True, slots=True)
class Split(Node):
    """How the encoded bytes are cut into writes: `every`, `at` so many bytes, or `crlf`."""

    how: str
    count: Number | None = None


@dataclass(frozen=True, slots=True)
class Step(Node):
    """One step of a `sequence`, `cycle` or `pick`; `weight` only means something in a `pick`."""

    weight: Percent | None
    body: Action


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Cycle(Node):
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Pick(Node):
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Chance(Node):
    percent: Percent
    body: Action


@dataclass(frozen=True, slots=True)
class Limit(Node):
    amount: Number
    budget: str
    period: Duration


@dataclass(frozen=True, slots=True)
class Count(Node):
    """So many `chunk` or `byte`s: what an `after` waits for."""

    amount: Number
    unit: str


@dataclass(frozen=True, slots=True)
class After(Node):
    trigger: Count | Delay
    body: Action


@dataclass(frozen=True, slots=True)
class Every(Node):
    delay: Delay
    body: Action


@dataclass(frozen=True, slots=True)
class Use(Node):
    block: Name
    arguments: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Go(Node):
    state: Name


@dataclass(frozen=True, slots=True)
class Remember(Node):
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


@dataclass(frozen=True, slots=True)
class Include(Node):
    path: Text | Reference


@dataclass(frozen=True, slots=True)
class Let(Node):
    name: Name
    value: Value | Regex | Rate | Jittered | Uniform


@dataclass(frozen=True, slots=True)
class LetWhen(Node):
    name: Name
    condition: Condition


@dataclass(frozen=True, slots=True)
class Define(Node):
    name: Name
    parameters: tuple[Name, ...]
    body: Block


@dataclass(frozen=True, slots=True)
class Seed(Node):
    value: Number


@dataclass(frozen=True, slots=True)
class Models(Node):
    ids: List


@dataclass(frozen=True, slots=True)
class ConversationBy(Node):
    field: Field


Setting = (
    Seed | Models | ConversationBy
    | Ttft | Pace | Wait | Header | Meta | Usage | Logprobs | Dialect | Split | Chance | Limit
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Defaults(Node):
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Rule(Node):
    """`condition` is None for `otherwise`. `guard` spans the condition, or the word `otherwise`."""

    name: Name | None
    condition: Condition | None
    body: Action
    guard: Span = field(compare=False, repr=False)

    @property
    def head(self) -> Span:
        """From `rule` or `when` to the end of the condition."""
        return Span(self.span.source, self.span.start, self.guard.end)


@dataclass(frozen=True, slots=True)
class Given(Node):
    condition: Condition
    rules: tuple[RuleItem, ...]


@dataclass(frozen=True, slots=True)
class ForEach(Node):
    variable: Name
    rows: List | Text | Reference
    rules: tuple[RuleItem, ...]


@dataclass(frozen=True, slots=True)
class State(Node):
    name: Name
    rules: tuple[RuleItem, ...]


@dataclass(frozen=True, slots=True)
class Scenario(Node):
    name: Name
    by: Field | None
    states: tuple[State, ...]


@dataclass(frozen=True, slots=True)
class On(Node):
    event: Name
    body: Action


@dataclass(frozen=True, slots=True)
class Socket(Node):
    path: Text | Reference
    items: tuple[RuleItem | On | Every | After, ...]


@dataclass(frozen=True, slots=True)
class SendRequest(Node):
    fields: Object


@dataclass(frozen=True, slots=True)
class Again(Node):
    times: Number | None = None


@dataclass(frozen=True, slots=True)
class AskChanged(Node):
    """The request before, with other keys."""

    fields: Object


@dataclass(frozen=True, slots=True)
class Connect(Node):
    path: Text | Reference


@dataclass(frozen=True, slots=True)
class Send(Node):
    frame: Object


@dataclass(frozen=True, slots=True)
class Advance(Node):
    duration: Duration


@dataclass(frozen=True, slots=True)
class Expect(Node):
    condition: Condition


TestStep = SendRequest | Again | AskChanged | Connect | Send | Advance | Expect


@dataclass(frozen=True, slots=True)
class Test(Node):
    name: Text | Reference
    steps: tuple[TestStep, ...]


RuleItem = Rule | Given | ForEach
Item = Include | Let | LetWhen | Define | Defaults | Rule | Given | ForEach | Scenario | Socket | Test


@dataclass(frozen=True, slots=True)
class Script(Node):
    """One file."""

    items: tuple[Item, ...]


def walk(node: Node) -> Iterator[Node]:
    """The node and all nodes in it, in the order in which they are written."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly in it, in the order in which they are written."""
    for attribute in fields(node):
        value = getattr(node, attribute.name)
        for child in value if isinstance(value, tuple) and not isinstance(value, Span) else (value,):
            if isinstance(child, Node):
                yield child
