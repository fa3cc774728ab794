"""Python's garbage collector, where it would do much for nothing.

A script is many objects, none of them garbage: to look through them again and again takes half the time in which
one is read. And what a server makes for a request is freed without the collector when it is answered, but for what
its journal keeps: to look for garbage as often as Python does by default takes a sixth of the time of all answers.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Inside, nothing is looked through for garbage."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


# Objects made since the last look, and looks at the young before one at the older: a look at so many takes a
# millisecond or two, and no stream is late for it. One at all there is takes a hundred where a server has stored
# thousands of responses: that is for `collect`.
_THRESHOLDS = 5_000, 5, 1_000_000_000
_ANSWERS = 128


def serve() -> None:
    """From now on: what there is lives as long as the process, and for garbage is looked seldom.

    Whoever calls this calls `collect` now and then, when nobody waits for anything.
    """
    global _left_to_us
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    _left_to_us = True


def answered() -> None:
    """To be called for each answer: looks among what the last ones have left, so many at a time.

    Python counts by how many objects there are more than before. A journal or an archive that is full drops one
    for each that it takes, so that the young become ever more without being looked at, and then all at once.
    """
    global _answers
    _answers += 1
    if _left_to_us and _answers % _ANSWERS == 0:
        gc.collect(int(_answers % (8 * _ANSWERS) == 0))


def collect() -> None:
    """Looks for garbage among all there is, if `serve` has left that to the caller."""
    if _left_to_us:
        gc.collect()


_left_to_us = False
_answers = 0
