"""Short ways to serve a script for real, and to ask it: with the `openai` SDK, sync or async, or byte by byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from openai import AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI
from openai.types import CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ParsedChatCompletion
from pydantic import BaseModel

from tests.server.harness import PATIENCE, Client, Served, running, serve, tool

T = TypeVar("T")
Form = TypeVar("Form", bound=BaseModel)

SCRIPTS = Path(__file__).parent
MODEL = "gpt-4o-mini"
EMBEDDING_MODEL = "text-embedding-3-small"

Kind = Literal["command", "gunicorn"]


def mock(
    kind: Kind, script: Path, *options: str, seed: int | None = None, env: Mapping[str, str] | None = None
) -> AbstractContextManager[Served]:
    """Serves a script or a folder as a user does; `options` are further ones for the kind's own command."""
    if kind == "gunicorn":
        settings = {"MOCKLLM_SCRIPT": str(script), **(env or {})}
        if seed is not None:
            settings["MOCKLLM_SEED"] = str(seed)
        return serve("gunicorn", "wsgi:app", settings, *options)
    seeded = () if seed is None else ("--seed", str(seed))
    return running([tool("mockllm"), "serve", str(script), "--port", "0", *seeded, *options], env)


def asked(user: str, **parameters: Any) -> dict[str, Any]:
    """The parameters of a request with one user message."""
    return {"model": MODEL, "messages": [{"role": "user", "content": user}], **parameters}


# -- the SDK ----------------------------------------------------------------------------------------------------


class Sync:
    """The SDK's sync client. `options` are those of its constructor; it retries nothing unless told to."""

    def __init__(self, base_url: str, key: str) -> None:
        self._base_url = base_url
        self._key = key

    @contextmanager
    def _client(self, **options: Any) -> Iterator[OpenAI]:
        options = {"max_retries": 0, "timeout": PATIENCE, **options}
        transport = DefaultHttpxClient(
            verify=False
        )  # there is no TLS here, and its certificates take time to load
        with OpenAI(base_url=self._base_url, api_key=self._key, http_client=transport, **options) as client:
            yield client

    def create(self, user: str, options: Mapping[str, Any] | None = None, **parameters: Any) -> ChatCompletion:
        with self._client(**(options or {})) as client:
            answer: ChatCompletion = client.chat.completions.create(**asked(user, **parameters))
            return answer

    def chunks(self, user: str, got: list[ChatCompletionChunk] | None = None, **more: Any) -> list[Any]:
        """The chunks of a raw stream; `got` has those that came before an error, too."""
        got = [] if got is None else got
        options = more.pop("options", {})
        with self._client(**options) as client:
            for chunk in client.chat.completions.create(**asked(user, **more), stream=True):
                got.append(chunk)
        return got

    def helper(self, user: str, **parameters: Any) -> tuple[list[str], ParsedChatCompletion[Any]]:
        """The types of the events that the streaming helper makes, and the completion it ends with."""
        with self._client() as client, client.chat.completions.stream(**asked(user, **parameters)) as stream:
            return [event.type for event in stream], stream.get_final_completion()

    def parse(self, user: str, form: type[Form], **parameters: Any) -> ParsedChatCompletion[Form]:
        with self._client() as client:
            return client.chat.completions.parse(**asked(user, **parameters), response_format=form)

    def models(self) -> list[str]:
        with self._client() as client:
            return [model.id for model in client.models.list()]

    def model(self, name: str) -> Model:
        with self._client() as client:
            return client.models.retrieve(name)

    def embed(self, **parameters: Any) -> CreateEmbeddingResponse:
        with self._client() as client:
            return client.embeddings.create(**{"model": EMBEDDING_MODEL, **parameters})


class Async(Sync):
    """The SDK's async client, behind the same methods."""

    def _run(self, ask: Callable[[AsyncOpenAI], Awaitable[T]], **options: Any) -> T:
        async def asking() -> T:
            more: dict[str, Any] = {"max_retries": 0, "timeout": PATIENCE, **options}
            transport = DefaultAsyncHttpxClient(verify=False)
            async with AsyncOpenAI(
                base_url=self._base_url, api_key=self._key, http_client=transport, **more
            ) as client:
                return await ask(client)

        return asyncio.run(asking())

    def create(self, user: str, options: Mapping[str, Any] | None = None, **parameters: Any) -> ChatCompletion:
        async def ask(client: AsyncOpenAI) -> ChatCompletion:
            answer: ChatCompletion = await client.chat.completions.create(**asked(user, **parameters))
            return answer

        return self._run(ask, **(options or {}))

    def chunks(self, user: str, got: list[ChatCompletionChunk] | None = None, **more: Any) -> list[Any]:
        received: list[Any] = [] if got is None else got
        options = more.pop("options", {})

        async def ask(client: AsyncOpenAI) -> list[Any]:
            async for chunk in await client.chat.completions.create(**asked(user, **more), stream=True):
                received.append(chunk)
            return received

        return self._run(ask, **options)

    def helper(self, user: str, **parameters: Any) -> tuple[list[str], ParsedChatCompletion[Any]]:
        async def ask(client: AsyncOpenAI) -> tuple[list[str], ParsedChatCompletion[Any]]:
            async with client.chat.completions.stream(**asked(user, **parameters)) as stream:
                return [event.type async for event in stream], await stream.get_final_completion()

        return self._run(ask)

    def parse(self, user: str, form: type[Form], **parameters: Any) -> ParsedChatCompletion[Form]:
        return self._run(
            lambda client: client.chat.completions.parse(**asked(user, **parameters), response_format=form)
        )

    def models(self) -> list[str]:
        async def ask(client: AsyncOpenAI) -> list[str]:
            return [model.id async for model in client.models.list()]

        return self._run(ask)

    def model(self, name: str) -> Model:
        return self._run(lambda client: client.models.retrieve(name))

    def embed(self, **parameters: Any) -> CreateEmbeddingResponse:
        return self._run(lambda client: client.embeddings.create(**{"model": EMBEDDING_MODEL, **parameters}))


Sdk = Sync | Async


def said(chunks: list[ChatCompletionChunk]) -> str:
    """The text that the chunks of choice 0 carry."""
    choices = (choice for chunk in chunks for choice in chunk.choices if choice.index == 0)
    return "".join(choice.delta.content or "" for choice in choices)


# -- bytes ------------------------------------------------------------------------------------------------------


class Wire(Client):
    """One connection, to which requests are written by hand."""

    def __init__(self, server: Served) -> None:
        super().__init__(server.address)

    def post(self, value: Any, *fields: str, path: str = "/v1/chat/completions", method: str = "POST") -> None:
        """Sends a request; a value that is not bytes is sent as JSON."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        length = f"content-length: {len(body)}"
        head = [f"{method} {path} HTTP/1.1", "host: localhost", "content-type: application/json", length, *fields]
        self.send("\r\n".join([*head, "", ""]).encode() + body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The status, header fields and body of the next answer, which must be complete."""
        head = self.until(b"\r\n\r\n")
        status, fields = parsed(head)
        if "content-length" in fields:
            return status, fields, self.exactly(int(fields["content-length"]))
        body = b""
        while size := int(self.until(b"\r\n"), 16):
            body += self.exactly(size)
            self.until(b"\r\n")
        self.until(b"\r\n")
        return status, fields, body


def parsed(head: bytes) -> tuple[int, dict[str, str]]:
    """The status and the header fields of a response's head; names in lower case."""
    first, *fields = head.decode("latin-1").strip().split("\r\n")
    pairs = (field.partition(":") for field in fields)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


def without_chunks(data: bytes) -> tuple[bytes, list[int], bool]:
    """The content of HTTP chunks, their sizes, and whether the last of them is there."""
    body = b""
    sizes: list[int] = []
    while data:
        size, _, data = data.partition(b"\r\n")
        if size == b"0":
            assert data == b"\r\n"
            return body, sizes, True
        sizes.append(int(size, 16))
        body, data = body + data[: sizes[-1]], data[sizes[-1] :]
        assert data.startswith(b"\r\n")
        data = data[2:]
    return body, sizes, False


def fetch(server: Served, value: Any, *fields: str, **where: str) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own."""
    with Wire(server) as wire:
        wire.post(value, *fields, **where)
        return wire.answer()


def get(server: Served, path: str, *fields: str) -> tuple[int, dict[str, str], Any]:
    """One GET; the body is what its JSON says."""
    with Wire(server) as wire:
        wire.get(path, *fields)
        status, head, body = wire.answer()
        return status, head, json.loads(body)


def journal(server: Served) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = get(server, "/-/journal")[2]["entries"]
    return entries
