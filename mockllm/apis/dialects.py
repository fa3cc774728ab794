"""How the tool calls of a chat are shaped: as OpenAI shapes them, or as gateways do that say they are compatible.

A stream opens a call with one delta and gives its arguments in further ones, the fragments. What each dialect does
to them, and to calls in a body that is not streamed, and where it was seen (issues and pull requests on GitHub):

* `standard`: each delta has the call's `index`, from 0; the opening alone has `id`, `type` and name. OpenAI.
* `shared-index`: every `index` is 0, and only the `id`s of the openings tell calls apart. Bodies have the `index`,
  too. Ollama (ollama/ollama#15457, and `ToToolCalls` in its openai/openai.go), LiteLLM (BerriAI/litellm#21331).
* `no-index`: no delta has one. Gemini (openai/openai-python#2806, open-webui/computer#224), Ollama before 0.4.7
  (ollama/ollama#7881).
* `mixed-index`: openings have an `index`, fragments have none. Reported of gateways (aaif-goose/goose#11511).
* `start-at-one`: `index` counts from 1, mostly because something that was said before the call counts, too. The
  gateway of aws-samples (aws-samples/bedrock-access-gateway#134), pipecat-ai/pipecat#5342.
* `no-id`: neither openings nor bodies have an `id`. Kimi on NVIDIA's endpoint (anomalyco/opencode#25925), Ollama
  (continuedev/continue#13225), StepFun (iOfficeAI/aionrs#99).
* `empty-id`: the `id` of openings and bodies is "", as Gemini 2.5 Pro sent it (vercel/ai#7834), and so is one of
  fragments, as DashScope sends them (anomalyco/opencode#40969, ThinkInAIXYZ/deepchat#355).
* `arguments-first`: the first delta has the `id` and the first fragment, and another one behind it has the name
  (vercel/ai#14722).
* `repeated-name`: fragments repeat the name. MiniMax M2.7 on NVIDIA's endpoint (NousResearch/hermes-agent#8259),
  llama.cpp (before ggml-org/llama.cpp#13800).

The deprecated `function_call` has one shape only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mockllm.apis.serialise import compact

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One shape of tool calls.

    Attributes:
        first: the index of the first call; the next has `step` more.
        opening_index, fragment_index, body_index: whether openings, fragments, and calls in a body that is not
            streamed have an index.
        id: what openings and bodies tell as the `id`: the call's own, the empty text, or nothing.
        fragment_id: whether fragments have an empty `id`.
        name: when the name is told: once, in the opening; again with each fragment; or only behind the first one.
    """

    first: int = 0
    step: int = 1
    opening_index: bool = True
    fragment_index: bool = True
    body_index: bool = False
    id: Literal["own", "empty", "none"] = "own"
    fragment_id: bool = False
    name: Literal["once", "again", "late"] = "once"

    def opening(self, number: int, call: Json) -> str:
        """The delta that opens the call `number` of a choice, in compact JSON; `call` is as OpenAI sends it."""
        index = self._index(number) if self.opening_index else {}
        return compact({"tool_calls": [index | self._identified(call)]})

    def fragment(self, number: int, kind: str, name: str, text: str) -> str:
        """The delta that gives a fragment of a call's arguments; `kind` is "function" or "custom"."""
        delta: Json = self._index(number) if self.fragment_index else {}
        if self.fragment_id:
            delta["id"] = ""
        told = {"name": name} if self.name == "again" else {}
        return compact({"tool_calls": [delta | {kind: told | {_TEXT[kind]: text}}]})

    def named_late(self, number: int, call: Json, text: str) -> tuple[str, str]:
        """The two deltas that open a call with a fragment of its arguments, and name it."""
        index, kind = self._index(number), call["type"]
        unnamed = {"id": call["id"], "type": kind, kind: {_TEXT[kind]: text}}
        named = {kind: {"name": call[kind]["name"]}}
        return compact({"tool_calls": [index | unnamed]}), compact({"tool_calls": [index | named]})

    def in_body(self, number: int, call: Json) -> Json:
        """The call as it stands in a message that is not streamed."""
        if self.body_index:
            name, *others = self._identified(call).items()
            return dict([name, *self._index(number).items(), *others])
        return self._identified(call)

    def _index(self, number: int) -> Json:
        return {"index": self.first + self.step * number}

    def _identified(self, call: Json) -> Json:
        if self.id == "own":
            return call
        others = {key: value for key, value in call.items() if key != "id"}
        return {"id": "", **others} if self.id == "empty" else others


_TEXT = {"function": "arguments", "custom": "input"}

STANDARD = Dialect()
DIALECTS: Mapping[str, Dialect] = {
    "standard": STANDARD,
    "shared-index": Dialect(step=0, body_index=True),
    "no-index": Dialect(opening_index=False, fragment_index=False),
    "mixed-index": Dialect(fragment_index=False),
    "start-at-one": Dialect(first=1),
    "no-id": Dialect(id="none"),
    "empty-id": Dialect(id="empty", fragment_id=True),
    "arguments-first": Dialect(name="late"),
    "repeated-name": Dialect(name="again"),
}
