"""Phrases of other languages, and how this one puts them: what stands before a mistake, what it begins with, and
the way out. Looked through from the top; only what the grammar refuses gets here."""

from __future__ import annotations

import re

from dsl.fields import Field, Type

_PHRASES: list[tuple[re.Pattern[str], re.Pattern[str], str]] = [
    (re.compile(before + r"\Z"), re.compile(found), help)
    for before, found, help in (
        # declarations
        (r"(?:^|\n)\s*", r"(?:-\s+\w+\s*:|\{\s*[\"'\w]+\s*:|\[\s*\{|---)",
         "a script is neither YAML nor JSON: a rule is written `when user contains \"…\" reply \"…\"`"),
        (r"(?:^|\n)\s*", r"\{%", "templates stand in texts; a constant is named by `let x = …`"),
        (r"(?:^|\n)\s*", r"on\s+(?:request|message|call)\s+when\b", "leave out the `on …`: rules answer requests"),
        (r"(?:^|\n)\s*", r"(?:stub|mock|route|handler|intercept|respond|response|GET|POST)\b",
         "a rule is written `when user contains \"…\" reply \"…\"`"),
        (r"(?:^|\n)\s*", r"if\s*\(", "a rule is written `when user contains \"…\" reply \"…\"`"),
        (r"\brule\s+\S+\s*", r"priority\b", "there is no priority: the first rule that holds answers"),
        (r"(?:^|\n)\s*", r"limit\s+\d+\s*/",
         "write `limit 100 requests per 1m`, in a rule or, for all of them, in `defaults { … }`"),
        (r"\{.*", r"test\s+[\"']", "a test stands at the top level, outside all braces"),
        (r"\blet\s+([\w-]+)\s*=\s*\w+\s*", r"\[[^\]\n]*\]\s*(?:is|in|contains|mentions|matches|has|[<>])",
         r"a condition is named by `let … when`: `let \1 when …`"),
        (r"\bscenario\b[^{}]*\{\s*", r"(?:initial|start)\b", "the first state is where everybody starts"),
        (r"\bscenario\b[^{}]*\{\s*", r"(?:when|otherwise|rule)\b",
         "a rule stands in a state: `state NAME { when … }`"),
        (r"(?:^|\n)\s*", r"default\s*\{", "did you mean `defaults`?"),
        (r"(?:^|\n)\s*", r"(?:seed|models|conversation)\b", "it stands in `defaults { … }`"),
        (r"(?:^|\n)", r"[A-Za-z_]\w*\s*=(?!=)", "a constant is named by `let`: `let x = …`"),
        (r"(?:^|\n)", r"(?:ttft|pace|header|meta|usage|logprobs|dialect|split|limit)\b",
         "it stands in a rule, or, for all of them, in `defaults { … }`"),
        (r"\bdefaults\b[^{}]*\{[^{}]*", r",", "settings need nothing between them, or a `;`"),
        (r"(?:\bwhen|\botherwise|\bon)\b[^{}]*\{?[^{}]*", r"for\s+each\b",
         "`for each` stands around rules; in a body write `repeat 3 { … }`, or in a text `{% for … %}`"),
        (r"(?:^|\n)\s*", r"on\s", "it stands in a socket: `socket \"/v1/…\" { on connect … }`"),
        (r"(?:^|\n)\s*", r"state\s", "it stands in a scenario: `scenario NAME { state … }`"),
        (r"(?:^|\n)\s*", r"(?:request|expect|again)\b", "it stands in a test: `test \"…\" { … }`"),
        (r"\blet\s+([\w-]+)\s*=\s*(?:reply|fail|chunk|call|wait|think)\s*", r"",
         r"statements are named by `define \1 { … }`, and used by `use \1`"),
        (r"\blet\s+[\w-]+\s*", r":=?", "write `=`"),
        (r"\blet\s+[\w-]+\s*", r"\(", "what has parameters is a block: `define f(x) { … }`"),
        (r"\blet\s+[\w-]+\s*", r"[\"'\d\[{/]", "write `let x = …`"),
        (r"\brule\s+[\w-]+\s*", r"\{", "a rule says when it answers: `rule NAME when … { … }`"),
        (r"\brule\s+(?!when\b|otherwise\b)[\w-]+\s*", r"(?!when|otherwise)[A-Za-z]",
         "a name of several words stands in quotes: `rule \"my rule\" when …`"),
        # conditions
        (r"\b(?:when|and|or|not|given)\s+[\w.\[\]]+\.\s*", r"\d+\b", "a number stands in brackets: `messages[0]`"),
        (r"\b(?:and|or)\s+when\s*", r"", "leave out the second `when`"),
        (r"\b([\w.]+)\s+(contains|mentions)\s+(\"[^\"\n]*\")\s+or\s*", r"[\"']",
         r'each part names its field: `\1 \2 \3 or \1 \2 "…"`, or `\1 \2 any [\3, "…"]`'),
        (r"\bmatches\s*", r"(?:any\s*)?\[", "one regular expression has alternatives: `matches /one|other/`"),
        (r"\bmatches\s*", r"all\s*\[", "join several `matches` by `and`"),
        (r"\btool_result\s*", r"(?!exists\b|present\b)(?:[\w-]+\b\s*(?=[a-z{])|[\"'])",
         "the tool's name stands in brackets: `tool_result[\"…\"]`"),
        (r"\bmatches\s+r\s*", r"[\"']", "a regular expression stands between slashes: `/…/`"),
        (r"\b(?:when|not|given)\s+(contains|mentions|matches)\s*", r"[\"'/]",
         r"the field is missing: `user \1 …`"),
        (r"\bis\s+not\s+in\s*", r"[\[\d]", "write `not in`, without `is`"),
        (r"\bis\s+in\s*", r"[\[\d]", "write `in`, without `is`"),
        (r"\bis\s+(?:like|about|containing)\s*", r"[\"']", "write `contains` or `mentions`, without `is`"),
        (r"\bis\s+not\s*", r"(?:contains|mentions|matches|starts|ends|has)\b",
         "put `not` in front of the field: `not user contains …`"),
        (r"\b(?:and|or)\s+(?:is|in|contains|mentions|matches|has)\s*", r"",
         "each part names its field: `user is \"a\" or user is \"b\"`"),
        (r"\bany\s+of\s*", r"\[", "leave out `of`"),
        (r"\bcontains\s+\"[^\"]*\"\s*", r",", "several texts stand in a list: `contains any [\"a\", \"b\"]`"),
        (r"\bmentions\s+\"[^\"]*\"\s*", r",", "several texts stand in a list: `mentions any [\"a\", \"b\"]`"),
        (r"\bis\s+\"[^\"]*\"\s*", r",", "several values stand in a list: `in [\"a\", \"b\"]`"),
        (r"", r"between\b", "a range is written `in 0..1`"),
        (r"\bexpect\s+(?:reply|answer|response)\s*", r"[\"']", "what was said is `text`: `expect text is …`"),
        (r"", r"(?:exists|present)\b", "a field alone asks whether it is there: `when tool_result …`"),
        (r"\b(?:when|not)\s*", r"[\"']", "the field stands first: `user contains \"…\"`"),
        (r"\b(?:len|length|size|count)\s*", r"\(",
         "a text has no length to compare: write `user matches /.{6,}/s`, or look at `messages.tokens`"),
        (r"\b(?:when|and|or|not)\s+[\w.]+\s*", r"\(", "a condition calls nothing: `user contains \"…\"`"),
        # what is said
        (r"\b(?:reply|chunk)\s+\"[^\"\n]*\"\s*", r",\s*[\"']",
         "one `reply` says one text; several are `{ chunk \"…\"; chunk \"…\" }`"),
        (r"\b(?:reply|chunk)\s+\"[^\"\n]*\"\s*", r"with\b",
         "what belongs to it is a statement in front of it: `{ wait 50ms; reply \"…\" }`"),
        (r"\bfail\s+[\"']\d+[\"']\s*", r"[\"']", "the status stands without quotes: `fail 429 \"…\"`"),
        (r"[{;]\s*", r"role\b", "leave it out: what is said is always the assistant's"),
        (r"\breply\s+json\s*", r"[{\[]", "leave out `json`: an object is said as JSON"),
        (r"\b(?:when|otherwise)\b[^{}]*\{[^{}]*", r"(?:state|goto|transition)\s+\w",
         "another state is entered by `go NAME`"),
        (r"\bremember\s+([\w-]+)\s*", r"[;}]", r'write `remember \1 = "{{ \1 }}"`'),
        (r"\{[^{}]*", r"set\s+[\w-]+\s*=(?!=)", "write `remember name = …`"),
        (r"\bsocket\b[\s\S]*", r"send\b",
         "a frame of the script's own is sent by `push { … }`, and a text said by `reply`"),
        (r"\bpick\s*\{[\s\S]*\d%\s*", r"[;,}]", "a share stands in front of its step: `70% reply \"…\"`"),
        (r"\busage\s*", r"(?:input|output|total)\b",
         "the numbers stand in braces: `usage { input: 9, output: 2 }`"),
        (r"\bcall\s+[^\s{}]+\s*\{[^{}]*\}\s*", r"as\b",
         "the call's id stands behind `id`: `call f { … } id \"…\"`"),
        (r"\b(?:reply|chunk)\s+\"[^\"\n]*\"\s+after\s+(\d\w*)\s*", r"",
         r"put `wait \1` in front of it"),
        (r"[{;\"']\s*", r"chunks\s+[\"']", "did you mean `chunk`?"),
        (r"", r"(?:chunks?|stream|emit)\s*\[", "each chunk is a statement: `{ chunk \"Hel\"; chunk \"lo\" }`"),
        (r"\bchunk\s*", r"\[", "each chunk is a statement: `{ chunk \"Hel\"; chunk \"lo\" }`"),
        (r"", r"finish_reason\b", "write `finish length`, with the reason behind it and without quotes"),
        (r"\b(?:reply|chunk|think)\s*", r"(?:pick|random|uuid|lorem|now|noise|example_of)\s*\(",
         "what is computed stands in a template: `\"{{ pick('a', 'b') }}\"`"),
        (r"(?<![\w\"'])[fFrRbB]{1,2}", r"[\"']",
         "a text has no prefix: `\"…\"` is a template with `{{ … }}`, and `'…'` has no escapes"),
        (r"\b(?:example_of|random|pick|uuid|lorem|now|noise)\s*", r"\(",
         "what is computed stands in a template: `{{ example_of(…) }}`"),
        (r"\b(?:reply|chunk|think|refuse|raw|push|comment|wait|fail|hang|pace|ttft)\s*", r"\(",
         "leave out the parentheses"),
        (r"\bcall\s+\S+\s*", r"[\w-]+\s*[=:]", "arguments are JSON: `call tool { key: \"value\" }`"),
        (r"\b(?:sequence|cycle|pick)\s*", r"\[", "steps stand in braces: `{ reply \"a\"; reply \"b\" }`"),
        (r"(?:\botherwise|[{;\"'\]])\s*", r"[A-Za-z_][\w-]*\s*\(", "a block is used by `use`: `use NAME(…)`"),
        # time and trouble
        (r"\b(?:wait|ttft|hang)\s*", r"\{\{", "a random time is written as a range: `1s..5s`"),
        (r"\blimit\s+(\d+)\s*", r"/", r"write `limit \1 requests per 1m`"),
        (r"\b(cut|reset|hang)\s+after\s+(\d+)\s*", r"(?!ms|us|s\b|m\b|h\b|byte|chunk)[A-Za-z]",
         r"the moment stands first, and chunks are counted: `after \2 chunks \1`"),
        (r"\b(?:wait|ttft)\s*", r"\d+\s+(?:ms|s|m|h)\b", "a duration has no space in it: `50ms`"),
        (r"\b(?:wait|ttft)\s*", r"\d+\w*\s*(?:-|to\b|\.\.)\s*\d", "a range of durations is written `10ms..20ms`"),
        (r"\b(?:wait|ttft)\s+\d+(?:ms|s|m|h)\s*", r"(?:-|to\b)\s*\d",
         "a range of durations is written `10ms..20ms`"),
        (r"\b(cut|reset|hang)\s+after\s+\d+(?:ms|s|m|h)\s*", r"", r"the moment stands first: `after 200ms \1`"),
        (r"\bfail\s+(\d+)\s+message\s*", r"[\"']", r'write `fail \1 "…"`, without `message`'),
        (r"\bfail\s+with\s*", r"\d", "write `fail 429 \"…\"`, without `with`"),
        (r"\bfail\s+(\d+)(?:\s+\"[^\"\n]*\")?\s+after\s+(\d+\w*)\s*", r"", r"write `fail \1 retry after \2`"),
        (r"\b(?:cut|reset|hang)\s+after\s+\d+\s+\w+\s*", r"",
         "the moment stands first: `after 5 chunks cut`"),
        (r"\bafter\s+\d+\s*", r"tok(?:en)?s?\b", "chunks are counted: `after 5 chunks cut`"),
        (r"\bafter\s+\d+\s*", r"[A-Za-z]", "say what is counted: `after 3 chunks`, `after 300 bytes`, `after 3s`"),
        (r"\bfail\s+\d+\s*", r",", "write `fail 429 \"…\"`, without a comma"),
        (r"\bfail\b[^;{}\n]*\bretry[_-]after\s*", r"[\d\"'=:(]", "write `retry after 5s`"),
        (r"\bfail\b[^;{}\n]*", r"headers?\s*[\"']retry-after[\"']", "write `fail 429 retry after 5s`"),
        (r"\bfail\b[^;{}\n]*", r"headers?\s*[\"']", "it stands in front: `{ header \"…\" \"…\"; fail 429 }`"),
        (r"\breply\b[^;\n]*", r"status\s+[45]\d\d\b",
         "an error is `fail 429 \"…\"`; a body of your own is `{ status 429; raw '…' }`"),
        (r"\bfail\s*", r"\{", "write `fail 429 \"…\"`, without braces"),
        (r"\bfail\b[^;{}\n]*\b(?:code|type)\s*", r"[\"']", "a code stands behind `as`: `fail 404 as \"…\"`"),
        (r"\bfail\b[^;{}\n]*", r"(?:code|type)\b", "a code stands behind `as`: `fail 404 as \"…\"`"),
        (r"", r"retry(?:[-_]after)?\b", "it belongs to `fail`: `fail 429 retry after 5s`"),
        (r"\bhang\s*", r"(?:forever|always|indefinitely)\b", "`hang` alone is for ever"),
        (r"\brepeat\s*", r"\{", "say how often: `repeat 3 { … }`"),
        (r"\brepeat\s+\d+\s*", r"times\b", "leave out `times`"),
        (r"\blimit\s+\d+\s*", r"per\b", "say of what: `limit 3 requests per 1m`"),
        (r"\bper\s*", r"(?:s|sec|second|m|min|minute|h|hour|day)\b", "a period is a duration: `1s`, `1m`, `24h`"),
        (r"\bremember\s+memory\s*", r"\.", "leave out `memory.`: `remember item = …`"),
        (r"\bremember\s+[\w-]+\s*", r"[\"'\d\[{]", "write `remember item = …`"),
        # tests
        (r"\bexpect\s*", r"[\"']", "what was said is `text`: `expect text is \"…\"`"),
        (r"\btest\b[^{}]*\{\s*", r"(?:user|model|messages|input)\b",
         "what is asked stands in a request: `request { user: \"…\" }`"),
        (r"\brequest\s*", r"[\"']", "a request is an object: `request { user: \"…\" }`"),
        (r"\btest\b[^\n]*[;{]\s*", r"(?:assert|check)\b", "did you mean `expect`?"),
    )
]  # fmt: skip
# How much of what stands before a mistake matters.
_REACH = 300

_STATEMENTS = re.compile(
    r"\b(?:ttft|pace|wait|seed|models|status|dialect|logprobs|usage|meta|reply|chunk|think|refuse|raw|fail|hang)\s*\Z"
    r"|\bheader\s+(?:\"[^\"\n]*\"|'[^'\n]*')\s*\Z"
)


def phrase_hint(before: str, rest: str) -> str | None:
    """The way out of a mistake that begins with `rest`, behind the text `before`."""
    near = before[-_REACH:]
    for left, right, help in _PHRASES:
        if right.match(rest) and (found := left.search(near)):
            return found.expand(help)
    return None


def is_assigned(before: str) -> bool:
    """Whether an `=` behind this text gives a statement what it needs nothing in front of."""
    return _STATEMENTS.search(before[-_REACH:]) is not None


# -- names ------------------------------------------------------------------------------------

_EVERYTHING = "for every request write `otherwise`"
_FIELDS = {
    "user_message": "did you mean `user`?",
    "prompt": "did you mean `user`?", "content": "did you mean `user`?", "message": "did you mean `user`?",
    "text": "did you mean `user`?", "question": "did you mean `user`?", "query_text": "did you mean `user`?",
    "instructions": "did you mean `system`?", "developer": "did you mean `system`?",
    "system_prompt": "did you mean `system`?", "role": "did you mean `last`, the role of the last message?",
    "max_completion_tokens": "did you mean `max_tokens`?", "max_output_tokens": "did you mean `max_tokens`?",
    "headers": "did you mean `header`, as in `header[\"x-tenant\"]`?", "url": "did you mean `path`?",
    "authorization": "write `header[\"authorization\"]`", "api_key": "write `header[\"authorization\"]`",
    "tool": "did you mean `tools has …`?", "functions": "did you mean `tools`?",
    "tool_results": "did you mean `tool_result`?", "result": "did you mean `tool_result`?",
    "count": "did you mean `nth`, or `turn`?", "attempt": "did you mean `nth`?",
    "streaming": "did you mean `stream`?",
    "method": "there is none: a rule answers on its `path` by any method",
    "true": _EVERYTHING, "any": _EVERYTHING, "always": _EVERYTHING, "all": _EVERYTHING, "default": _EVERYTHING,
}  # fmt: skip
_BODY = (
    "response_format", "metadata", "store", "user_id", "parallel_tool_calls", "reasoning_effort", "reasoning",
    "frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs", "stop", "service_tier",
    "stream_options", "modalities", "audio", "prediction", "previous_response_id", "conversation", "truncation",
    "include", "text_format", "verbosity", "safety_identifier", "prompt_cache_key", "background", "dimensions",
    "encoding_format",
)  # fmt: skip
# What is called otherwise in a condition than in a template.
_VARIABLES = {
    "tool": "the tools offered are `tools`; what one gave back is `tool_result.NAME`",
    "datetime": "the time of day is `now()`",
    "date": "the time of day is `now()`",
    "time": "the time of day is `now()`",
    "Date": "the time of day is `now()`",
    "Math": "a random number is `random(1, 6)`",
    "randint": "a random number is `random(1, 6)`",
    "rand": "a random number is `random(1, 6)`",
    "uuid4": "did you mean `uuid()`?",
    "request": "a field stands alone: `{{ user }}`",
    "req": "a field stands alone: `{{ user }}`",
    "tool_name": "the tools offered are `tools`; what one gave back is `tool_result.NAME`",
}
_COUNTS = {
    "cache": "cached", "reason": "reasoning", "prompt": "input", "input": "input", "completion": "output",
    "output": "output",
}  # fmt: skip
_GROUPS = ("match", "matches", "groups", "group", "captures", "captured")
_OUTSIDE = ("env", "environ", "process", "os", "config", "settings")
# The status of a failure that has one of these in its name.
_STATUSES = {
    "rate": 429, "quota": 429, "limit": 429, "too_many": 429, "auth": 401, "key": 401, "permission": 403,
    "forbidden": 403, "not_found": 404, "timeout": 408, "overload": 503, "unavailable": 503, "server": 500,
    "internal": 500,
}  # fmt: skip
_VALUES = {
    "None": "did you mean `null`?", "nil": "did you mean `null`?", "undefined": "did you mean `null`?",
    "empty": "a field alone is true when it is there and not empty: `not user`",
    "NULL": "did you mean `null`?", "yes": "did you mean `true`?", "no": "did you mean `false`?",
}  # fmt: skip


def field_hint(name: str) -> str | None:
    """What to write in place of a field that there is none of."""
    if name in _BODY:
        return f"write `body.{name}`: what has no field of its own is part of the body"
    return _FIELDS.get(name)


def variable_hint(name: str) -> str | None:
    """What to write in a template in place of a name that stands for nothing."""
    if name in ("len", "length", "size"):
        return "the length of a text is written `user | length`"
    if name in _GROUPS:
        return "a group is printed by its name alone: `/(?<id>…)/` gives `{{ id }}`"
    if name in _OUTSIDE:
        return "a script sees nothing of the machine: name what it needs by `let`"
    hint = _VARIABLES.get(name) or field_hint(name)
    if hint == _FIELDS["user_message"]:
        return "`user` is the text of the last user message"
    return None if hint == _EVERYTHING else hint


def failure_hint(name: str) -> str:
    """What to write where the bare `name` of an error stands behind `fail`."""
    if name in ("else", "otherwise"):
        return 'what else happens stands behind it: `{ chance 10% fail 500; reply "…" }`'
    status = next((status for part, status in _STATUSES.items() if part in name.lower()), 400)
    return f'a code stands behind `as`: `fail {status} "…" as "{name}"`'


def template_hint(message: str) -> str | None:
    """The way out of what makes a text no template, by the template engine's message."""
    if "char '?'" in message:
        return "a choice is written `{{ b if a else c }}`"
    if "char '$'" in message:
        return "a group is printed by its name: `/(?<name>…)/` gives `{{ name }}`"
    return None


def count_hint(name: str) -> str | None:
    """What to write in place of a count of tokens that there is none of."""
    if name in ("total", "total_tokens"):
        return "leave it out: it is the sum of `input` and `output`"
    meant = next((count for word, count in _COUNTS.items() if word in name.lower()), None)
    return None if meant is None else f"did you mean `{meant}`?"


def part_hint(field: Field, part: str | int) -> str | None:
    """What to write in place of a part that a field does not have."""
    if field.type is Type.COLLECTION:
        return f"write `{field.name} has …`; `{field.name}` alone asks whether there are any"
    if field.type is not Type.TEXT:
        return None
    if part in ("length", "len", "size", "count"):
        return "to look at how long it is write `matches /.{6,}/s`"
    return None


def value_hint(name: str) -> str | None:
    """What to write in place of a bare name that stands for nothing."""
    return _VALUES.get(name)
