"""From the parser's reductions to nodes: one callback for each rule of the grammar, named as the rule is.

The parser keeps every token, so that a callback sees what was written: its children `c` are, in order, keywords
and punctuation (tokens) and finished nodes. What the grammar makes optional is there or it is not. A node spans
from its first child to its last. Most rules need no code of their own: `PLAIN` and `OPERATORS` list them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import local
from typing import Any

from lark import Token

from dsl import nodes
from dsl.literals import BadEscape, Decoded
from dsl.records import changed
from dsl.source import Source, Span

Children = Sequence[Any]

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBERS = {"NUMBER", "DURATION", "PERCENT"}
_TEXTS = {"TEXT", "LITERAL", "LONG_TEXT", "LONG_LITERAL"}

# Rules whose node takes their operands in the order in which they are written.
PLAIN: dict[str, type[nodes.Node]] = {
    "reply": nodes.Reply, "chunk": nodes.Chunk, "logprob": nodes.Logprob, "think": nodes.Think,
    "refuse": nodes.Refuse, "push": nodes.Push, "comment": nodes.Comment,
    "choice": nodes.Choice, "wait": nodes.Wait, "ttft": nodes.Ttft, "pace": nodes.Pace,
    "repeat": nodes.Repeat, "finish": nodes.Finish, "reset": nodes.Reset, "hang": nodes.Hang,
    "status": nodes.Status, "usage": nodes.Usage, "header": nodes.Header, "meta": nodes.Meta,
    "logprobs": nodes.Logprobs, "dialect": nodes.Dialect, "sequence": nodes.Sequence, "cycle": nodes.Cycle,
    "pick": nodes.Pick, "chance": nodes.Chance, "after": nodes.After, "every": nodes.Every,
    "use": nodes.Use, "go": nodes.Go, "remember": nodes.Remember, "include": nodes.Include,
    "constant": nodes.Let, "condition": nodes.LetWhen, "seed": nodes.Seed, "models": nodes.Models,
    "conversation": nodes.ConversationBy, "given": nodes.Given, "each": nodes.ForEach, "state": nodes.State,
    "on": nodes.On, "request": nodes.SendRequest, "again": nodes.Again,
    "changed": nodes.AskChanged, "connect": nodes.Connect,
    "send": nodes.Send, "advance": nodes.Advance, "expect": nodes.Expect,
    "uniform": nodes.Uniform, "jittered": nodes.Jittered, "range": nodes.Range, "negation": nodes.Not,
}  # fmt: skip

# Rules whose node holds all their operands as one tuple.
LISTS: dict[str, Callable[..., nodes.Node]] = {
    "array": nodes.List, "object": nodes.Object, "disjunction": nodes.Any, "conjunction": nodes.All,
    "block": nodes.Block, "body": nodes.Block, "defaults": nodes.Defaults, "reference": nodes.Reference,
}  # fmt: skip

OPERATORS = (
    "present", "equal", "not_equal", "member", "not_member", "contains", "contains_any", "contains_all",
    "mentions", "mentions_any", "starts_with", "ends_with", "matches", "has",
)  # fmt: skip


_LONGEST_NUMBER = 40  # digits


class BadToken(Exception):
    """A token that the grammar accepts and that means nothing: an unknown escape, a number too long."""

    def __init__(self, token: Token, span: Span) -> None:
        super().__init__(token, span)
        self.token = token
        self.span = span


class Group(tuple[Any, ...]):
    """Operands that stand between brackets of their own, on the way to the node that takes them."""

    span: Span


class Builder(local):
    """Callbacks for the parser. `source` is the text that is being parsed, in each thread one."""

    source: Source

    def start(self, c: Children) -> nodes.Script:
        return nodes.Script(tuple(self.operands(c)), span=Span(self.source, 0, len(self.source.text)))

    # -- values

    def text_literal(self, c: Children) -> nodes.Text:
        return self.text_of(c[0])

    def first(self, c: Children) -> Any:
        return next(iter(self.operands(c)), c[0])

    text = value = delay = tolerance = first

    def name(self, c: Children) -> nodes.Name:
        """A name that may be written as a text."""
        named = self.operand(c[0])
        return named if isinstance(named, nodes.Name) else nodes.Name(named.value, span=named.span)

    tool = name

    def event(self, c: Children) -> nodes.Name:
        """The type of an event, bare or as a text."""
        written = self.name(c).text if len(c) == 1 else "".join(str(token) for token in c)
        return nodes.Name(written, span=self.span(c))

    def pair(self, c: Children) -> nodes.Pair:
        return nodes.Pair(self.name(c), c[2], span=self.span(c))

    def true(self, c: Children) -> nodes.Constant:
        return nodes.Constant(True, span=self.span(c))

    def false(self, c: Children) -> nodes.Constant:
        return nodes.Constant(False, span=self.span(c))

    def null(self, c: Children) -> nodes.Constant:
        return nodes.Constant(None, span=self.span(c))

    def rate(self, c: Children) -> nodes.Rate:
        if sum(map(str.isdigit, c[0])) > _LONGEST_NUMBER:
            raise BadToken(c[0], self.span(c))
        amount, unit = str(c[0]).removesuffix("/s").rstrip("s").rstrip(), ""
        while amount[-1].isalpha():
            amount, unit = amount[:-1], amount[-1] + unit
        return nodes.Rate(float(amount), unit, span=self.span(c))

    def regex(self, c: Children) -> nodes.Regex:
        pattern, _, flags = str(c[0])[1:].rpartition("/")
        return nodes.Regex(pattern, flags, span=self.span(c))

    def group(self, c: Children) -> Group:
        group = Group(self.operands(c))
        group.span = self.span(c)
        return group

    steps = arguments = params = rules = clean = binary = group

    # -- conditions

    def field(self, c: Children) -> nodes.Field:
        base, *steps = self.operands(c)
        path: list[str | int] = []
        for step in steps:
            if isinstance(step, nodes.Number):
                path.append(int(step.value))
            else:
                path.append(step.text if isinstance(step, nodes.Name) else step.value)
        return nodes.Field(base, tuple(path), span=self.span(c))

    def comparison(self, operator: str, c: Children) -> nodes.Comparison:
        field, *operand = self.operands(c)
        ignoring_case = isinstance(c[-1], Group)
        return nodes.Comparison(
            field, operator, None if not operand else operand[0], ignoring_case, span=self.span(c)
        )

    def case(self, c: Children) -> Group:
        return self.group(c)

    def ordered(self, c: Children) -> nodes.Comparison:
        return self.comparison(str(c[1]), c)

    # -- statements

    def call(self, c: Children) -> nodes.Call:
        call_id, chunks = self.operand_after("ID", c), self.operand_after("IN", c)
        return nodes.Call(c[1], c[2], call_id, chunks, span=self.span(c))

    def raw(self, c: Children) -> nodes.Raw:
        text = c[1]
        if isinstance(text, nodes.Text):  # only here an escape can stand for a byte that is no character
            text = changed(text, value=Decoded(text.span.text, byte_escapes=True).value)
        return nodes.Raw(text, len(c) > 2, span=self.span(c))

    def fail(self, c: Children) -> nodes.Fail:
        status = self.operand_after("FAIL", c)
        if not isinstance(status, nodes.Number):
            status = None
        message = self.operand_after("NUMBER" if status else "FAIL", c)
        return nodes.Fail(
            status,
            message,
            self.operand_after("AS", c),
            self.operand_after("PARAM", c),
            self.operand_after("AFTER", c),
            span=self.span(c),
        )

    def cut(self, c: Children) -> nodes.Cut:
        return nodes.Cut(len(c) > 1, span=self.span(c))

    def close(self, c: Children) -> nodes.Close:
        code = self.operand_after("CLOSE", c)
        if not isinstance(code, nodes.Number):
            return nodes.Close(None, code, span=self.span(c))
        return nodes.Close(code, self.operand_after("NUMBER", c), span=self.span(c))

    def split(self, c: Children) -> nodes.Split:
        cutting: nodes.Split = c[1]
        return changed(cutting, span=self.span(c))

    def split_every(self, c: Children) -> nodes.Split:
        return nodes.Split("every", self.operand_after("EVERY", c), span=self.span(c))

    def split_at(self, c: Children) -> nodes.Split:
        return nodes.Split("at", self.operand_after("AT", c), span=self.span(c))

    def split_crlf(self, c: Children) -> nodes.Split:
        return nodes.Split("crlf", span=self.span(c))

    def step(self, c: Children) -> nodes.Step:
        *weight, body = self.operands(c)
        return nodes.Step(weight[0] if weight else None, body, span=self.span(c))

    def budget(self, c: Children) -> nodes.Name:
        return nodes.Name(str(c[0]).rstrip("s"), span=self.span(c))

    def limit(self, c: Children) -> nodes.Limit:
        amount, budget, period = self.operands(c)
        return nodes.Limit(amount, budget.text, period, span=self.span(c))

    def count(self, c: Children) -> nodes.Count:
        (amount,) = self.operands(c)
        return nodes.Count(amount, str(c[-1]).rstrip("s"), span=self.span(c))

    after_chunks = after_bytes = count

    # -- declarations

    def define(self, c: Children) -> nodes.Define:
        name, *parameters, body = self.operands(c)
        return nodes.Define(name, parameters[0] if parameters else (), body, span=self.span(c))

    def rule(self, c: Children) -> nodes.Rule:
        *name, condition, body = self.operands(c)
        guard = condition.span
        if isinstance(condition, Otherwise):
            condition = None
        else:  # with the parentheses around it
            first = next(at for at, child in enumerate(c) if isinstance(child, Token) and child.type == "WHEN") + 1
            guard = self.span(c[first:-1])
        return nodes.Rule(name[0] if name else None, condition, body, guard=guard, span=self.span(c))

    def otherwise(self, c: Children) -> Otherwise:
        return Otherwise(span=self.span(c))

    def scenario(self, c: Children) -> nodes.Scenario:
        name, *rest = self.operands(c)
        by = rest.pop(0) if isinstance(rest[0], nodes.Field) else None
        return nodes.Scenario(name, by, tuple(rest), span=self.span(c))

    def socket(self, c: Children) -> nodes.Socket:
        path, *items = self.operands(c)
        return nodes.Socket(path, tuple(items), span=self.span(c))

    def test(self, c: Children) -> nodes.Test:
        name, *steps = self.operands(c)
        return nodes.Test(name, tuple(steps), span=self.span(c))

    # -- from children to operands

    def span(self, c: Children) -> Span:
        first, last = c[0], c[-1]
        start = first.start_pos or 0 if isinstance(first, Token) else first.span.start
        end = last.end_pos or 0 if isinstance(last, Token) else last.span.end
        return Span(self.source, start, end)

    def operands(self, c: Children) -> list[Any]:
        """The children that carry a value: nodes, and tokens other than keywords and punctuation as nodes."""
        return [operand for child in c if (operand := self.operand(child)) is not None]

    def operand(self, child: Any) -> Any:
        if not isinstance(child, Token):
            return child
        kind = child.type
        if kind == "NAME":
            return nodes.Name(str(child), span=self.span((child,)))
        if kind in _NUMBERS and sum(map(str.isdigit, child)) > _LONGEST_NUMBER:
            raise BadToken(child, self.span((child,)))
        if kind == "NUMBER":
            value = float(child) if "." in child else int(child)
            return nodes.Number(value, span=self.span((child,)))
        if kind == "DURATION":
            digits = str(child).rstrip("umsh")
            return nodes.Duration(float(digits) * _SECONDS[child[len(digits) :]], span=self.span((child,)))
        if kind == "PERCENT":
            return nodes.Percent(float(child[:-1]) / 100, span=self.span((child,)))
        if kind == "EXPR":
            return nodes.Expression(str(child[2:-2]), span=self.span((child,)))
        return self.text_of(child) if kind in _TEXTS else None

    def operand_after(self, keyword: str, c: Children) -> Any:
        """The operand that directly follows the token of type `keyword`, or None."""
        for at, child in enumerate(c[:-1]):
            if isinstance(child, Token) and child.type == keyword:
                return self.operand(c[at + 1])
        return None

    def text_of(self, token: Token) -> nodes.Text:
        raw = str(token)
        template = raw[0] == '"'
        if "\\" not in raw and "\n" not in raw:
            return nodes.Text(raw[1:-1], template, span=self.span((token,)))
        try:
            return nodes.Text(Decoded(raw).value, template, span=self.span((token,)))
        except BadEscape as bad:
            start = token.start_pos or 0
            raise BadToken(token, Span(self.source, start + bad.start, start + bad.end)) from None


class Otherwise(nodes.Node, frozen=True):
    """The word that stands where a rule's condition would."""


def _plain(node: type[nodes.Node]) -> Callable[[Builder, Children], nodes.Node]:
    def build(self: Builder, c: Children) -> nodes.Node:
        return node(*self.operands(c), span=self.span(c))

    return build


def _list(node: Callable[..., nodes.Node]) -> Callable[[Builder, Children], nodes.Node]:
    def build(self: Builder, c: Children) -> nodes.Node:
        return node(tuple(self.operands(c)), span=self.span(c))

    return build


def _operator(operator: str) -> Callable[[Builder, Children], nodes.Node]:
    def build(self: Builder, c: Children) -> nodes.Node:
        return self.comparison(operator, c)

    return build


def _define(callbacks: Iterable[tuple[str, Callable[[Builder, Children], nodes.Node]]]) -> None:
    for rule, callback in callbacks:
        setattr(Builder, rule, callback)


_define((rule, _plain(node)) for rule, node in PLAIN.items())
_define((rule, _list(node)) for rule, node in LISTS.items())
_define((operator, _operator(operator)) for operator in OPERATORS)
