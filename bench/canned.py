"""No server of ours, but what the clients of `bench.columns` can drive: canned bytes, and next to nothing else.

    .venv/bin/python -m bench.columns --command "python -m bench.canned {port}" --only json,stream,paced

What is measured so is the limit of the clients. A figure of a real server that is near it tells nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys

from bench.clients import CONTENT

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"
BODY = json.dumps(
    {"choices": [{"message": {"role": "assistant", "content": "Hi there, how can I help you?"}}]}
).encode()
JSON = HEAD % b"application/json" + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
OPENING = HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{%s0000"}}]}\n\n' % CONTENT
)
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
STREAM = OPENING + CHUNK * 200 + END
INTERVAL = 0.020


class Canned(asyncio.Protocol):
    """Takes each piece that arrives for a request: the clients ask for one thing at a time."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if b"paced stream" in data:
            self.transport.write(OPENING)
            self.pace(asyncio.get_running_loop().time(), 0)
        else:
            self.transport.write(STREAM if b"stream two hundred" in data else JSON)

    def pace(self, began: float, number: int) -> None:
        if number == 150:
            self.transport.write(END)
        elif not self.transport.is_closing():
            self.transport.write(CHUNK)
            loop = asyncio.get_running_loop()
            loop.call_at(began + (number + 1) * INTERVAL, self.pace, began, number + 1)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Canned, "127.0.0.1", int(sys.argv[1]), backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
