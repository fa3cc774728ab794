"""Bodies from nodes to statements that can be performed, with everything that can be told before they are.

One method compiles one kind of node, and is called `visit_` and the node's name. A mistake is reported and
compiled to nothing: a script with errors is never performed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dsl import nodes, statements, timeline
from dsl.dead_code import check_dead_code
from dsl.diagnostics import Diagnostics, Label, did_you_mean, one_of
from dsl.guards import Captures
from dsl.limits import Limit
from dsl.logprobs import MOST_ALTERNATIVES
from dsl.performance import Statement
from dsl.phrases import count_hint, failure_hint
from dsl.resolver import Names
from dsl.source import Span
from dsl.testing.coverage import Step
from dsl.time_compiler import TimeCompiler
from dsl.times import Delay
from dsl.value_compiler import Context, ValueCompiler
from dsl.values import ListMaker, Literal, Maker

FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")
# The shapes of tool calls that gateways send: see `Timeline.dialect`.
DIALECTS = (
    "standard",
    "shared-index",
    "no-index",
    "mixed-index",
    "start-at-one",
    "no-id",
    "empty-id",
    "arguments-first",
    "repeated-name",
)
USAGE_KEYS = ("input", "output", "cached", "reasoning")
MOST_OF_A_LIMIT = 1_000_000_000

_NOTHING = statements.Block(())


class BodyCompiler:
    def __init__(self, names: Names, diagnostics: Diagnostics) -> None:
        self._names = names
        self._diagnostics = diagnostics
        self._values = ValueCompiler(names, diagnostics)
        self._times = TimeCompiler(names, self._values, diagnostics)
        self._counters = 0

    def compile(self, body: nodes.Action, context: Context) -> Statement:
        """The body of a rule, or one setting of the defaults."""
        self._values.begin(context)
        self._counters = 0
        return self._visit(body)

    def constants(self) -> dict[str, Maker]:
        """The constants that templates can print, by name."""
        context = Context("", Captures(unknown=True))  # a rule that prints one may capture what it needs
        found: dict[str, Maker] = {}
        for name, let in self._names.constants.items():
            self._values.begin(context)
            reference = nodes.Reference((let.name,), span=let.name.span)
            unsaid = nodes.Regex | nodes.Rate | nodes.Jittered | nodes.Uniform
            if not isinstance(self._names.constant(reference), unsaid):
                found[name] = self._values.reference(reference)
        return found

    def item(self, node: nodes.Node, context: Context) -> Maker:
        """A value that no statement says: an item of the list of a `for each`."""
        self._values.begin(context)
        return self._values.value(node)

    def timer(self, delay: nodes.Delay) -> Delay:
        """The delay of a timer of a socket, which cannot be a parameter."""
        self._values.begin(Context(""))
        compiled = self._times.delay(delay)
        assert isinstance(compiled, Delay)
        return compiled

    def _visit(self, node: nodes.Node) -> Statement:
        visitor: Callable[[Any], Statement] = getattr(self, f"visit_{type(node).__name__}")
        return visitor(node)

    # -- what is said

    def visit_Reply(self, node: nodes.Reply) -> Statement:
        return statements.Reply(self._values.value(node.value), self._chunks(node.chunks))

    def visit_Chunk(self, node: nodes.Chunk) -> Statement:
        logprob = None
        if node.logprob is not None:
            pairs = node.logprob.top.pairs if node.logprob.top else ()
            top = tuple((pair.key.text, self._literal_number(pair.value)) for pair in pairs)
            logprob = statements.Logprob(node.logprob.logprob.value, top)
        return statements.Chunk(self._values.value(node.text), logprob)

    def visit_Think(self, node: nodes.Think) -> Statement:
        return statements.Think(self._values.value(node.text), self._chunks(node.chunks))

    def visit_Refuse(self, node: nodes.Refuse) -> Statement:
        return statements.Refuse(self._values.value(node.text), self._chunks(node.chunks))

    def visit_Call(self, node: nodes.Call) -> Statement:
        arguments = self._values.value(node.arguments)
        if isinstance(node.arguments, nodes.List):
            if node.chunks is not None:
                help = "each of them is one chunk: leave out the `in`"
                self._diagnostics.report(
                    "E215", "a list of fragments cannot be cut into chunks", node.chunks.span, help=help
                )
            makers = tuple(self._values.value(item) for item in node.arguments.items)
            arguments = ListMaker(node.arguments, makers)  # never folded: its items are the fragments
        return statements.Call(
            node.tool.text,
            arguments,
            None if node.id is None else self._values.value(node.id),
            self._chunks(node.chunks),
        )

    def visit_Raw(self, node: nodes.Raw) -> Statement:
        return statements.Raw(self._values.value(node.text), node.binary)

    def visit_Comment(self, node: nodes.Comment) -> Statement:
        return statements.Comment(self._values.value(node.text))

    def visit_Push(self, node: nodes.Push) -> Statement:
        self._check_socket("push", node.span)
        return statements.Push(self._values.value(node.value))

    def _check_socket(self, word: str, span: Span) -> None:
        if not self._values.context.socket:
            help = "put the rule into a `socket` block, or add `transport is websocket` to its condition"
            self._diagnostics.report("E221", f"`{word}` stands where there is no socket", span, help=help)

    # -- when it is said

    def visit_Wait(self, node: nodes.Wait) -> Statement:
        return statements.Wait(self._times.delay(node.delay))

    def visit_Ttft(self, node: nodes.Ttft) -> Statement:
        return statements.Ttft(self._times.delay(node.delay))

    def visit_Pace(self, node: nodes.Pace) -> Statement:
        pace = self._times.pace(node)
        return _NOTHING if pace is None else statements.SetPace(pace)

    def visit_Repeat(self, node: nodes.Repeat) -> Statement:
        count = self._whole(node.count, 0, "a number of times")
        with self._values.with_locals(["loop"]):
            return statements.Repeat(count, self._visit(node.body))

    # -- how it ends

    def visit_Finish(self, node: nodes.Finish) -> Statement:
        self._check_known(node.reason, FINISH_REASONS, "finish reason", "a reason")
        return statements.Finish(node.reason.text)

    def visit_Fail(self, node: nodes.Fail) -> Statement:
        status = None
        if node.status is not None:
            status = self._whole(node.status, 400, "the status of an error", 599)
        if isinstance(node.message, nodes.Reference) and not self._values.is_known(node.message):
            name = node.message
            self._diagnostics.report(
                "E203", f"nothing is called `{name.text}`", name.span, help=failure_hint(name.text)
            )
        message, code, param = (
            None if text is None else self._values.value(text) for text in (node.message, node.code, node.param)
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
            # Those that RFC 6455 (7.4) reserves, too: to send one is a fault that clients must survive.
            code = self._whole(node.code, 1000, "the code of a close", 4999)
        return statements.Close(code, None if node.reason is None else self._values.value(node.reason))

    # -- what surrounds it

    def visit_Status(self, node: nodes.Status) -> Statement:
        return statements.Status(self._whole(node.code, 200, "an HTTP status", 599))

    def visit_Usage(self, node: nodes.Usage) -> Statement:
        for pair in node.counts.pairs:
            if pair.key.text not in USAGE_KEYS:
                known = f"a count is {one_of(f'`{key}`' for key in USAGE_KEYS)}"
                help = count_hint(pair.key.text) or did_you_mean(pair.key.text, USAGE_KEYS) or known
                self._diagnostics.report("E212", f"unknown count `{pair.key.text}`", pair.key.span, help=help)
            self._check_count(pair)
        return statements.Usage(self._values.value(node.counts))

    def _check_count(self, pair: nodes.Pair) -> None:
        """Report a count of tokens that is none, as far as it can be told."""
        made = self._values.value(pair.value)
        value = made.value if isinstance(made, Literal) else 0
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            help = "write a whole number from 0 on"
            text = pair.value.span.brief
            self._diagnostics.report("E211", f"`{text}` is not a number of tokens", pair.value.span, help=help)

    def visit_Header(self, node: nodes.Header) -> Statement:
        return statements.Header(self._values.value(node.name), self._values.value(node.value))

    def visit_Meta(self, node: nodes.Meta) -> Statement:
        return statements.Meta(self._values.value(node.keys))

    def visit_Logprobs(self, node: nodes.Logprobs) -> Statement:
        count = self._whole(node.count, 0, "a number of alternatives", MOST_ALTERNATIVES)
        return statements.Logprobs(count)

    def visit_Dialect(self, node: nodes.Dialect) -> Statement:
        self._check_known(node.name, DIALECTS, "dialect", "a dialect")
        return statements.Dialect(node.name.text)

    def visit_Split(self, node: nodes.Split) -> Statement:
        count = None if node.count is None else self._whole(node.count, 1, "a number of bytes")
        return statements.Split(timeline.Split(**{} if count is None else {node.how: count}))

    def _check_known(self, name: nodes.Name, known: tuple[str, ...], what: str, one: str) -> None:
        """Report a name that is not among those that are `known`."""
        if name.text not in known:
            help = did_you_mean(name.text, known) or f"{one} is {one_of(f'`{word}`' for word in known)}"
            self._diagnostics.report("E207", f"unknown {what} `{name.text}`", name.span, help=help)

    # -- which of it happens

    def visit_Block(self, node: nodes.Block) -> Statement:
        check_dead_code(node, self._diagnostics)
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
            self._diagnostics.report("E213", f"the weights of this `pick` add up to {given:.0%}", node.span)
        left = [step for step in node.steps if step.weight is None]
        share = max(0.0, 1 - given) / len(left) if left else 0.0
        weights = [step.weight.fraction if step.weight else share for step in node.steps]
        bodies = [Step(step.span, self._visit(step.body)) for step in node.steps]
        return statements.Pick(tuple(zip(weights, bodies, strict=True)))

    def visit_Chance(self, node: nodes.Chance) -> Statement:
        return statements.Chance(self._share(node.percent), Step(node.span, self._visit(node.body)))

    def visit_Limit(self, node: nodes.Limit) -> Statement:
        kind = f"{node.budget}s"
        amount = self._whole(node.amount, 1, f"a number of {kind}", MOST_OF_A_LIMIT)
        if node.period.seconds <= 0:
            help = "write a duration like `1m`"
            self._diagnostics.report(
                "E211", f"nothing is limited per `{node.period.span.text}`", node.period.span, help=help
            )
        return Limit(kind, amount, node.period.seconds, self._counter())

    def visit_After(self, node: nodes.After) -> Statement:
        if not isinstance(node.trigger, nodes.Count):
            return statements.AfterTime(self._times.delay(node.trigger), self._visit(node.body))
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
            self._diagnostics.report(
                "E214", "this cannot happen after a number of bytes", node.body.span, help=help
            )
        return statements.AfterBytes(count, ending)

    def visit_Use(self, node: nodes.Use) -> Statement:
        name = node.block.text
        block = self._names.blocks.get(name)
        if block is None:
            help = did_you_mean(name, self._names.blocks) or f"name it with `define {name} {{ … }}`"
            self._diagnostics.report("E205", f"no block is called `{name}`", node.block.span, help=help)
            return _NOTHING
        if not self._values.can_open(f"{name}()", node.block.span):
            return _NOTHING
        if len(node.arguments) != len(block.parameters):
            needed, given = len(block.parameters), len(node.arguments)
            message = f"`{name}` takes {needed} argument{'' if needed == 1 else 's'}, and is given {given}"
            self._diagnostics.report("E220", message, node.span, secondary=Label(block.name.span, "the block"))
            return _NOTHING
        makers = [self._values.value(argument) for argument in node.arguments]
        names = [parameter.text for parameter in block.parameters]
        with self._values.opened(f"{name}()", node.block.span), self._values.with_locals(names, makers):
            body = self._visit(block.body)
        return statements.Use(tuple(zip(names, makers, strict=True)), body)

    def visit_Every(self, node: nodes.Every) -> Statement:
        help = "write it into a `socket` block itself, or use `repeat`"
        self._diagnostics.report("E222", "`every` stands inside of a body", node.span, help=help)
        return _NOTHING

    def visit_Go(self, node: nodes.Go) -> Statement:
        context, state = self._values.context, node.state.text
        if context.scenario is None:
            if context.key:
                help = "put the rule into a state: `scenario NAME { state a { when … } state b { … } }`"
                self._diagnostics.report("E206", "`go` stands outside a scenario", node.span, help=help)
            return _NOTHING
        states = context.scenario.states
        if state not in states:
            known = f"a state is {one_of(f'`{each}`' for each in states)}"
            help = did_you_mean(state, states) or known
            self._diagnostics.report("E206", f"this scenario has no state `{state}`", node.state.span, help=help)
        return statements.Go(context.scenario.name, state)

    def visit_Remember(self, node: nodes.Remember) -> Statement:
        return statements.Remember(node.name.text, self._values.value(node.value))

    def _steps(self, steps: Iterable[nodes.Step]) -> Iterator[Statement]:
        for step in steps:
            if step.weight is not None:
                self._diagnostics.report("E213", "only the steps of a `pick` have weights", step.weight.span)
            yield Step(step.span, self._visit(step.body))

    def _counter(self) -> str:
        self._counters += 1
        return f"{self._values.context.key}#{self._counters}"

    # -- operands

    def _chunks(self, node: nodes.Number | None) -> int | None:
        return None if node is None else self._whole(node, 1, "a number of chunks")

    def _whole(self, node: nodes.Number, least: int, what: str, most: int = 1_000_000) -> int:
        if not isinstance(node.value, int) or not least <= node.value <= most:
            help = f"write a whole number from {least} to {most}"
            self._diagnostics.report("E211", f"`{node.span.text}` is not {what}", node.span, help=help)
            return least
        return node.value

    def _share(self, node: nodes.Percent) -> float:
        if node.fraction > 1:
            self._diagnostics.report("E213", f"a chance of `{node.span.text}` is more than 100%", node.span)
        return node.fraction

    def _literal_number(self, node: nodes.Value) -> float:
        if not isinstance(node, nodes.Number):
            self._diagnostics.report(
                "E211", f"`{node.span.brief}` is not a log probability", node.span, help="write a number"
            )
            return 0.0
        return node.value
