"""The catalogue of all codes: what each means, a script that gets it, and the way out.

`mockllm check --explain CODE` prints an entry, and docs/diagnostics.md is made of them. Tests compile each script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dsl.diagnostics import did_you_mean


@dataclass(frozen=True, slots=True)
class Code:
    """A code. `bad` is a script that gets this code and no other, `mended` one that gets none.

    `files` stand beside them, by name.
    """

    code: str
    title: str
    meaning: str
    bad: str
    mended: str
    files: Mapping[str, str] = field(default_factory=dict)


class UnknownCode(ValueError):
    """There is no such code. The message says which there are."""


def explain(code: str) -> str:
    """What a code means, as text for a terminal, without a final line feed.

    Raises:
        UnknownCode: no diagnostic has it.
    """
    entry = CODES.get(code.upper())
    if entry is None:
        help = did_you_mean(code.upper(), CODES) or f"the codes are {', '.join(CODES)}"
        raise UnknownCode(f"there is no code {code}; {help}")
    parts = [f"{entry.code}: {entry.title}", entry.meaning]
    parts += [f"{name}:\n\n{_indented(text)}" for name, text in entry.files.items()]
    parts += [f"A script that gets it:\n\n{_indented(entry.bad)}", f"Mended:\n\n{_indented(entry.mended)}"]
    return "\n\n".join(parts)


def as_markdown() -> str:
    """All codes as the page docs/diagnostics.md."""
    kinds = {"E1": "Syntax", "E2": "Names and types", "E3": "Templates and regular expressions", "W4": "Warnings"}
    rows = ["# What `mockllm check` says", "", _PREFACE]
    kind = ""
    for entry in CODES.values():
        if entry.code[:2] != kind:
            kind = entry.code[:2]
            rows += [f"## {kinds[kind]}", ""]
        rows += [f"### {entry.code}: {entry.title}", "", entry.meaning, ""]
        for name, text in entry.files.items():
            rows += [f"`{name}`:", "", "```text", text.rstrip("\n"), "```", ""]
        rows += ["A script that gets it:", "", "```text", entry.bad, "```", ""]
        rows += ["Mended:", "", "```text" if entry.files else "```llmock", entry.mended, "```", ""]
    return "\n".join(rows)


def _indented(text: str) -> str:
    return "\n".join(f"    {row}".rstrip() for row in text.rstrip("\n").split("\n"))


_PREFACE = """\
Each diagnostic has a code that never changes. Those that begin with `E` are errors: the script cannot be served.
Those that begin with `W` are warnings: the script can be served, and surely does not do what was meant. With
`--strict` they count as errors. `mockllm check --explain CODE` prints an entry of this page.

This page is made from `dsl/codes.py`; `pytest tests/diagnostics --rewrite` writes it.
"""

_NUMBERS = f"[{', '.join(map(str, range(1_001)))}]"
_MANY = f"for each a in {_NUMBERS} {{ for each b in {_NUMBERS} {{ when turn is a and n is b reply a }} }}"

_ENTRIES = (
    Code(
        "E101",
        "An unexpected character",
        "A character stands where no word, text, number or sign of the language begins with it.",
        "otherwise reply “Hello.”",
        'otherwise reply "Hello."',
    ),
    Code(
        "E102",
        "Something is never closed",
        "A text, a regular expression or a template has an opening sign, and no closing one. "
        "A text in one pair of quotes ends on its line.",
        'otherwise reply "Hello.',
        'otherwise reply "Hello."',
    ),
    Code(
        "E103",
        "A long text begins on the line of its quotes",
        "A text in three quotes stands on lines of its own, between its quotes.",
        'otherwise reply """Hello."""',
        'otherwise reply """\n    Hello.\n"""',
    ),
    Code(
        "E104",
        "Braces that do not match",
        "A `{` is never closed, or a `}` closes nothing.",
        'when user is "hi" {\n    reply "Hello."',
        'when user is "hi" {\n    reply "Hello."\n}',
    ),
    Code(
        "E105",
        "Something else is expected",
        "The grammar does not allow this word or sign here. The message says what could stand "
        "there, and often what was meant.",
        'if user is "hi" reply "Hello."',
        'when user is "hi" reply "Hello."',
    ),
    Code(
        "E106",
        "An operator of another language",
        "Conditions are written in words: `is`, `is not`, `and`, `or`, `not`.",
        'when user == "hi" reply "Hello."',
        'when user is "hi" reply "Hello."',
    ),
    Code(
        "E107",
        "An operand is missing",
        "A word that needs a value or a text behind it is followed by something else.",
        'when user is "hi" { chunk wait 5ms }',
        'when user is "hi" { chunk "Hello."; wait 5ms }',
    ),
    Code(
        "E108",
        "An unknown escape",
        "In double quotes a backslash begins an escape, as in JSON. In single quotes it is a backslash.",
        'otherwise reply "C:\\dir"',
        "otherwise reply 'C:\\dir'",
    ),
    Code(
        "E109",
        "A number with too many digits",
        "Numbers have at most as many digits as the machine can count with.",
        f'when n > {"1" * 45} reply "Hello."',
        'when n > 1000 reply "Hello."',
    ),
    Code(
        "E110",
        "Nested too deeply",
        "Braces, brackets or parentheses stand more than a hundred levels deep in one another.",
        f"otherwise reply {'[' * 101}{']' * 101}",
        "otherwise reply [[1, 2], [3]]",
    ),
    Code(
        "E201",
        "An unknown field",
        "A condition tests something that requests, or in a test outcomes, do not have.",
        'when prompt contains "hi" reply "Hello."',
        'when user contains "hi" reply "Hello."',
    ),
    Code(
        "E202",
        "Types that do not fit",
        "A field is compared with a value that it never has, or a statement is given a value "
        "of another kind than it takes.",
        'when temperature contains "1" reply "Hello."',
        'when temperature in 0..1 reply "Hello."',
    ),
    Code(
        "E203",
        "A name that stands for nothing",
        "A bare word is no constant, no parameter and none of the words that may stand there. "
        "A text stands in quotes.",
        'when model is flagship reply "Hello."',
        'let flagship = "gpt-4o"\nwhen model is flagship reply "Hello."',
    ),
    Code(
        "E204",
        "A name that is given twice",
        "Two rules, constants, blocks, tests, sockets or keys have one name.",
        'rule greet when user is "hi" reply "Hello."\nrule greet when user is "hey" reply "Hey."',
        'rule greet when user in ["hi", "hey"] reply "Hello."',
    ),
    Code(
        "E205",
        "An unknown block",
        "`use` names a block that no `define` has named.",
        "otherwise use overloaded",
        "define overloaded { fail 529 }\notherwise use overloaded",
    ),
    Code(
        "E206",
        "An unknown state",
        "`go` names a state that its scenario does not have, or stands outside of any scenario.",
        "otherwise go paying",
        "scenario shop {\n"
        '    state browsing { otherwise { reply "Card or cash?"; go paying } }\n'
        '    state paying { otherwise reply "Thank you." }\n'
        "}",
    ),
    Code(
        "E207",
        "An unknown word",
        "A finish reason, a dialect or the value of a field is none of those that there are.",
        'otherwise { reply "Hello."; finish lenght }',
        'otherwise { reply "Hello."; finish length }',
    ),
    Code(
        "E208",
        "Something that refers to itself",
        "A constant, a named condition or a block is made of itself, or of so many others "
        "that it would have no end.",
        "define greet { use greet }\notherwise use greet",
        'define greet { reply "Hello." }\notherwise use greet',
    ),
    Code(
        "E209",
        "A template where none can stand",
        "Conditions and tests compare with values that are known when the script is read.",
        'when user is {{ model }} reply "Hello."',
        'when user is "gpt-4o" reply "Hello."',
    ),
    Code(
        "E210",
        "A name that is taken",
        "A constant cannot be called like a field of requests or a word of the language.",
        'let user = "Ada"\notherwise reply user',
        'let customer = "Ada"\notherwise reply customer',
    ),
    Code(
        "E211",
        "A number out of range",
        "A count, a status or a time is not one that can be.",
        "otherwise fail 42",
        "otherwise fail 429",
    ),
    Code(
        "E212",
        "An unknown count",
        "`usage` counts `input`, `output`, `cached` and `reasoning` tokens.",
        'otherwise { usage { prompt: 5 }; reply "Hello." }',
        'otherwise { usage { input: 5 }; reply "Hello." }',
    ),
    Code(
        "E213",
        "Shares that do not add up",
        "The weights of a `pick` are more than 100%, a chance is, or a step has a weight "
        "where only those of a `pick` have one.",
        'otherwise pick { 60% reply "a"; 60% reply "b" }',
        'otherwise pick { 60% reply "a"; 40% reply "b" }',
    ),
    Code(
        "E214",
        "What cannot happen at this moment",
        "Bytes are counted as they leave, when only `cut`, `reset` or `hang` can happen. A "
        "socket counts time alone.",
        'otherwise { after 40 bytes fail 500; reply "Hello." }',
        'otherwise { after 40 bytes cut; reply "Hello." }',
    ),
    Code(
        "E215",
        "A list of fragments that is cut again",
        "Arguments written as a list are sent item by item, which leaves nothing to cut.",
        'when not tool_result call find ["{", "}"] in 3 chunks',
        'when not tool_result call find ["{", "}"]',
    ),
    Code(
        "E216",
        "A file that cannot be read",
        "`include` or `for each` names a file that is not there, is no text, or cannot be told from here.",
        'include "comon.llmock"\notherwise reply greeting',
        'include "common.llmock"\notherwise reply greeting',
        {"common.llmock": 'let greeting = "Hello."\n'},
    ),
    Code(
        "E217",
        "A file outside the script's folder",
        "A script reads files of its own folder and of those below it.",
        'include "../common.llmock"\notherwise reply greeting',
        'include "common.llmock"\notherwise reply greeting',
        {"common.llmock": 'let greeting = "Hello."\n'},
    ),
    Code(
        "E218",
        "A file that includes itself",
        "Files that include one another in a circle have no end.",
        'include "script.llmock"\notherwise reply "Hello."',
        'otherwise reply "Hello."',
    ),
    Code(
        "E219",
        "`nth` under `or` or `not`",
        "`nth` counts how often the rest of the condition has held, so that it stands beside it, joined by `and`.",
        'when user is "hi" or nth > 2 reply "Hello."',
        'when user is "hi" and nth > 2 reply "Hello."',
    ),
    Code(
        "E220",
        "The wrong number of arguments",
        "`use` gives a block as many arguments as it has parameters.",
        'define greet(name) { reply "Hello, {{ name }}." }\notherwise use greet',
        'define greet(name) { reply "Hello, {{ name }}." }\notherwise use greet("Ada")',
    ),
    Code(
        "E221",
        "A socket's statement without a socket",
        "`push` and `close` act on WebSockets alone.",
        'otherwise close 1000 "done"',
        'when transport is websocket close 1000 "done"\notherwise reply "Hello."',
    ),
    Code(
        "E222",
        "A statement that cannot stand here",
        "`every` belongs to a `socket`, and a fault that a request asks for cannot do all that a rule can.",
        'otherwise { every 1s chunk "." }',
        'otherwise repeat 3 { chunk "."; wait 1s }',
    ),
    Code(
        "E223",
        "This is not the path of a socket",
        "A socket has a path that begins with `/`.",
        'socket "realtime" { otherwise push { type: "pong" } }',
        'socket "/v1/realtime" { otherwise push { type: "pong" } }',
    ),
    Code(
        "E224",
        "Data that cannot be read",
        "The file of a `for each` is no CSV, JSON or JSON Lines with rows of one kind.",
        'for each row in "faq.json" { when user is row.q reply row.a }',
        'for each row in [{ q: "Why?", a: "Because." }] { when user is row.q reply row.a }',
        {"faq.json": '{ "q": \n'},
    ),
    Code(
        "E225",
        "A row without this key",
        "The variable of a `for each` has the keys of its rows and no others.",
        'for each row in [{ q: "Why?", a: "Because." }] { when user is row.question reply row.a }',
        'for each row in [{ q: "Why?", a: "Because." }] { when user is row.q reply row.a }',
    ),
    Code(
        "E226",
        "Too many turns",
        "The rows of one `for each` within another are multiplied, and together there are too many.",
        _MANY,
        'for each number in [1, 2, 3] { when turn is number reply "{{ number }}" }',
    ),
    Code(
        "E230",
        "A step before what it needs",
        "A test first asks or connects, then repeats, sends or expects.",
        'otherwise reply "Hello."\ntest "greets" { expect text is "Hello." }',
        'otherwise reply "Hello."\ntest "greets" { request { user: "hi" }; expect text is "Hello." }',
    ),
    Code(
        "E231",
        "A test of a socket that there is none of",
        "`connect` opens a socket of the script's own, or one that the server has by itself.",
        'otherwise reply "Hello."\ntest "opens" { connect "/v1/realtme" expect ending is "end" }',
        'otherwise reply "Hello."\ntest "greets" { request { user: "hi" }; expect text is "Hello." }',
    ),
    Code(
        "E232",
        "Keys of a request that exclude one another",
        "A conversation is written in short (`user`) or as a whole (`messages`, or `input` on "
        "Responses), and not both.",
        'otherwise reply "Hello."\n'
        'test "greets" { request { user: "hi", messages: [] }; expect text is "Hello." }',
        'otherwise reply "Hello."\ntest "greets" { request { user: "hi" }; expect text is "Hello." }',
    ),
    Code(
        "E233",
        "An unknown key of a request",
        "The requests of tests have the fields of conditions and the parameters of the API. "
        "Anything else goes into `body`.",
        'otherwise reply "Hello."\ntest "greets" { request { usr: "hi" }; expect text is "Hello." }',
        'otherwise reply "Hello."\ntest "greets" { request { user: "hi" }; expect text is "Hello." }',
    ),
    Code(
        "E234",
        "A response that no test keeps",
        "Nobody who writes a test knows the ids that a server makes up, so that no test "
        "continues a stored response.",
        'otherwise reply "Hello."\n'
        'test "goes on" { request { user: "hi", previous_response_id: "resp_1" }; expect text '
        'is "Hello." }',
        'otherwise reply "Hello."\ntest "greets" { request { user: "hi" }; expect text is "Hello." }',
    ),
    Code(
        "E301",
        "An undefined template variable",
        "A template prints a name that is no field, no capture of the condition, no constant and no parameter.",
        'when user matches /order (?<number>\\d+)/ reply "Order {{ nummer }}."',
        'when user matches /order (?<number>\\d+)/ reply "Order {{ number }}."',
    ),
    Code(
        "E302",
        "An invalid template",
        "What stands between `{{` and `}}`, or `{%` and `%}`, is no Jinja.",
        'otherwise reply "{{ user | }}"',
        'otherwise reply "{{ user | upper }}"',
    ),
    Code(
        "E303",
        "An invalid regular expression",
        "Regular expressions are those of RE2: without look-around and back-references, so "
        "that their time is linear in the text.",
        'when user matches /(unclosed/ reply "Hello."',
        'when user matches /\\(unclosed/ reply "Hello."',
    ),
    Code(
        "E304",
        "A capture that may not be there",
        "A name is captured in one branch of an `or` only, and printed whichever holds.",
        'when user matches /order (?<number>\\d+)/ or user mentions "order" reply "Order {{ number }}."',
        'when user matches /order (?<number>\\d+)/ or user mentions "order" reply "Order {{ '
        "number | default('?') }}.\"",
    ),
    Code(
        "E305",
        "A part that there never is",
        "A text, a number or a function is asked for a part that only other languages have. Texts have Python's "
        "methods (`user.upper()`) and Jinja's filters (`user | length`).",
        'otherwise reply "{{ user.length }} characters"',
        'otherwise reply "{{ user | length }} characters"',
    ),
    Code(
        "W401",
        "A rule that can never answer",
        "A rule above it holds whenever it does, and the first that holds answers.",
        'when user contains "order" reply "Which?"\nwhen user contains "order 66" reply "No."',
        'when user contains "order 66" reply "No."\nwhen user contains "order" reply "Which?"',
    ),
    Code(
        "W402",
        "A statement that does nothing here",
        "The wire on which the rule answers cannot carry what the statement does.",
        'when endpoint is responses { dialect no-index; reply "Hello." }',
        'when endpoint is chat { dialect no-index; reply "Hello." }',
    ),
    Code(
        "W403",
        "A statement that is never reached",
        "`fail`, `cut`, `reset`, `hang` and `close` end an answer, and `finish` what is said in it.",
        'otherwise { fail 500; reply "Hello." }',
        'otherwise { reply "Hello." }',
    ),
    Code(
        "W404",
        "A tool call that may never stop",
        "The user's text is still the last one when the tool's result comes back. So the rule "
        "holds again, and the client calls the tool again, and again.",
        'when user mentions "weather" call get_weather {}',
        'when tool_result reply "It rains."\nwhen user mentions "weather" call get_weather {}',
    ),
    Code(
        "W405",
        "An empty range",
        "The lower end is above the upper one, so that nothing lies between them.",
        'when temperature in 1..0 reply "Hello."',
        'when temperature in 0..1 reply "Hello."',
    ),
    Code(
        "W406",
        "An interruption of nothing",
        "`after` counts what is said below it, and nothing is.",
        'otherwise { reply "Hello."; after 2 chunks cut }',
        'otherwise { after 2 chunks cut; reply "Hello." }',
    ),
    Code(
        "W407",
        "A failure too late for its head",
        "A client that streams has had status and headers when something was said. What a "
        "later `fail` has to say of them does not reach it.",
        'otherwise { reply "One moment."; fail 429 }',
        "otherwise fail 429",
    ),
    Code(
        "W408",
        "A condition that can never hold",
        "Two parts that are joined by `and` are never true of one request.",
        'when user is "hi" and user is "hey" reply "Hello."',
        'when user in ["hi", "hey"] reply "Hello."',
    ),
    Code(
        "W409",
        "A state that is never entered",
        "No `go` leads from the first state of the scenario to this one.",
        "scenario shop {\n"
        '    state browsing { when user is "x" { reply "Bye."; go gone }\n'
        '        otherwise reply "Card or cash?" }\n'
        '    state paying { otherwise reply "Thank you." }\n'
        '    state gone { otherwise reply "Closed." }\n'
        "}",
        "scenario shop {\n"
        "    state browsing {\n"
        '        when user is "x" { reply "Bye."; go gone }\n'
        '        otherwise { reply "Card or cash?"; go paying }\n'
        "    }\n"
        '    state paying { otherwise reply "Thank you." }\n'
        '    state gone { otherwise reply "Closed." }\n'
        "}",
    ),
    Code(
        "W411",
        "A test that expects nothing",
        "Without an `expect` a test cannot fail.",
        'otherwise reply "Hello."\ntest "greets" { request { user: "hi" } }',
        'otherwise reply "Hello."\ntest "greets" { request { user: "hi" }; expect text is "Hello." }',
    ),
    Code(
        "W412",
        "A state that is never left",
        "The first state leads to no other, or a state leads to nothing but itself.",
        "scenario shop {\n"
        '    state browsing { otherwise reply "Card or cash?" }\n'
        '    state paying { otherwise reply "Thank you." }\n'
        "}",
        "scenario shop {\n"
        '    state browsing { otherwise { reply "Card or cash?"; go paying } }\n'
        '    state paying { otherwise reply "Thank you." }\n'
        "}",
    ),
    Code(
        "W413",
        "A name that is never used",
        "A constant, a named condition or a block stands in a script with rules, and nothing there uses it.",
        'let greeting = "Hello."\notherwise reply "Hi."',
        'let greeting = "Hello."\notherwise reply greeting',
    ),
    Code(
        "W414",
        "A capture that is never used",
        "A group of a regular expression has a name that no template prints.",
        'when user matches /order (?<number>\\d+)/ reply "Which?"',
        'when user matches /order (?<number>\\d+)/ reply "Order {{ number }}."',
    ),
    Code(
        "W415",
        "Chance without a seed",
        "Without a seed a server draws one at its start, and what fails today passes tomorrow.",
        'otherwise { chance 5% fail 500; reply "Hello." }',
        'defaults { seed 42 }\notherwise { chance 5% fail 500; reply "Hello." }',
    ),
    Code(
        "W416",
        "An answer of more than an hour",
        "Clients give up after minutes. Mostly a unit is wrong: `m` is minutes, `ms` milliseconds.",
        'otherwise { wait 500m; reply "Hello." }',
        'otherwise { wait 500ms; reply "Hello." }',
    ),
    Code(
        "W417",
        "A script without rules",
        "It answers every request with 404. A file that others include may have none, if it declares something.",
        'test "greets" { request { user: "hi" }; expect status is 404 }',
        'otherwise reply "Hello."\ntest "greets" { request { user: "hi" }; expect text is "Hello." }',
    ),
    Code(
        "W418",
        "A template that is none",
        "Braces in a text look like a template and are sent as they stand: templates are `{{ "
        "… }}` in double quotes, and no condition has any.",
        'otherwise reply "You said {user}."',
        'otherwise reply "You said {{ user }}."',
    ),
    Code(
        "W419",
        "A status in quotes",
        "A text behind `fail` is the message; the status is then 500.",
        'otherwise fail "429"',
        "otherwise fail 429",
    ),
    Code(
        "W420",
        "A status of an error that is none",
        "`status` sets the status of what is said, which is a whole answer of the model. An error as the API "
        "sends it is `fail`, with its own status behind it.",
        'otherwise { status 429; fail "Slow down." }',
        'otherwise fail 429 "Slow down."',
    ),
    Code(
        "W421",
        "A model that there is none of",
        "A request for a model that `models` does not list is a 404, and no rule is asked.",
        'defaults { models ["gpt-4o"] }\n\nwhen model is "gpt-5" reply "Hello."',
        'defaults { models ["gpt-4o", "gpt-5"] }\n\nwhen model is "gpt-5" reply "Hello."',
    ),
    Code(
        "W422",
        "A pattern that is compared as it stands",
        "`is` and `in` compare whole texts. A beginning is `starts with`, a pattern `matches`.",
        'when model is "gpt-4*" reply "Hello."',
        'when model starts with "gpt-4" reply "Hello."',
    ),
    Code(
        "W423",
        "An event of another name",
        "A socket opens with `on connect` and ends with `on close`. Any other name is the `type` of a frame; one "
        "that looks like these is put in quotes.",
        'socket "/v1/events" { on open push { type: "hello" } }',
        'socket "/v1/events" { on connect push { type: "hello" } }',
    ),
)

CODES: Mapping[str, Code] = {entry.code: entry for entry in _ENTRIES}
