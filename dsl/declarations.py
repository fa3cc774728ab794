"""The catalogue of declarations: what can stand at the top of a script, how it is written, and what it is for.

Completion reads it; a test proves that it has each declaration of the grammar and no other, and that its
examples are scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declaration.

    Attributes:
        rule: the rule of the grammar that it is.
        shape: how it is written: capitals stand for values, brackets enclose what may be missing.
        example: a whole one, as a script of its own.
        help: a sentence in Markdown.
    """

    rule: str
    shape: str
    example: str
    help: str

    @property
    def name(self) -> str:
        """Its first keyword."""
        return self.shape.lstrip("[").split()[0]


DECLARATIONS = (
    Declaration(
        "rule", "[rule NAME] when CONDITION { … }", 'when user mentions "hello" {\n    reply "Hello!"\n}',
        "A rule: rules are tried from the top, and the first whose condition holds answers.",
    ),
    Declaration(
        "otherwise", "otherwise STATEMENT", 'otherwise reply "You said: {{ user }}"',
        "A rule that holds for every request.",
    ),
    Declaration(
        "given", "given CONDITION { … }", 'given endpoint is chat {\n    when stream reply "A stream."\n}',
        "Rules that share a part of their conditions.",
    ),
    Declaration(
        "each", "for each NAME in LIST { … }",
        'for each pet in ["cat", "dog"] {\n    when user mentions pet reply "No {{ pet }}s here."\n}',
        "The same rules for each item of a list, or for each row of a CSV or JSON Lines file.",
    ),
    Declaration(
        "defaults", "defaults { … }", "defaults {\n    seed 42\n    ttft 200ms\n    pace 60 tok/s\n}",
        "What holds for every answer: seed, models, time, headers, limits.",
    ),
    Declaration(
        "constant", "let NAME = VALUE",
        'let small = ["gpt-4o-mini"]\n\nwhen model in small reply "Small."',
        "A name for a value.",
    ),
    Declaration(
        "condition", "let NAME when CONDITION",
        'let vip when header["x-tier"] is "vip"\n\nwhen vip reply "Welcome."',
        "A name for a condition.",
    ),
    Declaration(
        "define", "define NAME[(PARAMETER, …)] { … }",
        'define busy {\n    fail 503 "Busy." retry after 2s\n}\n\notherwise use busy',
        "A block of statements to `use` in several rules.",
    ),
    Declaration(
        "scenario", "scenario NAME [by FIELD] { state NAME { … } … }",
        'scenario checkout {\n    state browsing {\n        when user mentions "pay" {\n            reply "How?"\n'
        "            go paying\n        }\n    }\n    state paying {\n        otherwise {\n"
        '            reply "Thanks."\n            go browsing\n        }\n    }\n}',
        "A state machine: rules that hold only while a session is in a state.",
    ),
    Declaration(
        "socket", "socket PATH { … }",
        'socket "/v1/realtime" {\n    on connect push { type: "session.created" }\n}',
        "What happens on a WebSocket: on events, and by the clock.",
    ),
    Declaration(
        "test", "test NAME { request { … } expect CONDITION … }",
        'otherwise reply "Hello."\n\ntest "says hello" {\n    request { user: "Hi" }\n'
        '    expect text is "Hello."\n}',
        "A test, which `mockllm test` runs on a virtual clock.",
    ),
    Declaration(
        "include", "include PATH", 'include "lib/common.llmock"',
        "Puts another file here.",
    ),
)  # fmt: skip

CATALOGUE: Mapping[str, Declaration] = {each.rule: each for each in DECLARATIONS}
