"""Times and rates of a body, from nodes to what tells them when the body is performed.

What a block or data gives is looked at before that where it is known: an argument, and the rows of a `for each`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dsl import nodes
from dsl.diagnostics import Diagnostics, did_you_mean
from dsl.performance import Jitter, Pace
from dsl.resolver import Names
from dsl.times import Delay, GivenDelay, GivenPace, rate_of, seconds_of
from dsl.value_compiler import ValueCompiler
from dsl.values import Maker

_DURATION = "a duration like `50ms`"
_RATE = "a rate like `40 tok/s`"


class TimeCompiler:
    """Compiles the times of the body at hand, whose values `values` compiles."""

    def __init__(self, names: Names, values: ValueCompiler, diagnostics: Diagnostics) -> None:
        self._names = names
        self._values = values
        self._diagnostics = diagnostics

    def delay(self, node: nodes.Delay) -> Delay | GivenDelay:
        value: nodes.Node | None = node
        if isinstance(node, nodes.Reference):
            if node.path[0].text in self._values.context.locals:
                return GivenDelay(self._given(node, seconds_of, "a duration", f"write {_DURATION}"))
            value = self._names.constant(node)
        if isinstance(value, nodes.Duration):
            return Delay(value.seconds, value.seconds)
        if isinstance(value, nodes.Jittered):
            seconds = value.duration.seconds
            return Delay(seconds, seconds, _jitter(value.tolerance))
        if isinstance(value, nodes.Uniform):
            low, high = value.low.seconds, value.high.seconds
            if low > high:
                help = f"did you mean `{value.high.span.text}..{value.low.span.text}`?"
                self._diagnostics.report("W405", "this range is empty", value.span, help=help)
            return Delay(low, max(low, high))
        self._unknown(node, _DURATION, value)
        return Delay(0, 0)

    def pace(self, node: nodes.Pace) -> Pace | GivenPace | None:
        """The pace; None if there is a mistake in it, which is reported."""
        rate: nodes.Node | None = node.rate
        jitter = _jitter(node.tolerance)
        if isinstance(rate, nodes.Reference):
            if rate.path[0].text in self._values.context.locals:
                return GivenPace(self._given(rate, rate_of, "a rate", 'write a text like `"40 tok/s"`'), jitter)
            rate = self._names.constant(rate)
        if not isinstance(rate, nodes.Rate):
            self._unknown(node.rate, _RATE, rate)
            return None
        if rate.amount <= 0:
            help = "to stop for good, write `hang`"
            self._diagnostics.report("E211", "a pace of 0 gets nowhere", node.rate.span, help=help)
            return None
        if rate.unit == "byte" and node.tolerance is not None:
            reason = "bytes leave at an even pace"
            self._diagnostics.report("W402", "this tolerance does nothing", node.tolerance.span, reason)
        return Pace(rate.amount, rate.unit, jitter)

    def _given(self, node: nodes.Reference, read: Callable[[Any], object], what: str, help: str) -> Maker:
        """What a parameter or a variable stands for; what is known of it must be something that can be `read`."""
        maker = self._values.value(node)
        for known in self._values.known(maker):
            if read(known.value) is None:
                message = f"`{known.text}` is not {what}"
                self._diagnostics.report("E202", message, known.span, known.where, help=help)
                break
        return maker

    def _unknown(self, node: nodes.Node, wanted: str, found: nodes.Node | None) -> None:
        """Report a bare name that stands for nothing, or for something else than what is wanted."""
        name = node.span.text
        if found is not None:
            self._diagnostics.report("E202", f"`{name}` is not {wanted}", node.span)
        else:
            help = did_you_mean(name, self._names.constants) or f"write {wanted}"
            self._diagnostics.report("E203", f"nothing is called `{name}`", node.span, help=help)


def _jitter(tolerance: nodes.Duration | nodes.Percent | None) -> Jitter:
    if isinstance(tolerance, nodes.Percent):
        return Jitter(share=tolerance.fraction)
    return Jitter(seconds=tolerance.seconds) if tolerance else Jitter()
