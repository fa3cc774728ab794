"""Which entries of the journal are wanted, and how they are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import request

from mockllm.control.bodies import flag_parameter
from mockllm.control.errors import bad_request
from mockllm.control.store import ROOT

_STATUS = re.compile(r"([1-5])([0-9]{2}|xx)")
_LONG = ("headers", "query", "body", "plan")

# The members that a filter asks for by their values.
_EQUAL = ("session", "endpoint", "transport")


@dataclass(frozen=True, slots=True)
class Filter:
    """Entries that have all of this; what is None is not asked for.

    Attributes:
        mock: a mock's name in lower case; empty for the one at the root.
        rule: a rule's name or its place.
        status: `429`, or `4xx`.
        outcome: as in the entry; `open` while an answer goes on.
        miss: whether no rule answered.
        brief: whether they are told without their headers, queries, bodies and plans.
    """

    mock: str | None = None
    session: str | None = None
    rule: str | None = None
    endpoint: str | None = None
    transport: str | None = None
    status: str | None = None
    outcome: str | None = None
    miss: bool | None = None
    brief: bool = False

    def of(self, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Those of the entries that are wanted, as they are told."""
        return [self.told(entry) for entry in entries if self.wants(entry)]

    def wants(self, entry: Mapping[str, Any]) -> bool:
        status = "" if entry["status"] is None else str(entry["status"])
        return (
            (self.mock is None or entry["mock"].lower() == self.mock)
            and all(getattr(self, name) in (None, entry[name]) for name in _EQUAL)
            and (self.rule is None or self.rule in (entry["rule"], entry["place"]))
            and (self.status is None or status == self.status or f"{status[:1]}xx" == self.status)
            and (self.outcome is None or (entry["outcome"] or "open") == self.outcome)
            and (self.miss is None or entry["miss"] == self.miss)
        )

    def told(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in entry.items() if not (self.brief and name in _LONG)}


def filter_of_query() -> Filter:
    """The filter that the query parameters of the request make.

    Raises:
        ControlError: status 400; one of them makes no sense.
    """
    query = request.args
    status, mock = query.get("status"), query.get("mock")
    if status is not None and not _STATUS.fullmatch(status):
        raise bad_request("`status` is one like 429, or 4xx for all of its kind.", "status")
    return Filter(
        mock=None if mock is None else "" if mock == ROOT else mock.lower(),
        session=query.get("session"),
        rule=query.get("rule"),
        endpoint=query.get("endpoint"),
        transport=query.get("transport"),
        status=status,
        outcome=query.get("outcome"),
        miss=flag_parameter("miss"),
        brief=bool(flag_parameter("brief")),
    )
