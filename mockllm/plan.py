"""When the chunks of an answer are due: for clients that ask for it, and for the journal."""

from __future__ import annotations

from array import array

from dsl.timeline import Arguments, Refuse, Text, Think, Timeline

_MOST_IN_HEADER = 100
_MOST_KEPT = 1_000
_CHUNKS = frozenset((Text, Think, Refuse, Arguments))


class Plan:
    """The planned times of an answer's chunks: of the first 1,000, if there are more.

    A chunk is what `after 3 chunks` counts: a piece of a text, thought, refusal or call's arguments. Times alone
    are kept: the journal has many answers, whose texts need not stay in memory.
    """

    __slots__ = ("_times",)

    def __init__(self, timeline: Timeline) -> None:
        self._times = array("d", chunk_times(timeline)[:_MOST_KEPT])

    def seconds(self) -> list[float]:
        return [round(at, 6) for at in self._times]


def chunk_times(timeline: Timeline) -> list[float]:
    """When the chunks are due, in seconds."""
    return [event.at for event in timeline.events if type(event) in _CHUNKS]


def in_header(timeline: Timeline) -> str:
    """The times of all chunks and of the end in whole milliseconds, as in `0,300,350,350`.

    At most 100 of them: of more chunks the first 99 are told, and `...` stands between them and the end.
    """
    told = [str(round(at * 1000)) for at in (*chunk_times(timeline), timeline.duration)]
    if len(told) > _MOST_IN_HEADER:
        told = [*told[: _MOST_IN_HEADER - 1], "...", told[-1]]
    return ",".join(told)
