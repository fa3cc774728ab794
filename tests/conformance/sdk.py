"""What the `openai` SDK for Python makes of an answer: what it returns, in quotes, or what it raises.

A stream tells what it gave before it ended: `"One ", APIError`. Texts are told as they are, other things by name.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from websockets.exceptions import ConnectionClosed

# A client's patience, in seconds: the faults that wait do so for much less, or for ever.
TIMEOUT = 5.0

_LONGEST = 30

Asking = Callable[[AsyncOpenAI, str], Awaitable[None]]


class Heard:
    """What has come of an answer."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.more: list[str] = []

    def say(self, text: str | None) -> None:
        if text is not None:
            self.text = (self.text or "") + text

    def told(self) -> list[str]:
        told = [] if self.text is None else [quoted(self.text)]
        return told + self.more


def quoted(text: str) -> str:
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return json.dumps(shown, ensure_ascii=False)


async def chat(client: AsyncOpenAI, user: str, heard: Heard) -> None:
    made: Any = await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": user}])
    if isinstance(made, str):
        heard.say(made)
        heard.more.append("a str")
        return
    message = made.choices[0].message
    heard.say(message.content)
    heard.more += [f"{call.function.name} {call.function.arguments}" for call in message.tool_calls or ()]


async def chat_stream(client: AsyncOpenAI, user: str, heard: Heard) -> None:
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": user}], stream=True
    )
    finished = False
    async for chunk in stream:
        for choice in chunk.choices or ():
            heard.say(choice.delta.content)
            finished = finished or choice.finish_reason is not None
    if not finished:
        heard.more.append("no finish")


async def chat_helper(client: AsyncOpenAI, user: str, heard: Heard) -> None:
    """The streaming helper, which joins the deltas of tool calls."""
    async with client.chat.completions.stream(
        model="gpt-4o", messages=[{"role": "user", "content": user}]
    ) as stream:
        message = (await stream.get_final_completion()).choices[0].message
    heard.say(message.content)
    heard.more += [f"{call.function.name} {call.function.arguments}" for call in message.tool_calls or ()]


async def responses(client: AsyncOpenAI, user: str, heard: Heard) -> None:
    made: Any = await client.responses.create(model="gpt-4o", input=user)
    if isinstance(made, str):
        heard.say(made)
        heard.more.append("a str")
        return
    heard.say(made.output_text)
    if made.status != "completed":
        heard.more.append(str(made.status))


async def responses_stream(client: AsyncOpenAI, user: str, heard: Heard) -> None:
    completed = False
    async for event in await client.responses.create(model="gpt-4o", input=user, stream=True):
        if event.type == "response.output_text.delta":
            heard.say(event.delta)
        elif event.type in ("error", "response.failed", "response.incomplete"):
            heard.more.append(f"a `{event.type}` event")
            completed = True
        completed = completed or event.type == "response.completed"
    if not completed:
        heard.more.append("no terminal")


async def responses_socket(client: AsyncOpenAI, user: str, heard: Heard) -> None:
    """The SDK's own connection to `WS /v1/responses`."""
    options: Any = {"close_timeout": 0.5}  # a server that is silent says no farewell either
    connecting = client.responses.connect(websocket_connection_options=options)
    async with asyncio.timeout(TIMEOUT), connecting as connection:
        await connection.response.create(model="gpt-4o", input=user)
        async for event in connection:
            if event.type == "response.output_text.delta":
                heard.say(event.delta)
            elif event.type in ("response.completed", "response.failed", "error"):
                if event.type != "response.completed":
                    heard.more.append(f"a `{event.type}` event")
                return
    heard.more.append("no terminal")


async def outcome(base_url: str, key: str, ask: Any, user: str) -> str:
    """What becomes of asking so."""
    heard = Heard()
    # There is no TLS here, and its certificates take time to load.
    transport = DefaultAsyncHttpxClient(verify=False)
    async with AsyncOpenAI(
        base_url=base_url, api_key=key, max_retries=0, timeout=TIMEOUT, http_client=transport
    ) as client:
        try:
            await ask(client, user, heard)
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd else 1006
            heard.more.append(f"{type(error).__name__} {code}")
        except Exception as error:
            heard.more.append(type(error).__name__)
    return ", ".join(heard.told()) or "nothing"
