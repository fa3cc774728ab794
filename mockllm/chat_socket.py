"""`WS /v1/chat`: Chat Completions as a conversation on one socket. Its contract is docs/websocket-chat.md.

Frames are answered one after the other, and each is looked at when its turn has come, for what it means depends on
the answers before it: a short message continues the conversation that they have made.

A frame that is answered with an error leaves the conversation as it was, and may be sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask

from mockllm.apis.answer import Answer
from mockllm.apis.chat_stream import Framing, parts
from mockllm.apis.errors import ApiError
from mockllm.apis.serialise import compact, utf8
from mockllm.chat_conversation import Conversation, Turn
from mockllm.lane import Lane
from mockllm.socket_connection import SocketConnection, add_socket
from mockllm.transports.frames import Part


def add_routes(app: Flask, prefix: str) -> None:
    add_socket(app, f"{prefix}/chat", ChatConnection)


class ChatConnection(SocketConnection):
    """One client, whose frames are answered first in, first out."""

    endpoint = "chat"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._conversation = Conversation()
        self._lane: Lane[str | bytes] = Lane(self.socket, self._answer)

    def lanes(self) -> list[Lane[Any]]:
        return [self._lane]

    def encode(self, answer: Answer) -> Iterator[Part]:
        return parts(answer, Framing())

    def encode_error(self, error: ApiError) -> bytes:
        return utf8(compact(error.envelope))

    def take(self, message: str | bytes) -> None:
        self.wait_in(self._lane, message, len(message))

    def _answer(self, message: str | bytes, began: float) -> None:
        self.waits_no_more(len(message))
        turn = Turn(self._conversation, message)
        turn.elapsed = self.elapsed(began)
        data = message.encode() if isinstance(message, str) else message
        if turn.is_incomplete or self.answer(turn, self._lane, data, began) == "complete":
            turn.keep()
