"""A mock: one script that is served, with its sessions.

`answer` is the flow of the house for one request: decode, find the session, match, perform, encode. What comes
out is a `Reply` for a transport to play, and a journal entry that follows it.

Chance: an answer is decided by the seed, the name of its session and its ordinal there. Two generators are made
of these: one for what the script leaves to chance, one for what the API makes up (ids, obfuscation), so that
neither moves the other. With a seed that was chosen, the wall clock stands still as well: then the same script
and the same requests give the same bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, Protocol

from dsl import Script
from dsl.explain import explain_miss
from dsl.request import Headers, Request
from dsl.session import Session
from dsl.sockets import SocketScript
from dsl.table import Match, Rule
from dsl.timeline import Timeline
from dsl.values import PerformError
from mockllm.apis import errors
from mockllm.apis.answer import Answer
from mockllm.apis.chat_request import parse
from mockllm.apis.errors import ApiError
from mockllm.archive import Archive
from mockllm.journal import LARGEST_BODY, Entry, Journal
from mockllm.sessions import Sessions, session_name
from mockllm.settings import Settings
from mockllm.transports.frames import Body, Reply

# Where the wall clock stands when a seed was chosen and no time.
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

# Counters of a session beside those of its rules, which a script can call anything that it can write.
_ANSWERS = "\0answers"
_THINGS = "\0things"
_HAPPENINGS = "\0happenings"


class Api(Protocol):
    """One of the two APIs: how its bodies become requests, and answers its replies."""

    def decode(
        self, body: bytes, *, path: str, query: Mapping[str, str], headers: Headers, lenient: bool
    ) -> Request: ...

    def reply(self, answer: Answer) -> Reply: ...

    def error_reply(self, error: ApiError, random: Random) -> Body: ...

    def model_not_found(self, model: str) -> ApiError: ...


class Mock:
    """One script that is served.

    Attributes:
        name: how it is called in a folder of mocks; empty for the one at the root.
        seed: what decides chance here.
        now: tells the wall clock's time.
        lenient: whether parameters that the real API does not know are let pass.
        socket_lifetime: how long a socket of Responses may live, in seconds.
    """

    def __init__(self, name: str, script: Script, settings: Settings, journal: Journal) -> None:
        self.name = name
        self.script = script
        self.sessions = Sessions(settings.sessions)
        self.archive = Archive(settings.responses, settings.lenient_ids)
        chosen = settings.seed if settings.seed is not None else script.seed
        self.seed = secrets.randbelow(2**32) if chosen is None else chosen
        self.now = _wall_clock(settings, chosen is not None)
        self.lenient = settings.lenient
        self.socket_lifetime = settings.socket_lifetime
        self._journal = journal

    def models(self) -> tuple[str, ...]:
        """The models that there are: those that the script lists, else those that its rules name, else one."""
        if self.script.models is not None:
            return self.script.models
        return self.script.named_models or ("gpt-4o-mini",)

    def has_model(self, model: str) -> bool:
        """Whether there is such a model: any, unless the script lists them."""
        return self.script.models is None or model in self.script.models

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
    ) -> tuple[Reply, Entry]:
        """The reply to a request, and its entry in the journal. A bad request gets a reply that says so.

        A request that is not to `generate` is answered with the script's defaults alone, and no rule is asked.
        The rules of the `socket` that it came over are asked before the others.
        """
        entry = self._journal.begin(self.name, method, path)
        entry.seed = self.seed
        entry.session = session_name(headers)
        try:
            request = api.decode(body, path=path, query=query, headers=headers, lenient=self.lenient)
            request.session = entry.session = self.script.conversation(request) or entry.session
            entry.endpoint, entry.transport, entry.model = request.endpoint, request.transport, request.model
            entry.body = request.body if len(body) <= LARGEST_BODY else f"{len(body)} bytes"
            timeline = self._perform(api, request, entry, socket, generate)
            entry.planned = round(timeline.duration, 6)
            reply = api.reply(Answer(request, timeline, self._random(entry, "wire"), int(self.now().timestamp())))
        except ApiError as error:
            entry.error = error.message
            if entry.body is None:
                entry.body = _as_far_as_readable(body)
            reply = api.error_reply(error, self._random(entry, "wire"))
        entry.status = reply.status
        return reply, entry

    def reset(self, session: str | None = None) -> None:
        """Forget one session and what is stored for it, or all."""
        self.sessions.clear(session)
        self.archive.clear(session)

    def random(self, session: str) -> Random:
        """What decides the identifiers of a thing that is made for a session without asking the script."""
        return Random(f"{self.seed}/{session}/{self.sessions.get(session).advance(_THINGS)}/thing")

    def _perform(
        self, api: Api, request: Request, entry: Entry, socket: SocketScript | None, generate: bool
    ) -> Timeline:
        if request.model is not None and not self.has_model(request.model):
            raise api.model_not_found(request.model)
        session = self.sessions.get(request.session)
        entry.ordinal = session.advance(_ANSWERS)
        if not generate:
            return self.script.warm_up(request, session, self._random(entry, "script"), self.now)
        tables = [self.script.table] if socket is None else [socket.table, self.script.table]
        if socket is not None and request.endpoint == "socket":
            tables.pop()  # on a path of its own a socket's rules are all there are
        match = next((match for table in tables if (match := table.first(request, session))), None)
        if match is None:
            raise errors.no_rule_matched(explain_miss(tables[-1], request, session))
        return self._performed(match, request, session, entry)

    def _performed(
        self, match: Match, request: Request, session: Session, entry: Entry, *, with_defaults: bool = True
    ) -> Timeline:
        rule = match.rule
        entry.rule, entry.place = rule.name, rule.place
        random = self._random(entry, "script")
        try:
            return self.script.perform(match, request, session, random, self.now, with_defaults=with_defaults)
        except PerformError as error:
            called = f"`{rule.name}` ({error.span})" if rule.name else f"the one at {error.span}"
            raise errors.script_error(f"A rule failed, {called}: {error.message}.") from None

    def happen(self, rule: Rule, request: Request) -> tuple[Answer, Entry]:
        """What happens by itself on a socket: the answer that it makes, and its entry in the journal.

        Raises:
            ApiError: status 500; the script failed.
        """
        entry = self._journal.begin(self.name, "WS", request.path)
        request.session = self.script.conversation(request) or session_name(request.header)
        entry.seed, entry.session = self.seed, request.session
        entry.endpoint, entry.transport = request.endpoint, request.transport
        session = self.sessions.get(request.session)
        # Not an answer: when the clock strikes must not decide what the next answer is.
        entry.ordinal = session.advance(f"{_HAPPENINGS}{rule.key}")
        timeline = self._performed(Match(rule, {}, 1), request, session, entry, with_defaults=False)
        entry.planned, entry.status = round(timeline.duration, 6), 200
        return Answer(request, timeline, self._random(entry, "wire"), int(self.now().timestamp())), entry

    def _random(self, entry: Entry, purpose: str) -> Random:
        if entry.ordinal is None and entry.session is not None:
            entry.ordinal = self.sessions.get(entry.session).advance(_ANSWERS)
        return Random(f"{self.seed}/{entry.session}/{entry.ordinal}/{purpose}")


def _as_far_as_readable(body: bytes) -> Any:
    """A refused body for the journal: its value if it has one, else its text."""
    if len(body) > LARGEST_BODY:
        return f"{len(body)} bytes"
    try:
        return parse(body)
    except ApiError:
        return body.decode("utf-8", "replace")


def _wall_clock(settings: Settings, seeded: bool) -> Callable[[], datetime]:
    if isinstance(settings.now, datetime):
        instant = settings.now
    elif seeded and settings.now is None:
        instant = EPOCH
    else:
        return lambda: datetime.now(UTC)
    return lambda: instant
