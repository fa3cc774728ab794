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


def serve() -> None:
    """From now on: what there is lives as long as the process, and for garbage is looked seldom.

    Whoever calls this calls `collect` now and then, when nobody waits for anything.
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def collect() -> None:
    """Looks for garbage among all there is, if that is left to the caller."""
    if gc.get_threshold() == _THRESHOLDS:
        gc.collect()
