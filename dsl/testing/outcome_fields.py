"""The catalogue of what a test can expect: the fields of an outcome.

The compiler of tests, its messages and the documentation all read this catalogue. A field that stands for nothing
in an outcome is absent: the error of an answer that is none, the rule that answered if it has no name.
"""

from __future__ import annotations

from collections.abc import Mapping

from dsl.fields import Field, Type

# Finish reasons, and how an answer can end.
_REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")
_ENDINGS = ("end", "fail", "cut", "reset", "hang", "close")

CATALOGUE: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("rule", Type.TEXT, "The name of the rule that answered."),
        Field("text", Type.TEXT, "What was said, as one text; absent if nothing was."),
        Field("json", Type.JSON, "The text, parsed; absent if it is not JSON."),
        Field("thinking", Type.TEXT, "What was thought."),
        Field("refusal", Type.TEXT, "What a refusal said."),
        Field("calls", Type.COLLECTION, 'The tools called; `calls["tool"]` and `calls[0]` are arguments.'),
        Field("call_ids", Type.JSON, "The ids that the script gave to calls, by number; null for the API's own."),
        Field("choices", Type.JSON, "Each choice: its `text`, `thinking`, `refusal`, `calls` and `finish`."),
        Field("finish", Type.TEXT, "Why it finished; absent if it did not.", _REASONS),
        Field("status", Type.NUMBER, "The HTTP status; on a socket, that of an error, or 200."),
        Field("error", Type.JSON, "The error: its `message`, `type`, `code` and `param`."),
        Field("ending", Type.TEXT, "How the answer ended; `\"cut clean\"` is the clean cut.", _ENDINGS),
        Field("chunks", Type.NUMBER, "How many chunks were said: of text, thoughts, refusals and arguments."),
        Field("pieces", Type.JSON, "The texts of the chunks of text, one by one."),
        Field("times", Type.JSON, "When each chunk was due, in seconds since the answer began."),
        Field("ttft", Type.NUMBER, "When the first thing was said, in seconds since the answer began."),
        Field("duration", Type.NUMBER, "The planned length of the answer in seconds."),
        Field("usage", Type.JSON, "Token counts: `input`, `output`, `total`, `cached`, `reasoning`."),
        Field("header", Type.JSON, "The headers that the script or an error sets, by name in any case."),
        Field("meta", Type.JSON, "The keys of the API's object that the script sets."),
        Field("raw", Type.TEXT, "What `raw` sent."),
        Field("comments", Type.JSON, "What `comment` sent."),
        Field("event", Type.TEXT, "The type of the last frame that was pushed in this step."),
        Field("events", Type.JSON, "How many frames of a type were pushed in this step: `events[\"ping\"]`."),
        Field("frames", Type.JSON, "The frames that were pushed in this step, from `frames[0]` to `frames[-1]`."),
        Field("closed", Type.NUMBER, "The code with which the socket was closed; 1006 if it was dropped."),
        Field("memory", Type.JSON, "What `remember` has put by in this session."),
        Field("state", Type.TEXT, "The state of the script's scenario; of several, `state.checkout`."),
    )
}  # fmt: skip

# Fields that consist of parts: only these can be followed by `.name` or `["name"]`.
PARTED = {name for name, field in CATALOGUE.items() if field.type is Type.JSON} | {"calls", "state"}

# What else authors call a field.
SYNONYMS = {
    "content": "text", "reply": "text", "message": "text", "output": "text", "chunk": "chunks",
    "think": "thinking", "reasoning": "thinking", "refuse": "refusal", "call": "calls", "tool_calls": "calls",
    "tools": "calls", "tool_call": "calls", "finish_reason": "finish", "fail": "error", "code": "error.code",
    "close": "closed", "headers": "header", "tokens": "usage", "latency": "duration", "time": "duration",
    "elapsed": "duration", "push": "frames", "pushed": "frames", "choice": "choices", "data": "json",
    "comment": "comments",
}  # fmt: skip
