"""What a transport reports while it plays an answer."""

from __future__ import annotations

from typing import Literal, Protocol

# complete: to its end. cut, reset, hang: the ending that the script asked for, once it is over ("cut" also when
# the server was stopped amid the answer). left: the client went away, or read nothing for too long. failed: what
# should be played broke.
Outcome = Literal["complete", "cut", "reset", "hang", "left", "failed"]


class Watcher(Protocol):
    """Follows one answer. Times are seconds since it began; nothing may be raised."""

    def sent(self, at: float, size: int, frames: int) -> None:
        """`size` bytes of the body were handed to the kernel by `at`, in one write.

        Bytes of HTTP itself (the head, chunk sizes) do not count, so that the sum of the sizes says how much of
        the frames has left. A head without a body is a write of 0 bytes. `frames` are those of which the last byte
        was among them: one that leaves in several writes counts once, and one that was cut off does not. An answer
        in one piece is one frame; pings are none, nor are frames of HTTP without a byte.
        """

    def ended(self, at: float, outcome: Outcome) -> None:
        """The answer is over. Called exactly once, and nothing is called after it."""


class Unwatched:
    """Watches nothing."""

    def sent(self, at: float, size: int, frames: int) -> None:
        pass

    def ended(self, at: float, outcome: Outcome) -> None:
        pass
