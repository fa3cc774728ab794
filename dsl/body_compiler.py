"""Bodies from nodes to statements that can be performed, with everything that can be told before they are.

One method compiles one kind of node, and is called `visit_` and the node's name. A mistake is reported and
compiled to nothing: a script with errors is never performed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from dsl import fields, nodes, statements, timeline
from dsl.condition_compiler import DEEPEST_NAMES, MOST_NAMES, Captures
from dsl.diagnostics import Diagnostics, Label, did_you_mean, one_of
from dsl.helpers import HELPERS
from dsl.literals import Decoded
from dsl.performance import Jitter, Pace, Statement
from dsl.resolver import Names
from dsl.source import Span
from dsl.templates import BadTemplate, Template, has_markup
from dsl.values import ListMaker, Literal, Maker, ObjectMaker, Rendered, Variable

FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")
USAGE_KEYS = ("input", "output", "cached", "reasoning")
ENDINGS = (nodes.Fail, nodes.Cut, nodes.Reset, nodes.Hang, nodes.Close)
SAYING = (nodes.Reply, nodes.Chunk, nodes.Think, nodes.Call, nodes.Refuse)
LATER = {nodes.Logprobs: "logprobs", nodes.Dialect: "dialect", nodes.Split: "split", nodes.Limit: "limit"}

_JSON_WORDS = ("true", "false", "null")
_NOTHING = statements.Block(())


@dataclass(frozen=True)
class Context:
    """Where a body stands: the key of its rule, the captures of its condition, the names of its blocks.

    `socket` is whether it may only be performed on a socket, or may be for all that is known.
    """

    key: str
    captures: Captures = Captures()  # noqa: RUF009 (it is immutable)
    locals: frozenset[str] = frozenset()
    socket: bool = False


class BodyCompiler:
    def __init__(self, names: Names, diagnostics: Diagnostics) -> None:
        self._names = names
        self._diagnostics = diagnostics
        self._context = Context("")
        self._counters = 0
        self._open: dict[str, Span] = {}  # what is being put in its place, and where
        self._expanded = 0
        self._endless: set[frozenset[str]] = set()  # circles that are reported

    def compile(self, body: nodes.Action, context: Context) -> Statement:
        """The body of a rule, or one setting of the defaults."""
        self._context = context
        self._counters = 0
        self._expanded = 0
        return self._visit(body)

    def constants(self) -> dict[str, Maker]:
        """The constants that templates can print, by name."""
        self._context = Context("", Captures(unknown=True))  # a rule that prints one may capture what it needs
        found: dict[str, Maker] = {}
        for name, let in self._names.constants.items():
            self._expanded = 0
            reference = nodes.Reference((let.name,), span=let.name.span)
            if not isinstance(self._names.constant(reference), nodes.Regex | nodes.Rate | nodes.Jittered):
                found[name] = self._reference(reference)
        return found

    def timer(self, delay: nodes.Delay) -> statements.Delay:
        """The delay of a timer of a socket, which cannot be a parameter."""
        self._context = Context("")
        compiled = self._delay(delay)
        assert isinstance(compiled, statements.Delay)
        return compiled

    def _visit(self, node: nodes.Node) -> Statement:
        if type(node) in LATER:
            self._refuse("E299", f"`{LATER[type(node)]}` is not supported yet", node.span)
            return _NOTHING
        visitor: Callable[[Any], Statement] = getattr(self, f"visit_{type(node).__name__}")
        return visitor(node)

    # -- what is said

    def visit_Reply(self, node: nodes.Reply) -> Statement:
        return statements.Reply(self._value(node.value), self._chunks(node.chunks))

    def visit_Chunk(self, node: nodes.Chunk) -> Statement:
        logprob = None
        if node.logprob is not None:
            pairs = node.logprob.top.pairs if node.logprob.top else ()
            top = tuple((pair.key.text, self._literal_number(pair.value)) for pair in pairs)
            logprob = statements.Logprob(node.logprob.logprob.value, top)
        return statements.Chunk(self._value(node.text), logprob)

    def visit_Think(self, node: nodes.Think) -> Statement:
        return statements.Think(self._value(node.text), self._chunks(node.chunks))

    def visit_Refuse(self, node: nodes.Refuse) -> Statement:
        return statements.Refuse(self._value(node.text), self._chunks(node.chunks))

    def visit_Call(self, node: nodes.Call) -> Statement:
        arguments = self._value(node.arguments)
        if isinstance(node.arguments, nodes.List):
            if node.chunks is not None:
                help = "each of them is one chunk: leave out the `in`"
                self._refuse("E215", "a list of fragments cannot be cut into chunks", node.chunks.span, help=help)
            makers = tuple(self._value(item) for item in node.arguments.items)
            arguments = ListMaker(node.arguments, makers)  # never folded: its items are the fragments
        return statements.Call(
            node.tool.text, arguments, None if node.id is None else self._value(node.id), self._chunks(node.chunks)
        )

    def visit_Raw(self, node: nodes.Raw) -> Statement:
        return statements.Raw(self._value(node.text))

    def visit_Comment(self, node: nodes.Comment) -> Statement:
        return statements.Comment(self._value(node.text))

    def visit_Push(self, node: nodes.Push) -> Statement:
        self._check_socket("push", node.span)
        return statements.Push(self._value(node.value))

    def _check_socket(self, word: str, span: Span) -> None:
        if not self._context.socket:
            help = "put the rule into a `socket` block, or add `transport is websocket` to its condition"
            self._refuse("E221", f"`{word}` stands where there is no socket", span, help=help)

    # -- when it is said

    def visit_Wait(self, node: nodes.Wait) -> Statement:
        return statements.Wait(self._delay(node.delay))

    def visit_Ttft(self, node: nodes.Ttft) -> Statement:
        return statements.Ttft(self._delay(node.delay))

    def visit_Pace(self, node: nodes.Pace) -> Statement:
        rate: nodes.Node | None = node.rate
        if isinstance(rate, nodes.Reference):
            rate = self._names.constant(rate)
        if not isinstance(rate, nodes.Rate):
            self._unknown(node.rate, "a rate like `40 tok/s`", rate)
            return _NOTHING
        if rate.amount <= 0:
            self._refuse("E211", "a pace of 0 gets nowhere", node.rate.span, help="to stop for good, write `hang`")
            return _NOTHING
        return statements.SetPace(Pace(rate.amount, rate.unit, self._jitter(node.tolerance)))

    def visit_Repeat(self, node: nodes.Repeat) -> Statement:
        count = self._whole(node.count, 0, "a number of times")
        with self._with_locals(["loop"]):
            return statements.Repeat(count, self._visit(node.body))

    # -- how it ends

    def visit_Finish(self, node: nodes.Finish) -> Statement:
        if node.reason.text not in FINISH_REASONS:
            known = f"a reason is {one_of(f'`{reason}`' for reason in FINISH_REASONS)}"
            help = did_you_mean(node.reason.text, FINISH_REASONS) or known
            self._refuse("E207", f"unknown finish reason `{node.reason.text}`", node.reason.span, help=help)
        return statements.Finish(node.reason.text)

    def visit_Fail(self, node: nodes.Fail) -> Statement:
        status = None
        if node.status is not None:
            status = self._whole(node.status, 400, "the status of an error", 599)
        message, code, param = (
            None if text is None else self._value(text) for text in (node.message, node.code, node.param)
        )
        retry_after = node.retry_after.seconds if node.retry_after else None
        return statements.Fail(status, message, code, param, retry_after)

    def visit_Cut(self, node: nodes.Cut) -> Statement:
        return statements.Cut(node.clean)

    def visit_Reset(self, node: nodes.Reset) -> Statement:
        return statements.Reset()

    def visit_Hang(self, node: nodes.Hang) -> Statement:
        return statements.Hang(node.duration.seconds if node.duration else None)

    def visit_Close(self, node: nodes.Close) -> Statement:
        self._check_socket("close", node.span)
        code = 1000
        if node.code is not None:
            code = self._whole(node.code, 1000, "the code of a close", 4999)
            if code in (1004, 1005, 1006, 1015) or 1015 < code < 3000:
                message = f"no close frame may carry the code {code}"
                self._refuse("E211", message, node.code.span, help="own codes are those from 3000 to 4999")
        return statements.Close(code, None if node.reason is None else self._value(node.reason))

    # -- what surrounds it

    def visit_Status(self, node: nodes.Status) -> Statement:
        return statements.Status(self._whole(node.code, 200, "an HTTP status", 599))

    def visit_Usage(self, node: nodes.Usage) -> Statement:
        for pair in node.counts.pairs:
            if pair.key.text not in USAGE_KEYS:
                known = f"a count is {one_of(f'`{key}`' for key in USAGE_KEYS)}"
                help = did_you_mean(pair.key.text, USAGE_KEYS) or known
                self._refuse("E212", f"unknown count `{pair.key.text}`", pair.key.span, help=help)
        return statements.Usage(self._value(node.counts))

    def visit_Header(self, node: nodes.Header) -> Statement:
        return statements.Header(self._value(node.name), self._value(node.value))

    def visit_Meta(self, node: nodes.Meta) -> Statement:
        return statements.Meta(self._value(node.keys))

    # -- which of it happens

    def visit_Block(self, node: nodes.Block) -> Statement:
        self._warn_of_dead_code(node)
        body: list[Statement] = []
        choices: list[Statement] = []
        for statement in node.statements:
            if isinstance(statement, nodes.Choice):
                if not choices:
                    body.append(_NOTHING)
                    place = len(body) - 1
                choices.append(self._visit(statement.body))
                body[place] = statements.Choices(tuple(choices))
            else:
                body.append(self._visit(statement))
        return statements.Block(tuple(body))

    def visit_Choice(self, node: nodes.Choice) -> Statement:
        return statements.Choices((self._visit(node.body),))

    def visit_Sequence(self, node: nodes.Sequence) -> Statement:
        counter = self._counter()
        return statements.Sequence(tuple(self._steps(node.steps)), counter)

    def visit_Cycle(self, node: nodes.Cycle) -> Statement:
        counter = self._counter()
        return statements.Cycle(tuple(self._steps(node.steps)), counter)

    def visit_Pick(self, node: nodes.Pick) -> Statement:
        given = sum(step.weight.fraction for step in node.steps if step.weight)
        if given > 1 + 1e-9:
            self._refuse("E213", f"the weights of this `pick` add up to {given:.0%}", node.span)
        left = [step for step in node.steps if step.weight is None]
        share = max(0.0, 1 - given) / len(left) if left else 0.0
        weights = [step.weight.fraction if step.weight else share for step in node.steps]
        bodies = [self._visit(step.body) for step in node.steps]
        return statements.Pick(tuple(zip(weights, bodies, strict=True)))

    def visit_Chance(self, node: nodes.Chance) -> Statement:
        return statements.Chance(self._share(node.percent), self._visit(node.body))

    def visit_After(self, node: nodes.After) -> Statement:
        if not isinstance(node.trigger, nodes.Count):
            return statements.AfterTime(self._delay(node.trigger), self._visit(node.body))
        count = self._whole(node.trigger.amount, 0, f"a number of {node.trigger.unit}s")
        if node.trigger.unit == "chunk":
            return statements.AfterChunks(count, self._visit(node.body))
        body = self._visit(node.body)
        ending: timeline.Cut | timeline.Reset | timeline.Hang = timeline.Cut(0)
        if isinstance(body, statements.Block) and len(body.statements) == 1:
            body = body.statements[0]
        if isinstance(body, statements.Reset):
            ending = timeline.Reset(0)
        elif isinstance(body, statements.Hang):
            ending = timeline.Hang(0, body.seconds)
        elif not isinstance(body, statements.Cut) or body.clean:
            help = "bytes are counted as they leave: only `cut`, `reset` or `hang` can happen there"
            self._refuse("E214", "this cannot happen after a number of bytes", node.body.span, help=help)
        return statements.AfterBytes(count, ending)

    def visit_Use(self, node: nodes.Use) -> Statement:
        name = node.block.text
        block = self._names.blocks.get(name)
        if block is None:
            help = did_you_mean(name, self._names.blocks) or f"name it with `define {name} {{ … }}`"
            self._refuse("E205", f"no block is called `{name}`", node.block.span, help=help)
            return _NOTHING
        if not self._can_open(f"{name}()", node.block.span):
            return _NOTHING
        if len(node.arguments) != len(block.parameters):
            needed, given = len(block.parameters), len(node.arguments)
            message = f"`{name}` takes {needed} argument{'' if needed == 1 else 's'}, and is given {given}"
            self._refuse("E220", message, node.span, secondary=Label(block.name.span, "the block"))
            return _NOTHING
        makers = [self._value(argument) for argument in node.arguments]
        names = [parameter.text for parameter in block.parameters]
        self._open[f"{name}()"] = node.block.span
        with self._with_locals(names):
            body = self._visit(block.body)
        self._open.popitem()
        return statements.Use(tuple(zip(names, makers, strict=True)), body)

    def visit_Every(self, node: nodes.Every) -> Statement:
        help = "write it into a `socket` block itself, or use `repeat`"
        self._refuse("E222", "`every` stands inside of a body", node.span, help=help)
        return _NOTHING

    def visit_Go(self, node: nodes.Go) -> Statement:
        self._refuse("E206", "`go` stands outside a scenario", node.span)
        return _NOTHING

    def visit_Remember(self, node: nodes.Remember) -> Statement:
        return statements.Remember(node.name.text, self._value(node.value))

    def _steps(self, steps: Iterable[nodes.Step]) -> Iterator[Statement]:
        for step in steps:
            if step.weight is not None:
                self._refuse("E213", "only the steps of a `pick` have weights", step.weight.span)
            yield self._visit(step.body)

    def _counter(self) -> str:
        self._counters += 1
        return f"{self._context.key}#{self._counters}"

    def _warn_of_dead_code(self, block: nodes.Block) -> None:
        for number, statement in enumerate(block.statements):
            said = next((each for each in block.statements[number + 1 :] if isinstance(each, SAYING)), None)
            if isinstance(statement, nodes.Finish) and said is not None:
                label = Label(statement.span, "`finish` ends what is said here")
                self._diagnostics.report("W403", "this is never reached", said.span, secondary=label)
                break
        for ending, dead in zip(block.statements, block.statements[1:], strict=False):
            if isinstance(ending, ENDINGS):
                word = type(ending).__name__.lower()
                label = Label(ending.span, f"`{word}` ends the answer here")
                self._diagnostics.report("W403", "this is never reached", dead.span, secondary=label)
                break

    # -- operands

    def _chunks(self, node: nodes.Number | None) -> int | None:
        return None if node is None else self._whole(node, 1, "a number of chunks")

    def _whole(self, node: nodes.Number, least: int, what: str, most: int = 1_000_000) -> int:
        if not isinstance(node.value, int) or not least <= node.value <= most:
            help = f"write a whole number from {least} to {most}"
            self._refuse("E211", f"`{node.span.text}` is not {what}", node.span, help=help)
            return least
        return node.value

    def _share(self, node: nodes.Percent) -> float:
        if node.fraction > 1:
            self._refuse("E213", f"a chance of `{node.span.text}` is more than 100%", node.span)
        return node.fraction

    def _literal_number(self, node: nodes.Value) -> float:
        if not isinstance(node, nodes.Number):
            self._refuse("E211", f"`{node.span.brief}` is not a log probability", node.span, help="write a number")
            return 0.0
        return node.value

    def _delay(self, node: nodes.Delay) -> statements.Delay | statements.GivenDelay:
        value: nodes.Node | None = node
        if isinstance(node, nodes.Reference):
            if node.path[0].text in self._context.locals:
                return statements.GivenDelay(self._value(node))
            value = self._names.constant(node)
        if isinstance(value, nodes.Duration):
            return statements.Delay(value.seconds, value.seconds)
        if isinstance(value, nodes.Jittered):
            seconds = value.duration.seconds
            return statements.Delay(seconds, seconds, self._jitter(value.tolerance))
        if isinstance(value, nodes.Uniform):
            low, high = value.low.seconds, value.high.seconds
            if low > high:
                help = f"did you mean `{value.high.span.text}..{value.low.span.text}`?"
                self._diagnostics.report("W405", "this range is empty", value.span, help=help)
            return statements.Delay(low, max(low, high))
        self._unknown(node, "a duration like `50ms`", value)
        return statements.Delay(0, 0)

    @staticmethod
    def _jitter(tolerance: nodes.Duration | nodes.Percent | None) -> Jitter:
        if isinstance(tolerance, nodes.Percent):
            return Jitter(share=tolerance.fraction)
        return Jitter(seconds=tolerance.seconds) if tolerance else Jitter()

    def _unknown(self, node: nodes.Node, wanted: str, found: nodes.Node | None) -> None:
        """Report a bare name that stands for nothing, or for something else than what is wanted."""
        name = node.span.text
        if found is not None:
            self._refuse("E202", f"`{name}` is not {wanted}", node.span)
        else:
            help = did_you_mean(name, self._names.constants) or f"write {wanted}"
            self._refuse("E203", f"nothing is called `{name}`", node.span, help=help)

    # -- values

    def _value(self, node: nodes.Node) -> Maker:
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
            items = tuple(self._value(item) for item in node.items)
            if all(isinstance(item, Literal) for item in items):
                return Literal(node, [item.value for item in items if isinstance(item, Literal)])
            return ListMaker(node, items)
        if isinstance(node, nodes.Object):
            return self._object(node)
        assert isinstance(node, nodes.Reference)
        return self._reference(node)

    def _object(self, node: nodes.Object) -> Maker:
        seen: dict[str, nodes.Name] = {}
        for pair in node.pairs:
            first = seen.setdefault(pair.key.text, pair.key)
            if first is not pair.key:
                label = Label(first.span, "the first")
                self._refuse("E204", f"two keys are called `{pair.key.text}`", pair.key.span, "the second", label)
        pairs = tuple((pair.key.text, self._value(pair.value)) for pair in node.pairs)
        if all(isinstance(value, Literal) for _, value in pairs):
            return Literal(node, {key: value.value for key, value in pairs if isinstance(value, Literal)})
        return ObjectMaker(node, pairs)

    def _reference(self, node: nodes.Reference) -> Maker:
        if node.path[0].text in self._context.locals:
            return Variable(node, tuple(name.text for name in node.path))
        value = self._names.constant(node)
        if value is None:
            first = node.path[0].text
            if first in fields.CATALOGUE or first in self._context.captures.all:
                help: str | None = (
                    f'what a request or a condition gives stands in a template: "{{{{ {node.text} }}}}"'
                )
            else:
                help = did_you_mean(node.text, {*self._names.constants, *self._context.locals, *_JSON_WORDS})
            help = help or f'for the text itself, write "{node.text}"'
            self._refuse("E203", f"nothing is called `{node.text}`", node.span, help=help)
            return Literal(node, "")
        if isinstance(value, nodes.Regex | nodes.Rate | nodes.Jittered):
            self._refuse("E202", f"`{node.text}` is not a value that can be said", node.span)
            return Literal(node, "")
        if not self._can_open(node.text, node.span):
            return Literal(node, "")
        self._open[node.text] = node.span
        maker = self._value(value)
        self._open.popitem()
        return maker

    def _can_open(self, name: str, span: Span) -> bool:
        """Whether a block or a constant can be put in its place: what refers to itself, or doubles, has no end."""
        self._expanded += 1
        if name in self._open:
            circle = [*self._open][[*self._open].index(name) :]
            if frozenset(circle) not in self._endless:
                self._endless.add(frozenset(circle))
                label = f"by way of `{circle[1].removesuffix('()')}`" if len(circle) > 1 else ""
                self._refuse("E208", f"`{name.removesuffix('()')}` refers to itself", span, label)
            return False
        if len(self._open) < DEEPEST_NAMES and self._expanded <= MOST_NAMES:
            return True
        if frozenset() not in self._endless:
            self._endless.add(frozenset())
            outer, place = next(iter(self._open.items()), (name, span))
            self._refuse("E208", f"`{outer.removesuffix('()')}` is made of too many parts", place)
        return False

    # -- templates

    def _template(self, node: nodes.Text | nodes.Expression) -> Maker:
        typed = isinstance(node, nodes.Expression)
        try:
            template = Template(node.source if isinstance(node, nodes.Expression) else node.value, typed)
        except BadTemplate as bad:
            self._refuse("E302", f"invalid template: {bad.message}", self._row(node, bad.line), help=bad.help)
            return Literal(node, "")
        if not self._context.captures.unknown:
            self._check_names(node, template)
        bound = self._context.captures.all | self._context.locals
        for name in sorted(template.names & self._names.constants.keys() - bound):
            let = self._names.constants[name]
            self._reference(nodes.Reference((nodes.Name(name, span=let.name.span),), span=let.name.span))
        return Rendered(node, template)

    def _check_names(self, node: nodes.Text | nodes.Expression, template: Template) -> None:
        """Report the names that can never be there when the template is rendered."""
        captures = self._context.captures
        known = {*fields.CATALOGUE, *HELPERS, *self._names.constants, *captures.all, *self._context.locals}
        for name in sorted(template.names - known):
            bound = one_of(f"`{capture}`" for capture in sorted(captures.all)) if captures.all else "nothing"
            help = did_you_mean(name, known) or f"the condition captures {bound}"
            if name == "loop":
                help = "`loop` is there inside `repeat` and `{% for %}`"
            self._refuse(
                "E301", f"undefined template variable `{name}`", self._find(node, template, name), help=help
            )
        for name in sorted(template.names & captures.sometimes - template.handled):
            help = f"give it a default, as in `{{{{ {name} | default('?') }}}}`"
            message = f"`{name}` is captured in only one branch of the `or`"
            self._refuse("E304", message, self._find(node, template, name), help=help)

    def _find(self, node: nodes.Text | nodes.Expression, template: Template, name: str) -> Span:
        return self._inside(node, *template.find(name))

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

    @contextmanager
    def _with_locals(self, names: Iterable[str]) -> Iterator[None]:
        outer = self._context
        self._context = replace(outer, locals=outer.locals | frozenset(names))
        yield
        self._context = outer

    def _refuse(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        secondary: Label | None = None,
        *,
        help: str | None = None,
    ) -> None:
        self._diagnostics.report(code, message, span, label, secondary=secondary, help=help)
