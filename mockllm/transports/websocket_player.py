"""Plays answers on a WebSocket: each frame is one message, a text if it is not `Binary`, at its own time. Those of
one instant, or overdue when the one before them is sent, leave in one write. A split cuts each message into frames
of WebSocket; they leave together, so that no other message comes between them.

Several answers may play on one socket at once, each in a greenlet of its own; the socket keeps their frames
whole. An answer stops at once when it is cancelled, which is the business of the greenlet that receives: it
alone knows that the client has left, or has had enough of this answer.

What HTTP counts in bytes is counted in whole frames here, because no client can see a part of a message:

* A byte rate delays each frame to the time at which its last byte would have come. As in a stream of HTTP, all
  that follows is shifted by as long as it took.
* A byte limit counts payloads. A frame that would exceed it is not sent, and the limit's ending takes its place.
* An ending that interrupts a byte rate comes at its own time: a frame that the rate delays beyond it is not sent.

While an answer hangs the socket is silent: see `Socket`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress

from geventwebsocket.exceptions import WebSocketError

from dsl.timeline import ByteLimit, ByteRate, Close, Cut, Hang, Reset, Split
from mockllm.transports.clock import Clock, monotonic
from mockllm.transports.frames import Binary, Ending, Frame, Messages, Part, Ping
from mockllm.transports.schedule import Sleeper
from mockllm.transports.watch import Outcome, Unwatched, Watcher
from mockllm.transports.websocket import Socket
from mockllm.transports.websocket_frames import ABNORMAL, BINARY, INTERNAL_ERROR, TEXT, head, message_frames

# After so many bytes without a pause they leave, and the others have their turn.
_BATCH = 65536

_log = logging.getLogger(__name__)


class _Cancelled(Exception):
    """The answer is not wanted any more."""


class SocketPlayer:
    """Plays one answer, once.

    Args:
        parts: as in a `Stream`, `Ping`s among them.
        began: when the answer begins, on the monotonic clock.
        watcher: is told what happens; the bytes it is told of are those of payloads.
        end: what an `End` does: closes the socket so, or leaves it open if None. With code 1006, which only a
            connection without a close frame has, it drops the connection: that is a cut.
        split: how each message is cut into frames.
    """

    def __init__(
        self,
        socket: Socket,
        parts: Iterable[Part],
        began: float,
        watcher: Watcher | None = None,
        end: Close | None = None,
        split: Split | None = None,
    ) -> None:
        self._socket = socket
        self._parts = parts
        self._clock = Clock(began)
        self._watcher: Watcher = Unwatched() if watcher is None else watcher
        self._close = end
        self._split = split
        self._cancelled = False
        self._told = False
        self._outcome: Outcome | None = None
        self._sleeper = Sleeper()
        self._batch: list[bytes] = []
        self._messages = 0  # in the batch
        self._batched = 0  # in payloads
        self._plain = split is None  # whether no part before says anything of this one
        self._shift = 0.0
        self._rate: float | None = None
        self._limit: Ending | None = None
        self._allowed = 0
        self._interrupted: Ending | None = None

    def play(self) -> Outcome:
        """Plays the answer, and returns how it ended. It raises nothing but what kills its greenlet."""
        try:
            self._play()
        except _Cancelled:
            pass
        except WebSocketError:
            self._outcome = self._outcome or "left"
        except Exception as error:
            self._outcome = "failed"
            self._fail(error)
        finally:
            # Without an outcome its greenlet is killed: the server was stopped.
            outcome = self._outcome or "cut"
            self._tell(outcome)
        return outcome

    def cancel(self, outcome: Outcome = "left") -> None:
        """Stops the answer with this outcome, unless it has come to its ending: no further frame begins.

        For any greenlet of the same thread. On a socket that is closed, kill the player's greenlet after this:
        it may be waiting for the client.
        """
        self._cancelled = True
        self._outcome = self._outcome or outcome
        self._sleeper.wake_soon()

    def _play(self) -> None:
        with self._socket.answering():
            ending = self._speak()
            self._flush()
            if not isinstance(ending, Hang):
                self._end(ending)
                return
        # Nothing is owed to a client that is kept hanging, and a server that stops does not wait for it.
        self._outcome = "hang"
        with self._socket.silence():
            self._sleep(ending.seconds)
            self._socket.abort()

    def _speak(self) -> Ending:
        """Sends the frames; returns what comes after them, when its time has come."""
        now = self._clock.now()
        for part in self._parts:
            if type(part) is Frame and self._plain:
                # As `_frame`, without what does not concern it: nearly all parts of nearly all answers are such.
                at, data = part.at, part.data
                if at > now:
                    now = self._clock.now()
                if at > now or self._batched > _BATCH or self._cancelled:
                    self._wait_until(at)
                    now = self._clock.now()
                self._batch.append(head(TEXT, len(data)) + data)
                self._batched += len(data)
                self._messages += 1
                continue
            over = self._part(part)
            if over is not None:
                due, ending = over
                if self._interrupted is not None and self._interrupted.at < due:
                    due, ending = self._interrupted.at, self._interrupted
                self._wait_until(due)
                return ending
        raise ValueError("the parts of an answer have no ending")

    def _part(self, part: Part) -> tuple[float, Ending] | None:
        """Plays a part, and returns when and how the answer ends if that is what comes next."""
        match part:
            case Messages(at=at, data=data, count=count, size=size):
                self._wait_until(at)
                self._batch.append(data)
                self._batched += size
                self._messages += count
            case Frame(data=data):
                return self._frame(part, data)
            case ByteRate(rate=rate, interrupted=interrupted):
                self._plain = False
                self._rate = rate
                self._interrupted = interrupted or self._interrupted
            case ByteLimit(at=at, count=count, ending=limit):
                self._plain = False
                self._limit, self._allowed = limit, count
                if count <= 0:
                    return at + self._shift, limit
            case _:
                return part.at + self._shift, part
        return None

    def _frame(self, frame: Frame, data: bytes) -> tuple[float, Ending] | None:
        if self._limit is not None and len(data) > self._allowed:
            return frame.at + self._shift, self._limit
        shift = self._shift if self._rate is None else self._shift + len(data) / self._rate
        if self._interrupted is not None and self._interrupted.at < frame.at + shift:
            return self._interrupted.at, self._interrupted
        self._shift = shift
        self._wait_until(frame.at + shift)
        if isinstance(frame, Ping):
            self._flush()
            self._socket.ping(data)
            return None
        self._allowed -= len(data)
        frames = message_frames(BINARY if isinstance(frame, Binary) else TEXT, data, self._split)
        if self._split is None:
            self._batch += frames
            self._batched += len(data)
            self._messages += 1
        else:
            self._flush()
            self._socket.send_frames(frames)
            self._watcher.sent(self._clock.now(), len(data), 1)
        return None

    def _flush(self) -> None:
        """Sends the frames that are due."""
        if self._batch:
            self._socket.send_frames((b"".join(self._batch),))
            self._watcher.sent(self._clock.now(), self._batched, self._messages)
            self._batch.clear()
            self._batched = self._messages = 0

    def _end(self, ending: Ending) -> None:
        close = self._close
        match ending:
            case Cut():
                self._outcome = "cut"
                self._socket.abort()
            case Reset():
                self._outcome = "reset"
                self._socket.reset()
            case _ if close is not None and close.code == ABNORMAL:
                self._outcome = "cut"
                self._socket.abort()
            case _:
                self._outcome = "complete"
                if close is not None:
                    # The client may take its time to close, and has its answer.
                    self._tell("complete")
                    self._socket.close(close.code, close.reason)

    def _tell(self, outcome: Outcome) -> None:
        """Tells the watcher that the answer is over, once."""
        if not self._told:
            self._told = True
            self._watcher.ended(self._clock.now(), outcome)

    def _wait_until(self, at: float) -> None:
        seconds = self._clock.until(at)
        if seconds > 0 or self._batched > _BATCH:
            self._flush()
            self._sleep(seconds)  # if for no time, then because much to catch up on must not keep others waiting
        elif self._cancelled:
            raise _Cancelled

    def _sleep(self, seconds: float | None) -> None:
        """Until `seconds` have passed, if not None.

        Raises:
            _Cancelled: it is not wanted any more.
        """
        if not self._cancelled:
            if seconds is not None and seconds <= 0:
                self._sleeper.pause()
            else:
                self._sleeper.sleep(None if seconds is None else monotonic() + seconds)
        if self._cancelled:
            raise _Cancelled

    def _fail(self, error: Exception) -> None:
        _log.error(
            "an answer broke off, its next part cannot be encoded: %s: %s",
            type(error).__name__,
            error,
            exc_info=error if _log.isEnabledFor(logging.DEBUG) else None,
        )
        with suppress(WebSocketError):
            self._flush()
        self._socket.close(INTERNAL_ERROR)
