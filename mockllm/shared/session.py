"""One session in Redis: what its fields say, and what has changed in it.

A part of a session (`dsl.session.Session.part`) is a field of its own, read when it is asked for: a scenario may
have one for each of thousands of users.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from dsl.session import Bucket, Session
from mockllm.shared.store import Store

# The fields of a session: what is its own, and its parts, each of whose names begins so.
ROOT = "root"
_PART = "part:"


class SharedSession(Session):
    """A session while it is held, or as it was at a moment.

    Attributes:
        now: the time of Redis, which is the same for everybody.
        token, since: what says who holds it, and since when on the monotonic clock of this process.
    """

    token = ""
    since = 0.0

    def __init__(self, store: Store, key: str, name: str, now: float, text: str | None) -> None:
        super().__init__(name)
        self.key = key
        self.now = now
        self._store = store
        self._texts: dict[str, str] = {}  # what is in the fields that were read or written
        if text is not None:
            self._texts[ROOT] = text
            _read(self, text)

    def clock(self) -> float:
        return self.now

    def read_parts(self, fields: Mapping[str, str]) -> None:
        """Read all parts, from the fields of the session."""
        for field, text in fields.items():
            if field.startswith(_PART):
                scenario, value = json.loads(field.removeprefix(_PART))
                self.parts[scenario, value] = self._read_part(field, text)

    def changes(self) -> list[str]:
        """The fields that have changed since this was last asked, each with its new value.

        Raises:
            TypeError, ValueError: something is remembered that has no form in JSON.
        """
        parts = [(_field(key), part) for key, part in self.parts.items()]
        found = []
        for field, session in ((ROOT, self), *parts):
            text = _written(session)
            if text != self._texts.get(field, _NEW):
                found += [field, text]
                self._texts[field] = text
        return found

    def _new_part(self, key: tuple[str, str]) -> Session:
        field = _field(key)
        return self._read_part(field, self._store.call("HGET", self.key, field))

    def _read_part(self, field: str, text: str | None) -> Session:
        part = Session(self.name)
        if text is not None:
            self._texts[field] = text
            _read(part, text)
        return part


def _field(key: tuple[str, str]) -> str:
    return _PART + json.dumps(key)


def _read(session: Session, text: str) -> None:
    session.counters, session.memory, session.states, buckets = json.loads(text)
    session.buckets = {name: Bucket(*bucket) for name, bucket in buckets.items()}


def _written(session: Session) -> str:
    buckets = {name: [bucket.level, bucket.at] for name, bucket in session.buckets.items()}
    # A template can make what is no JSON, such as a time: then its text is remembered.
    return json.dumps([session.counters, session.memory, session.states, buckets], default=str)


_NEW = _written(Session())
