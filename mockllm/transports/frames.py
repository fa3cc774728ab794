"""What an API hands to a transport: bytes with the times at which they are due, and trouble in between."""

from __future__ import annotations

from collections.abc import Iterator

from dsl.records import Record
from dsl.timeline import ByteLimit, ByteRate, Cut, End, Hang, Reset, Split
from mockllm.transports.cancellation import Cancellation

Headers = tuple[tuple[str, str], ...]


class Frame(Record, frozen=True):
    """Bytes of a body, due `at` seconds after the answer began: one whole event of the API, or raw bytes.

    `count` is of how many events, if they are due at the same instant and nothing counts or cuts their bytes.
    """

    at: float
    data: bytes
    count: int = 1


class Ping(Frame, frozen=True):
    """A frame that leaves as a ping, on a socket. Its data has 125 bytes at most."""


class Binary(Frame, frozen=True):
    """A frame that leaves as a binary message, on a socket."""


class Messages(Frame, frozen=True, kw_only=False):
    """`count` text messages on a socket, with their heads; without these they have `size` bytes.

    Nothing counts or cuts the bytes of an answer that has such.
    """

    size: int = 0


# How a transport ends a body. API errors are frames by now, a clean cut is an `End` without a terminal frame.
Ending = End | Cut | Reset | Hang

# The last part of a stream is an `Ending`, and no other part is one. A byte rate that is `interrupted` says so
# before the frames that drip. What is due at the very instant of that ending still leaves, but of bytes that drip
# only those that are due before it.
Part = Frame | ByteRate | ByteLimit | Ending


class Body(Record, frozen=True):
    """An answer in one piece: `ending.at` seconds after it began `data` is sent, and `ending` happens.

    `End` sends it whole; `Cut` sends only a part of what `content-length` promises; `Reset` and `Hang` send
    nothing. `limit` and `rate` are the script's own byte limit and bytes per second, if any; a limit counts
    the bytes of the body and wins over the ending if the body is longer than it. `split` is how the body is cut
    into writes. `interrupted` happens at its own time though the body still drips, or has not begun: then `ending`
    says when it would begin to leave, and how it would end without that.

    A `content-length` or `transfer-encoding` among the headers is the script's own: it is sent as it is, the body
    follows as it is, whatever they say, and the connection is closed behind it. So in a `Stream`.
    """

    status: int
    headers: Headers
    data: bytes
    ending: Ending
    limit: ByteLimit | None = None
    rate: float | None = None
    split: Split | None = None
    interrupted: Cut | Reset | Hang | None = None


class Stream(Record, frozen=True):
    """An answer in parts. The head is sent with the first frame, at that frame's time, and not before.

    `cancellation` can end it early, if it is not None.
    """

    status: int
    headers: Headers
    parts: Iterator[Part]
    split: Split | None = None
    cancellation: Cancellation | None = None


Reply = Body | Stream
