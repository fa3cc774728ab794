"""The catalogue of statements: what can stand in a body, how it is written, and what it does.

The documentation and completion read it; a test proves that it has each statement of the grammar and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum


class Group(Enum):
    """What a statement is about; the value is the grammar's rule that lists the statements of the group."""

    SAYING = "_output"
    TIMING = "_timing"
    ENDING = "_ending"
    AROUND = "_envelope"
    CHOOSING = "_control"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of the catalogue.

    Attributes:
        name: its first keyword.
        shape: how it is written: capitals stand for values, brackets enclose what may be missing, `|` is "or".
        example: a whole one.
        help: a sentence in Markdown about what it does.
    """

    group: Group
    name: str
    shape: str
    example: str
    help: str


def _of(group: Group, rows: Iterable[tuple[str, str, str, str]]) -> list[Statement]:
    return [Statement(group, *row) for row in rows]


_STATEMENTS = [
    *_of(
        Group.SAYING,
        (
            ("reply", "reply VALUE [in N chunks]", 'reply "Hello, {{ user }}."',
             "Says a text, cut into tokens; any other value is said as its JSON text."),
            ("chunk", "chunk TEXT [logprob NUMBER [top OBJECT]]", 'chunk "Hel"',
             "Says a text in exactly one event, with its log probabilities if they are given."),
            ("think", "think TEXT [in N chunks]", 'think "Hard to say."',
             "Reasons."),
            ("call", "call TOOL ARGUMENTS [id TEXT] [in N chunks]", 'call get_weather { city: "Paris" }',
             "Calls a tool; arguments are an object, a text that is sent as it is, or a list of fragments."),
            ("refuse", "refuse TEXT [in N chunks]", 'refuse "I cannot help with that."',
             "Refuses."),
            ("raw", "raw TEXT [as binary]", 'raw "data: {oops\\n\\n"',
             "Sends bytes as they are; `as binary` makes a binary message of them on a socket."),
            ("push", "push VALUE", 'push { type: "ping" }',
             "Sends a frame of the script's own, on a socket."),
            ("comment", "comment TEXT", 'comment "keep-alive"',
             "Sends an SSE comment; on a socket a ping."),
            ("choice", "choice { … }", 'choice { reply "Heads." }',
             "Is one of several choices (`n`), side by side with the others."),
        ),
    ),
    *_of(
        Group.TIMING,
        (
            ("wait", "wait TIME", "wait 200ms ± 50ms",
             "Waits."),
            ("ttft", "ttft TIME", "ttft 300ms",
             "Time to the first token: waits before the first thing that is said, whatever waits came before."),
            ("pace", "pace RATE [± SPREAD]", "pace 40 tok/s ± 20%",
             "From here on each piece after the first takes its time."),
            ("repeat", "repeat N { … }", 'repeat 3 { chunk "{{ loop.index }} " }',
             "Does it again and again; `loop.index` counts from 1."),
        ),
    ),
    *_of(
        Group.ENDING,
        (
            ("finish", "finish REASON", "finish length",
             "Ends with this finish reason."),
            ("fail", "fail [STATUS] [TEXT] [as CODE] [param NAME] [retry after TIME]",
             'fail 429 "Slow down." retry after 1s',
             "Fails as the API does; what is not given is the API's own for the status, which is 500 by itself."),
            ("cut", "cut [clean]", "cut",
             "Closes the connection amid the answer; `clean` ends it properly, but without its last events."),
            ("reset", "reset", "reset",
             "Resets the TCP connection."),
            ("hang", "hang [TIME]", "hang 30s",
             "Goes silent, and leaves the connection open."),
            ("close", "close [CODE] [TEXT]", 'close 1011 "internal error"',
             "Closes a socket with a code, 1000 by itself."),
        ),
    ),
    *_of(
        Group.AROUND,
        (
            ("status", "status CODE", "status 206",
             "Sets the HTTP status."),
            ("usage", "usage OBJECT", "usage { input: 12, output: 3, cached: 8, reasoning: 0 }",
             "Sets token counts; those that are missing are counted."),
            ("header", "header NAME TEXT", 'header "x-served-by" "pool-1"',
             "Sets a header of the response, in place of one of this name."),
            ("meta", "meta OBJECT", 'meta { id: "chatcmpl-1", system_fingerprint: "fp_1" }',
             "Sets keys of the API's object."),
            ("logprobs", "logprobs N", "logprobs 5",
             "Makes up log probabilities for the texts from here on, with 0 to 20 alternatives for each token."),
            ("dialect", "dialect NAME", "dialect no-index",
             "Sends tool calls in streams of Chat Completions as some gateways do."),
            ("split", "split every N bytes | at N bytes | crlf", "split every 16 bytes",
             "Cuts what is sent into writes of so many bytes, or once; or ends its lines in CRLF."),
        ),
    ),
    *_of(
        Group.CHOOSING,
        (
            ("sequence", "sequence { … }", 'sequence { fail 429; reply "At last." }',
             "The next step at each answer, the last one for ever after."),
            ("cycle", "cycle { … }", 'cycle { reply "Tick."; reply "Tock." }',
             "The next step at each answer, the first one again after the last."),
            ("pick", "pick { [SHARE] … }", 'pick { 90% reply "Heads."; reply "The edge." }',
             "One step at random; steps without a share have equal parts of what is left."),
            ("chance", "chance SHARE STATEMENT", "chance 5% fail 500",
             "The statement, or nothing."),
            ("limit", "limit N requests|tokens per TIME", "limit 3 requests per 1m",
             "A rate limit: goes on, or fails with 429."),
            ("after", "after N chunks|N bytes|TIME STATEMENT", "after 3 chunks cut",
             "Interrupts what follows at that moment."),
            ("every", "every TIME STATEMENT", 'every 15s push { type: "ping" }',
             "Does it by the clock; stands in a `socket` block itself."),
            ("use", "use NAME[(VALUE, …)]", 'use overloaded("gpt-4o")',
             "Does what a `define` says."),
            ("go", "go STATE", "go paying",
             "Leads the scenario to another state, in a `scenario`."),
            ("remember", "remember NAME = VALUE", 'remember item = "teapot"',
             "Puts a value by for the session, as `memory.item`."),
        ),
    ),
]  # fmt: skip

CATALOGUE: Mapping[str, Statement] = {statement.name: statement for statement in _STATEMENTS}
