"""Where the writes of a body end, if its script says so.

* `every` N bytes and `at` N bytes count the bytes of the whole body, across frames. A frame is never kept back to
  fill a write: what is left of it leaves with it.
* `crlf`: every line end becomes CR LF, and a write ends between the two. The LF that ends a frame begins the write
  of the next one; that of the last frame is a write of its own, before the ending. An LF that has its CR already
  gets no second one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from dsl.timeline import Split

_BARE_LF = re.compile(rb"(?<!\r)\n")
_WITHIN_CRLF = re.compile(rb"(?<=\r)(?=\n)")


class Splitter:
    """Splits one body, whose bytes are given to it in order."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._lines = split.every is None and split.at is None
        self._after_cr = False
        self._position = 0
        self._held = b""

    def encode(self, data: bytes) -> bytes:
        """The next bytes of the body as they leave, to be counted, cut off and given to `writes`."""
        if not self._lines or not data:
            return data
        encoded = _BARE_LF.sub(b"\r\n", data)
        if self._after_cr and data.startswith(b"\n"):
            encoded = encoded[1:]
        self._after_cr = data.endswith(b"\r")
        return encoded

    def writes(self, data: bytes) -> Iterator[bytes]:
        """The writes of the next bytes: at least one, which is empty only if there are none."""
        if not self._lines:
            return self._counted(data)
        data = self._held + data
        self._held = b"\n" if data.endswith(b"\r\n") else b""
        return iter(_WITHIN_CRLF.split(data[: len(data) - len(self._held)]))

    @property
    def holds(self) -> bool:
        """Whether the last byte is kept back for the next write."""
        return bool(self._held)

    def _counted(self, data: bytes) -> Iterator[bytes]:
        begin, end = self._position, self._position + len(data)
        self._position = end
        for start, stop in itertools.pairwise(itertools.chain((begin,), self._cuts(begin, end), (end,))):
            yield data[start - begin : stop - begin]

    def _cuts(self, begin: int, end: int) -> Iterable[int]:
        """The places between two bytes of the body at which it is cut."""
        every, at = self._split.every, self._split.at
        if every is not None:
            return range(begin - begin % every + every, end, every)
        return (at,) if at is not None and begin < at < end else ()
