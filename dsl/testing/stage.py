"""Where a test is performed: a script with sessions and clocks of its own, and no wire.

What a server does for a request is done here in the same order: the model, the session, the tables, the body. The
random numbers are drawn as a server draws them, so that the same seed gives the same answers.

Nothing waits. The virtual clock tells the seconds since the test began; the time of day stands still.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from random import Random

from dsl.addressing import OTHER, UNSPOKEN, answering, has_path
from dsl.error_defaults import INVALID_REQUEST
from dsl.explain import explain_miss
from dsl.request import Headers, Request
from dsl.script import Script
from dsl.session import Session
from dsl.session_names import session_name
from dsl.sockets import SocketScript
from dsl.source import Span
from dsl.table import Match, Rule, RuleTable
from dsl.testing.coverage import WatchedSession
from dsl.testing.outcome import Outcome
from dsl.testing.requests import MODEL
from dsl.timeline import Timeline
from dsl.values import PerformError

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SEED = 0  # of a script that sets none

# Counters of a session beside those of its rules, which a script can call anything that it can write.
_ANSWERS = "\0answers"
_HAPPENINGS = "\0happenings"


class Stage:
    """One test's script. `time` is the virtual clock; `reached` gathers what of the script is performed."""

    def __init__(self, script: Script, reached: set[Span]) -> None:
        self.script = script
        self.time = 0.0
        self.seed = SEED if script.seed is None else script.seed
        self.reached = reached
        self._sessions: dict[str, Session] = {}
        self._tables: dict[str, RuleTable] = {}

    @property
    def model(self) -> str:
        """What is asked for where a test names no model."""
        return self.script.models[0] if self.script.models else MODEL

    def answer(self, request: Request, socket: SocketScript | None = None, *, generate: bool = True) -> Outcome:
        """What comes of a request; the rules of the `socket` that it came over are asked before the others.

        A request that is not to `generate` is answered with the script's defaults alone, and no rule is asked.
        """
        request.session = self.script.conversation(request) or session_name(request.header)
        session = self._session(request.session)
        models = self.script.models
        if request.model is not None and models is not None and request.model not in models:
            return Outcome(request, None, session, refused=_unknown_model(request))
        random = self._random(session, session.advance(_ANSWERS))
        if not generate:
            return self._warmed_up(request, session, random)
        if request.endpoint == OTHER and not has_path(self._table(OTHER), request.path):
            return Outcome(request, None, session, refused=(404, error(f"Invalid URL (POST {request.path})")))
        own = self._table(request.endpoint)
        tables = [own] if socket is None else [socket.table, own]
        if socket is not None and request.endpoint == "socket":
            tables.pop()  # on a path of its own a socket's rules are all there are
        match = next((match for table in tables if (match := table.first(request, session))), None)
        if match is None and request.endpoint == "embeddings":
            return self._warmed_up(request, session, random)  # the API makes the vectors up
        if match is None:
            every = RuleTable(tuple(rule for table in tables for rule in table.rules))
            missed = explain_miss(every, request, session)
            return Outcome(request, None, session, refused=(404, error(missed, code="no_rule_matched")))
        try:
            timeline = self._performed(match, request, session, random)
        except PerformError as bad:
            return Outcome(request, None, session, match.rule, (500, script_error(match.rule, bad)))
        return Outcome(request, timeline, session, match.rule)

    def _table(self, endpoint: str) -> RuleTable:
        """The rules that are asked on an endpoint."""
        if endpoint not in UNSPOKEN:
            return self.script.table
        if endpoint not in self._tables:
            self._tables[endpoint] = answering(self.script.table, endpoint)
        return self._tables[endpoint]

    def happen(self, rule: Rule, request: Request) -> Timeline:
        """What happens by itself on a socket.

        Raises:
            PerformError: the script failed.
        """
        session = self.session(request)
        random = self._random(session, session.advance(f"{_HAPPENINGS}{rule.key}"))
        return self._performed(Match(rule, {}, 1), request, session, random, with_defaults=False)

    def session(self, request: Request) -> Session:
        """The session of what happens on a socket."""
        request.session = self.script.conversation(request) or session_name(request.header)
        return self._session(request.session)

    def _performed(
        self,
        match: Match,
        request: Request,
        session: Session,
        random: Callable[[], Random],
        *,
        with_defaults: bool = True,
    ) -> Timeline:
        self.reached.add(match.rule.node.span)
        return self.script.perform(
            match, request, session, random, lambda: EPOCH, with_defaults=with_defaults, clock=lambda: self.time
        )

    def _warmed_up(self, request: Request, session: Session, random: Callable[[], Random]) -> Outcome:
        try:
            timeline = self.script.warm_up(request, session, random, lambda: EPOCH, clock=lambda: self.time)
        except PerformError as bad:
            refused = error(
                f"A rule failed, the one at {bad.span}: {bad.message}.", "server_error", "script_error"
            )
            return Outcome(request, None, session, refused=(500, refused))
        return Outcome(request, timeline, session)

    def _session(self, name: str) -> Session:
        return self._sessions.setdefault(name, WatchedSession(name, self.reached))

    def _random(self, session: Session, ordinal: int) -> Callable[[], Random]:
        return partial(Random, f"{self.seed}/{session.name}/{ordinal}/script")


def error(
    message: str, type: str = INVALID_REQUEST, code: str | None = None, param: str | None = None
) -> dict[str, str | None]:
    return {"message": message, "type": type, "param": param, "code": code}


def script_error(rule: Rule, bad: PerformError) -> dict[str, str | None]:
    called = f"`{rule.name}` ({bad.span})" if rule.name else f"the one at {bad.span}"
    return error(f"A rule failed, {called}: {bad.message}.", "server_error", "script_error")


def _unknown_model(request: Request) -> tuple[int, dict[str, str | None]]:
    if request.endpoint == "responses":
        message = f"The requested model '{request.model}' does not exist."
        return 400, error(message, code="model_not_found", param="model")
    message = f"The model `{request.model}` does not exist or you do not have access to it."
    return 404, error(message, code="model_not_found")


def socket_request(endpoint: str, path: str, event: str, frame: object, elapsed: float) -> Request:
    """The request that an event of a connection is."""
    body = frame if isinstance(frame, dict) else {}
    model = body.get("model")
    return Request(
        endpoint=endpoint,
        transport="websocket",
        path=path,
        header=Headers(),
        body=body,
        model=model if isinstance(model, str) else None,
        stream=True,
        event=event,
        elapsed=elapsed,
    )
