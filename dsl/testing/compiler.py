"""Tests from nodes to steps, with everything about them that can be told before they run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsl import nodes
from dsl.addressing import OTHER
from dsl.conditions import Condition, is_number
from dsl.diagnostics import Diagnostics, Invalid, Label, did_you_mean, one_of
from dsl.operands import MOST_NAMES
from dsl.resolver import Names
from dsl.source import Span
from dsl.testing import requests as test_requests
from dsl.testing.expectations import ExpectationCompiler
from dsl.testing.requests import KEYS, PARAMETERS, PLAIN, SHORT, Kind

# The paths on which there is a socket without a block in the script.
BUILT_IN = ("/v1/chat", "/v1/responses")
MOST_TIMES = 10_000

_KINDS: Mapping[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,), Kind.FLAG: (bool,), Kind.LIST: (list,), Kind.OBJECT: (dict,), Kind.TEXTS: (dict,)
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """`request`: its keys as they are written."""

    span: Span
    keys: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Again:
    span: Span
    times: int


@dataclass(frozen=True, slots=True)
class Connect:
    span: Span
    path: str


@dataclass(frozen=True, slots=True)
class Send:
    span: Span
    frame: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Advance:
    """`seconds` on the virtual clock."""

    span: Span
    seconds: float


@dataclass(frozen=True, slots=True)
class Expect:
    """What must hold of the last outcome, part by part."""

    span: Span
    parts: tuple[Condition, ...]


Step = Ask | Again | Connect | Send | Advance | Expect


@dataclass(frozen=True, slots=True)
class Test:
    """A compiled test. `span` is its name, where messages point."""

    name: str
    span: Span
    steps: tuple[Step, ...]

    @property
    def place(self) -> str:
        """`FILE:LINE`."""
        return f"{self.span.source.name}:{self.span.line}"


class TestCompiler:
    """Compiles the tests of a script with rules of these names, sockets on these paths, and scenarios with these
    states."""

    def __init__(
        self,
        names: Names,
        diagnostics: Diagnostics,
        rules: Sequence[str],
        sockets: Collection[str],
        scenarios: Mapping[str, tuple[str, ...]],
    ) -> None:
        self._names = names
        self._diagnostics = diagnostics
        self._expectations = ExpectationCompiler(names, diagnostics, rules, scenarios)
        self._sockets = [*BUILT_IN, *(path for path in sockets if path not in BUILT_IN)]
        self._seen: set[str] = set()  # what has happened so far in the test at hand
        self._open: list[str] = []
        self._expanded = 0
        self._asked: dict[str, Any] = {}  # the keys of the request before

    def compile(self, node: nodes.Test) -> Test | None:
        """The test; None if there is a mistake in it, which is reported."""
        self._seen = set()
        self._expanded = 0
        name = self._names.constant(node.name) if isinstance(node.name, nodes.Reference) else node.name
        steps: list[Step] = []
        failed = not isinstance(name, nodes.Text)
        if failed:
            self._diagnostics.report(
                "E202", "the name of a test is a text", node.name.span, help="put it in quotes"
            )
        for each in node.steps:
            try:
                self._check_order(each)
                steps.append(self._step(each))
            except Invalid:
                failed = True
        if not any(isinstance(each, nodes.Expect) for each in node.steps):
            help = "add a step like `expect status is 200`"
            self._diagnostics.report(
                "W411", "this test expects nothing, so it cannot fail", node.name.span, help=help
            )
        return (
            None if failed or not isinstance(name, nodes.Text) else Test(name.value, node.name.span, tuple(steps))
        )

    # -- steps

    def _check_order(self, node: nodes.TestStep) -> None:
        """Report a step that stands before what it needs."""
        word = node.span.text.split(None, 1)[0]
        seen = self._seen
        if isinstance(node, nodes.SendRequest):
            seen |= {"request", "anything"}
        elif isinstance(node, nodes.Connect):
            seen |= {"connect", "anything"}
        elif isinstance(node, nodes.Again | nodes.AskChanged) and "request" not in seen:
            seen |= {"request", "anything"}  # said once
            self._diagnostics.refuse(
                "E230", "`again` stands before any `request`", node.span, help="there is nothing to repeat"
            )
        elif isinstance(node, nodes.Send) and "connect" not in seen:
            seen |= {"connect", "anything"}
            help = 'open a socket first, as in `connect "/v1/responses"`'
            self._diagnostics.refuse("E230", "`send` stands before any `connect`", node.span, help=help)
        elif "anything" not in seen:
            seen.add("anything")
            help = "a test begins with `request` or `connect`"
            self._diagnostics.refuse("E230", f"`{word}` stands before anything has happened", node.span, help=help)

    def _step(self, node: nodes.TestStep) -> Step:
        match node:
            case nodes.SendRequest(fields=fields):
                self._asked = {}
                self._asked = self._request(fields)
                return Ask(node.span, self._asked)
            case nodes.AskChanged(fields=fields):
                self._asked = test_requests.changed(self._asked, self._request(fields))
                return Ask(node.span, self._asked)
            case nodes.Again(times=times):
                return Again(node.span, self._times(times))
            case nodes.Connect(path=path):
                return Connect(node.span, self._path(path))
            case nodes.Send(frame=frame):
                return Send(node.span, self._frame(frame))
            case nodes.Advance(duration=duration):
                return Advance(node.span, duration.seconds)
            case nodes.Expect(condition=condition):
                return Expect(node.span, self._expectations.expectation(condition))

    def _times(self, node: nodes.Number | None) -> int:
        if node is None:
            return 1
        if not isinstance(node.value, int) or not 1 <= node.value <= MOST_TIMES:
            self._diagnostics.refuse("E211", f"nothing is repeated `{node.span.text}` times", node.span)
        return node.value

    def _path(self, node: nodes.Text | nodes.Reference) -> str:
        path = self._literal(node)
        if path not in self._sockets:
            help = (
                did_you_mean(str(path), self._sockets) or f"there are {' and '.join(map(_quoted, self._sockets))}"
            )
            self._diagnostics.refuse("E231", f"no socket is on `{path}`", node.span, help=help)
        return str(path)

    def _frame(self, node: nodes.Object) -> dict[str, Any]:
        frame: dict[str, Any] = self._literal(node)
        for pair in node.pairs:
            self._check_continued(pair)
        return frame

    # -- requests

    def _request(self, node: nodes.Object) -> dict[str, Any]:
        keys: dict[str, Any] = {}
        spans: dict[str, Span] = {}
        failed = False
        self._check_keys(node)
        for pair in node.pairs:
            try:
                keys[pair.key.text] = self._key(pair)
            except Invalid:
                failed = True
            spans[pair.key.text] = pair.key.span
        whole = next((key for key in ("messages", "input") if key in spans), None)
        short = next((key for key in SHORT if key in spans), None)
        if whole and short:
            label = Label(spans[whole], "the whole conversation")
            help = f"write it into `{whole}`"
            if short == "user":
                help += "; the parameter that names an end user goes into `body: { user: … }`"
            message = f"`{short}` cannot stand beside `{whole}`"
            self._diagnostics.report("E232", message, spans[short], secondary=label, help=help)
            failed = True
        if failed:
            raise Invalid
        self._check_endpoint(test_requests.endpoint_of(keys), keys, spans)
        return keys

    def _check_endpoint(self, endpoint: str, keys: Mapping[str, Any], spans: Mapping[str, Span]) -> None:
        """Report a key that requests of this endpoint do not have."""
        if endpoint == "chat" and ("input" in keys or "instructions" in keys):
            wrong = "input" if "input" in keys else "instructions"
            message, help = f"there is no `{wrong}` on Chat Completions", 'add `endpoint: "responses"`'
        elif endpoint == "responses" and "messages" in keys:
            wrong, message, help = "messages", "there are no `messages` on Responses", "write `input`"
        elif endpoint in PLAIN and (wrong := next((key for key in keys if key not in PLAIN[endpoint]), "")):
            message = f"a request on `{endpoint}` has no key `{wrong}`"
            help = (
                "write `input`" if endpoint == "embeddings" and wrong in SHORT else "write it into `body: { … }`"
            )
        elif endpoint == OTHER and "path" not in keys:
            wrong, message = "endpoint", "this request has no path"
            help = 'say which, as in `path: "/v1/moderations"`'
        else:
            return
        self._diagnostics.refuse("E232", message, spans[wrong], help=help)

    def _key(self, pair: nodes.Pair) -> Any:
        name = pair.key.text
        key = KEYS.get(name)
        if key is None and name not in PARAMETERS:
            known = [*KEYS, *PARAMETERS]
            said = "did you mean `user`?" if name in ("content", "message", "question", "text") else None
            help = said or did_you_mean(name, known)
            help = help or f"what only this body has goes into `body: {{ {name}: … }}`"
            self._diagnostics.refuse("E233", f"a request has no key `{name}`", pair.key.span, help=help)
        if name == "prompt" and isinstance(pair.value, nodes.Text):
            help = "did you mean `user`?"
            self._diagnostics.refuse("E233", "the text of a request is not its `prompt`", pair.key.span, help=help)
        self._check_continued(pair)
        if name == "endpoint":
            return self._endpoint(pair.value)
        value = self._literal(pair.value)
        if key is not None:
            self._check_kind(key, value, pair.value)
        return value

    def _check_kind(self, key: test_requests.Key, value: Any, node: nodes.Node) -> None:
        name, kind = key.name, key.kind
        if kind is Kind.ANY:
            return
        fits = is_number(value) if kind is Kind.NUMBER else isinstance(value, _KINDS[kind])
        if fits and kind is Kind.TEXTS:
            fits = all(isinstance(each, str) for each in value.values())
        if fits and name == "tools":
            fits = all(isinstance(each, str | dict) for each in value)
        if not fits:
            help = "write the names of the tools" if name == "tools" else None
            if name == "tool_result":
                help = 'name the tool: `tool_result: { get_weather: "rain" }`'
            self._diagnostics.refuse("E202", f"`{name}` is {kind.value}", node.span, help=help)

    def _endpoint(self, node: nodes.Node) -> str:
        bare = isinstance(node, nodes.Reference) and self._names.constant(node) is None
        value = node.span.text if bare else self._literal(node)
        if value not in test_requests.ENDPOINTS:
            known = f"it is {one_of(f'`{each}`' for each in test_requests.ENDPOINTS)}"
            help = did_you_mean(str(value), test_requests.ENDPOINTS) or known
            self._diagnostics.refuse("E202", f"a test has no endpoint `{value}`", node.span, help=help)
        return str(value)

    def _check_continued(self, pair: nodes.Pair) -> None:
        """Nobody who writes a test knows the ids that a server makes up."""
        if pair.key.text in ("previous_response_id", "conversation"):
            help = "write what went before into `input`"
            self._diagnostics.refuse(
                "E234", "a test keeps no responses that can be continued", pair.key.span, help=help
            )

    # -- values

    def _literal(self, node: nodes.Node) -> Any:
        if isinstance(node, nodes.Reference):
            return self._constant(node)
        if isinstance(node, nodes.List):
            return [self._literal(item) for item in node.items]
        if isinstance(node, nodes.Object):
            self._check_keys(node)
            return {pair.key.text: self._literal(pair.value) for pair in node.pairs}
        if isinstance(node, nodes.Text) and not (node.template and "{{" in node.value):
            return node.value
        if isinstance(node, nodes.Number | nodes.Constant):
            return node.value
        if isinstance(node, nodes.Text | nodes.Expression):
            help = (
                "a text in single quotes is sent as it is" if isinstance(node, nodes.Text) else "write the value"
            )
            self._diagnostics.refuse("E209", "a test cannot hold a template", node.span, help=help)
        self._diagnostics.refuse(
            "E202", f"`{node.span.brief}` is not a value of JSON", node.span, help="put it in quotes"
        )

    def _constant(self, node: nodes.Reference) -> Any:
        value = self._names.constant(node)
        if value is None:
            guess = did_you_mean(node.text, [*self._names.constants, "true", "false", "null"])
            help = guess or f'for the text itself, write "{node.text}"'
            self._diagnostics.refuse("E203", f"nothing is called `{node.text}`", node.span, help=help)
        self._expanded += 1
        if node.text in self._open or self._expanded > MOST_NAMES:
            raise Invalid  # reported where the constant is compiled as a value of its own
        self._open.append(node.text)
        try:
            return self._literal(value)
        finally:
            self._open.pop()

    def _check_keys(self, node: nodes.Object) -> None:
        seen: dict[str, nodes.Name] = {}
        for pair in node.pairs:
            first = seen.setdefault(pair.key.text, pair.key)
            if first is not pair.key:
                label = Label(first.span, "the first")
                message = f"two keys are called `{pair.key.text}`"
                self._diagnostics.report("E204", message, pair.key.span, "the second", secondary=label)
                raise Invalid


def _quoted(text: str) -> str:
    return f"`{text}`"
