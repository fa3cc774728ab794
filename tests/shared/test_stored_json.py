"""A stored response as JSON says all that the response was made from."""

from __future__ import annotations

import json
from typing import Any

from dsl import timeline as events
from dsl.records import Record
from dsl.timeline import Timeline
from mockllm.shared.stored_json import _made, _plain

WEIGHED = events.TokenLogprob("a", -0.5, (("a", -0.5), ("b", -1.25)))
SAID = (
    events.Text(0.1, "a", (WEIGHED,), choice=1),
    events.Text(0.1, "ü\ud800"),
    events.Think(0.2, "hm"),
    events.Refuse(0.3, "no"),
    events.Call(0.4, 0, "f", None),
    events.Arguments(0.5, 0, '{"a": 1}'),
    events.Finish(0.6, "length"),
    events.Raw(0.7, b"\x00\xff", True),
    events.Comment(0.8, "tuple"),
    events.Push(0.9, {"list": ["tuple", ["Text"]], "null": None}),
    events.ByteRate(1.0, 10.5, events.Cut(2.0, clean=True)),
    events.ByteRate(1.0, None),
    events.ByteLimit(1.1, 5, events.Reset(0.0)),
)
ENDINGS = (
    events.End(3.0),
    events.Fail(3.0, 429, "no", "code", "param", 1.5),
    events.Hang(3.0, None),
    events.Close(3.0, 4000, "why"),
)


def back(timeline: Timeline) -> Any:
    return _made(json.loads(json.dumps(_plain(timeline))))


def test_a_timeline_comes_back() -> None:
    for ending in ENDINGS:
        timeline = Timeline(
            SAID,
            ending,
            201,
            (("x-a", "1"),),
            {"input": 3},
            {"id": "mine", "list": ["bytes", "x"]},
            "standard",
            events.Split(every=2),
            (events.Budget("requests", 10, 9, 0.5),),
        )
        assert back(timeline) == timeline


def test_every_kind_of_event_is_among_them() -> None:
    def kinds(value: Any) -> set[type]:
        if isinstance(value, tuple):
            return {kind for each in value for kind in kinds(each)}
        inner = (
            {kind for name in value.__struct_fields__ for kind in kinds(getattr(value, name))}
            if isinstance(value, Record)
            else set()
        )
        return {type(value)} | inner

    known = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Record)}
    abstract = {Record, events.Event, events.Said, events.Split, events.Budget}
    assert known - abstract == {kind for kind in kinds((*SAID, *ENDINGS)) if issubclass(kind, Record)}


def test_numbers_and_absent_values_stay_what_they_are() -> None:
    timeline = Timeline((), events.End(0))
    assert repr(back(timeline)) == repr(timeline)
