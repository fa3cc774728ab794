"""A mock: one script that is served, with its sessions.

`answer` is the flow of the house for one request: decode, find the session, match, perform, encode. What comes
out is a `Reply` for a transport to play, and a journal entry that follows it.

Chance: an answer is decided by the seed, the name of its session and its ordinal there, or by the text that its
request names instead of the three. Two generators are made of these: one for what the script leaves to chance, and
one for what the API makes up (ids, obfuscation), so that neither moves the other. With a seed that was chosen, the
wall clock stands still as well: then the same script and the same requests give the same bytes.

Time: a script's times are planned as it has them, and played at the speed of the mock's clock.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from itertools import chain, islice
from math import isinf
from random import Random
from typing import Any, Protocol
from urllib.parse import quote

from dsl import Script, ScriptError, garbage
from dsl.addressing import OTHER, UNSPOKEN, answering, has_path
from dsl.performance import Statement
from dsl.records import changed
from dsl.request import Headers, Request
from dsl.session import Session
from dsl.session_names import session_name
from dsl.sockets import SocketScript
from dsl.table import Match, Rule, RuleTable
from dsl.timeline import Fail, Timeline
from dsl.values import PerformError
from mockllm.apis import errors
from mockllm.apis.answer import Answer, BadAnswer
from mockllm.apis.chat_request import parse
from mockllm.apis.errors import ApiError
from mockllm.chance import Draws, Seeded
from mockllm.journal import LARGEST_BODY, Entry, Journal
from mockllm.plan import Plan, in_header
from mockllm.settings import Settings
from mockllm.state import MEMORY, State, StateUnavailable
from mockllm.transports.frames import Body, Reply

_log = logging.getLogger(__name__)

# Where the wall clock stands when a seed was chosen and no time.
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

# What a request may ask of the mock, beside its session.
FAULT_HEADER = "x-mockllm-fault"
PLAN_HEADER = "x-mockllm-plan"
SEED_HEADER = "x-mockllm-seed"

# What stands in a seed as it is; what does not is written as in a URL.
_PLAIN = "!#$&'()*+,/:;=?@[]"

# Counters of a session beside those of its rules, which a script can call anything that it can write.
ANSWERS = "\0answers"
_THINGS = "\0things"
_HAPPENINGS = "\0happenings"


class Api(Protocol):
    """An API: how its bodies become requests, and answers its replies."""

    def decode(
        self, body: bytes, *, path: str, query: Mapping[str, str], headers: Headers, lenient: bool
    ) -> Request: ...

    def reply(self, answer: Answer) -> Reply:
        """Raises:
        BadAnswer: what the script says has no form in this API.
        """

    def error_reply(self, error: ApiError, random: Draws) -> Body: ...

    def model_not_found(self, model: str) -> ApiError: ...


class Mock:
    """One script that is served.

    Attributes:
        name: how it is called in a folder of mocks; empty for the one at the root.
        seed: what decides chance here.
        lenient: whether parameters that the real API does not know are let pass.
        settings: how the server behaves.
        socket_lifetime: how long a socket of Responses may live, in seconds.
        faults: whether requests may ask for trouble.
        journal: has the requests of all mocks of a server.
        speed: how many times as fast as planned answers are played; infinite if at once.
    """

    def __init__(
        self, name: str, script: Script, settings: Settings, journal: Journal, state: State = MEMORY
    ) -> None:
        self.name = name
        self.sessions = state.sessions(name, settings.sessions)
        self.archive = state.archive(name, settings.responses, settings.lenient_ids)
        self.lenient = settings.lenient
        self.socket_lifetime = settings.socket_lifetime
        self.faults = settings.faults
        self.speed = settings.speed
        self._first = RuleTable.first if settings.index else RuleTable.scan
        self.settings = settings
        self._drawn = state.seed(name, secrets.randbelow(2**32))
        # Where all is to happen at once, what must go on by itself does so in real time.
        self._ticks = 1.0 if isinf(self.speed) else self.speed
        self.journal = journal
        self.replace(script)

    def replace(self, script: Script) -> None:
        """Answer from a script from now on. What was remembered and stored stays.

        An unnamed rule is remembered by its place, and so it is another one if it stands elsewhere. A seed that
        was drawn stays as well.
        """
        if self.settings.index:
            script.table.prepare()
        chosen = self.settings.seed if self.settings.seed is not None else script.seed
        self.script = script
        self.seed = self._drawn if chosen is None else chosen
        self._instant = _instant(self.settings, chosen is not None)
        self._tables = cache(partial(answering, script.table))

    def now(self) -> datetime:
        """What the wall clock tells."""
        return datetime.now(UTC) if self._instant is None else self._instant

    def models(self) -> tuple[str, ...]:
        """The models that there are: those that the script lists, else those that its rules name, else one."""
        if self.script.models is not None:
            return self.script.models
        return self.script.named_models or ("gpt-4o-mini",)

    def has_model(self, model: str) -> bool:
        """Whether there is such a model: any, unless the script lists them."""
        return self.script.models is None or model in self.script.models

    def has_path(self, path: str) -> bool:
        """Whether the script has rules for a path that no API has."""
        return has_path(self._tables(OTHER), path)

    def answer(
        self,
        api: Api,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Headers,
        body: bytes,
        *,
        generate: bool = True,
        socket: SocketScript | None = None,
        owner: Script | None = None,
        number: int = 1,
    ) -> tuple[Reply, Entry]:
        """The reply to a request, and its entry in the journal. A bad request gets a reply that says so.

        A request that is not to `generate` is answered with the script's defaults alone, and no rule is asked.
        The rules of the `socket` that it came over are asked before the others, and performed by its `owner`;
        `number` counts the requests there from 1, which have the same headers.
        """
        entry = self.journal.begin(self.name, method, path)
        named = headers.get(SEED_HEADER)
        if named:
            entry.seed = named if number == 1 else f"{named}/{number}"
        told: list[tuple[str, str]] = []  # headers of the response
        entry.session = session_name(headers)
        entry.headers, entry.query = headers, query
        if headers.get(FAULT_HEADER) and not self.faults:
            entry.note = f"The header {FAULT_HEADER} was ignored: faults by header are not switched on."
            told.append((FAULT_HEADER, "ignored"))
        try:
            request = api.decode(body, path=path, query=query, headers=headers, lenient=self.lenient)
            request.session = entry.session = self.script.conversation(request) or entry.session
            entry.endpoint, entry.transport, entry.model = request.endpoint, request.transport, request.model
            entry.body = request.body if len(body) <= LARGEST_BODY else f"{len(body)} bytes"
            fault = self._fault(headers, request.transport == "websocket")
            timeline = self._perform(api, request, entry, socket, owner or self.script, generate, fault)
            if headers.get(PLAN_HEADER) == "1":
                told.append((PLAN_HEADER, in_header(timeline)))
            reply = _encoded(api, self._planned(request, timeline, entry), entry)
        except ApiError as error:
            entry.error = error.message
            if entry.body is None:
                entry.body = _as_far_as_readable(body)
            if isinstance(error, StateUnavailable):
                entry.ordinal = entry.ordinal or 0  # whoever asked for it would fail again
            reply = api.error_reply(error, self._draws(entry))
        except Exception as mistake:  # of ours
            _log.error("%s %s failed", method, path, exc_info=mistake)
            entry.error = f"mockllm failed: {type(mistake).__name__}: {mistake}"
            if entry.body is None:
                entry.body = _as_far_as_readable(body)
            reply = api.error_reply(ApiError(500, entry.error, "server_error"), self._draws(entry))
        entry.status = reply.status
        if told and method != "WS":  # nobody sees the headers of what is said on a socket
            reply = changed(reply, headers=(*reply.headers, *told))
        self.journal.answered(entry)
        garbage.answered()
        return reply, entry

    def reset(self, session: str | None = None) -> None:
        """Forget one session and what is stored for it, or all."""
        self.sessions.clear(session)
        self.archive.clear(session)

    def random(self, session: str) -> Seeded:
        """What decides the identifiers of a thing that is made for a session without asking the script."""
        with self.sessions.use(session) as kept:
            number = kept.advance(_THINGS)
        return Seeded(f"{self.seed}/{session}/{number}/thing")

    def script_seconds(self, real: float) -> float:
        """How many seconds pass on the script's clock in a time."""
        return round(real * self._ticks, 6)

    def real_seconds(self, script: float) -> float:
        """How many seconds a time on the script's clock takes."""
        return script / self._ticks

    def clock(self, session: Session) -> float:
        """The seconds of the script's clock, for the rate limits of a session. Its zero means nothing."""
        return session.clock() * self._ticks

    def _fault(self, headers: Headers, socket: bool) -> Statement | None:
        """The trouble that a request asks for, if it may.

        Raises:
            ApiError: status 400; nobody knows such trouble.
        """
        text = headers.get(FAULT_HEADER)
        if not text or not self.faults:
            return None
        from dsl.faults import compile_fault  # brings the parser, which few servers need

        try:
            return compile_fault(_utf8(text), socket=socket)
        except ScriptError as error:
            found = error.diagnostics[0]
            raise errors.bad_fault(found.message, FAULT_HEADER, help=found.help) from None

    def _perform(
        self,
        api: Api,
        request: Request,
        entry: Entry,
        socket: SocketScript | None,
        owner: Script,
        generate: bool,
        fault: Statement | None,
    ) -> Timeline:
        if request.model is not None and not self.has_model(request.model):
            raise api.model_not_found(request.model)
        with self.sessions.use(request.session) as session:
            entry.ordinal = session.advance(ANSWERS)
            if not generate:
                return self._warmed_up(request, session, entry)
            tables = self._asked(request, socket)
            for table in tables:
                match = self._first(table, request, session)
                if match is not None:
                    script = owner if socket is not None and table is socket.table else self.script
                    return self._performed(script, match, request, session, entry, fault=fault)
            if request.endpoint == "embeddings":
                return self._warmed_up(request, session, entry, fault)  # the API makes the vectors up
            from dsl.explain import MOST_RULES, explain_miss

            every = RuleTable(tuple(islice(chain.from_iterable(table.rules for table in tables), MOST_RULES)))
            raise errors.no_rule_matched(explain_miss(every, request, session))

    def _asked(self, request: Request, socket: SocketScript | None) -> list[RuleTable]:
        """The tables whose rules may answer, in order."""
        if socket is not None:
            # On a path of its own a socket's rules are all there are.
            return [socket.table] if request.endpoint == "socket" else [socket.table, self.script.table]
        if request.endpoint in UNSPOKEN:
            return [self._tables(request.endpoint)]
        return [self.script.table]

    def _warmed_up(
        self, request: Request, session: Session, entry: Entry, fault: Statement | None = None
    ) -> Timeline:
        random = partial(self._chance, entry)
        try:
            return self.script.warm_up(
                request, session, random, self.now, fault=fault, clock=partial(self.clock, session)
            )
        except PerformError as error:
            raise errors.script_error(f"A rule failed, the one at {error.span}: {error.message}.") from None

    def _performed(
        self,
        script: Script,
        match: Match,
        request: Request,
        session: Session,
        entry: Entry,
        *,
        with_defaults: bool = True,
        fault: Statement | None = None,
    ) -> Timeline:
        rule = match.rule
        entry.rule, entry.place = rule.name, rule.place
        random = partial(self._chance, entry)
        try:
            return script.perform(
                match,
                request,
                session,
                random,
                self.now,
                with_defaults=with_defaults,
                fault=fault,
                clock=partial(self.clock, session),
            )
        except PerformError as error:
            from dsl.faults import FAULT

            if error.span.source.name == FAULT:
                raise errors.bad_fault(error.message, FAULT_HEADER) from None
            called = f"`{rule.name}` ({error.span})" if rule.name else f"the one at {error.span}"
            raise errors.script_error(f"A rule failed, {called}: {error.message}.") from None

    def happen(self, script: Script, rule: Rule, request: Request) -> tuple[Answer, Entry]:
        """What happens by itself on a socket, by its script: the answer that it makes, and its journal entry.

        Raises:
            ApiError: status 500; the script failed.
        """
        entry = self.journal.begin(self.name, "WS", request.path)
        request.session = self.script.conversation(request) or session_name(request.header)
        entry.session = request.session
        entry.endpoint, entry.transport = request.endpoint, request.transport
        named = request.header.get(SEED_HEADER)
        try:
            with self.sessions.use(request.session) as session:
                # Not an answer: when the clock strikes must not decide what the next answer is.
                entry.ordinal = session.advance(f"{_HAPPENINGS}{rule.key}")
                entry.seed = f"{named}/{rule.key}/{entry.ordinal}" if named else None
                match = Match(rule, {}, 1)
                timeline = self._performed(script, match, request, session, entry, with_defaults=False)
            entry.status = 200
            return self._planned(request, timeline, entry), entry
        finally:
            self.journal.answered(entry)

    def _planned(self, request: Request, timeline: Timeline, entry: Entry) -> Answer:
        """An answer as it is to be played. What was planned goes into the journal."""
        entry.planned, entry.plan = round(timeline.duration, 6), timeline.once("plan", partial(Plan, timeline))
        entry.fails = isinstance(timeline.ending, Fail)
        created = int(time.time() if self._instant is None else self._instant.timestamp())
        return Answer(request, timeline.faster(self.speed), self._draws(entry), created)

    def _chance(self, entry: Entry) -> Random:
        """What decides all that the script leaves to chance."""
        return Random(f"{self._seed(entry)}/script")

    def _draws(self, entry: Entry) -> Seeded:
        """What decides all that the API makes up."""
        return Seeded(f"{self._seed(entry)}/wire")

    def _seed(self, entry: Entry) -> str:
        if entry.ordinal is None and entry.session is not None:
            with self.sessions.use(entry.session) as session:
                entry.ordinal = session.advance(ANSWERS)
        if entry.seed is None:
            # As a header can carry it: the name of a session may be any text.
            entry.seed = f"{self.seed}/{_quoted(entry.session or '')}/{entry.ordinal}"
        return entry.seed


def _encoded(api: Api, answer: Answer, entry: Entry) -> Reply:
    try:
        return api.reply(answer)
    except BadAnswer as bad:
        called = f"`{entry.rule}` ({entry.place})" if entry.rule else f"the one at {entry.place}"
        raise errors.script_error(f"A rule failed, {called}: {bad}.") from None


@lru_cache(maxsize=1024)
def _quoted(session: str) -> str:
    return quote(session, _PLAIN)


def _utf8(field: str) -> str:
    """A header field that is meant as UTF-8; HTTP knows only Latin-1 (RFC 9110, 5.5)."""
    try:
        return field.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return field


def _as_far_as_readable(body: bytes) -> Any:
    """A refused body for the journal: its value if it has one, else its text."""
    if len(body) > LARGEST_BODY:
        return f"{len(body)} bytes"
    try:
        return parse(body)
    except ApiError:
        return body.decode("utf-8", "replace")


def _instant(settings: Settings, seeded: bool) -> datetime | None:
    """When the wall clock stands still, if it does."""
    if isinstance(settings.now, datetime):
        return settings.now
    return EPOCH if seeded and settings.now is None else None
