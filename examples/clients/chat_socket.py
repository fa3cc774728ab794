"""Talks to a mock over `WS /v1/chat`: `python chat_socket.py ws://127.0.0.1:8000/v1/chat`.

Needs the `websockets` package.
"""

import json
import sys
from collections.abc import Iterator

from websockets.sync.client import ClientConnection, connect


def answer(socket: ClientConnection) -> Iterator[str]:
    """The pieces of one streamed answer, as they come."""
    while (frame := socket.recv()) != "[DONE]":
        chunk = json.loads(frame)
        if "error" in chunk:
            raise RuntimeError(chunk["error"]["message"])
        for choice in chunk["choices"]:
            yield choice["delta"].get("content") or ""


def main(url: str) -> None:
    with connect(url, additional_headers={"Authorization": "Bearer sk-example"}) as socket:

        def ask(request: dict[str, object]) -> None:
            socket.send(json.dumps(request))
            print("Mock: ", end="")
            for text in answer(socket):
                print(text, end="", flush=True)
            print()

        # The first frame is a whole request; the ones after it only say what is new.
        print("You: Hi")
        ask({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]})
        print("You: fast")
        ask({"role": "user", "content": "fast"})


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8000/v1/chat")
