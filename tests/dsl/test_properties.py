"""Whatever the text and whatever the request, what happens is one of the things that are promised."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from dsl import Script, ScriptError, compile_fault, compile_script, compile_text, tokens
from dsl.conditions import fold
from dsl.diagnostics import as_json, as_line, as_text
from dsl.explain import explain_miss
from dsl.request import Headers, Message, Messages, Request
from dsl.session import Session
from dsl.timeline import Fail, Timeline
from dsl.values import PerformError
from tests.corpus.test_scripts import FOLDER, SCRIPTS
from tests.dsl.performing import NOON

TEXTS = {name: (FOLDER / name).read_text("utf-8") for name in SCRIPTS}
_TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)

anything = st.text(st.characters(exclude_categories=()), max_size=60)
words = st.sampled_from(sorted({token for text in TEXTS.values() for token in _TOKEN.findall(text)}))


def is_diagnosed(text: str) -> Script | None:
    """Compile; what is wrong with it must be told by diagnostics that can be shown."""
    try:
        return compile_text(text)
    except ScriptError as error:
        assert any(diagnostic.is_error for diagnostic in error.diagnostics)
        for diagnostic in error.diagnostics:
            span = diagnostic.primary.span
            assert 0 <= span.start <= span.end <= len(span.source.text)
            assert as_text(diagnostic).startswith(f"{diagnostic.severity}[{diagnostic.code}]: ")
            assert len(as_line(diagnostic).splitlines()) == 1
            json.dumps(as_json(diagnostic))
            assert not diagnostic.message.endswith(".")
        return None


@settings(max_examples=150)
@given(anything)
def test_arbitrary_text(text: str) -> None:
    is_diagnosed(text)


@settings(max_examples=200)
@given(st.lists(words, max_size=40))
def test_words_in_any_order(found: list[str]) -> None:
    is_diagnosed("".join(found))


@st.composite
def mutations(draw: st.DrawFn) -> str:
    found = _TOKEN.findall(TEXTS[draw(st.sampled_from(SCRIPTS))])
    for _ in range(draw(st.integers(1, 3))):
        at, other = draw(st.integers(0, len(found) - 1)), draw(st.integers(0, len(found) - 1))
        change = draw(st.sampled_from(["delete", "duplicate", "swap", "replace"]))
        if change == "delete" and len(found) > 1:
            del found[at]
        elif change == "duplicate":
            found.insert(at, found[at])
        elif change == "swap":
            found[at], found[other] = found[other], found[at]
        else:
            found[at] = draw(st.one_of(words, anything))
    return "".join(found)


@settings(max_examples=250)
@given(mutations())
def test_mutations_of_scripts(text: str) -> None:
    is_diagnosed(text)


@settings(max_examples=60)
@given(
    st.sampled_from(
        [
            ("when ", "not ", 'user reply "x"', ""),
            ("when ", "(", "user", ")"),
            ("otherwise reply ", "[", "1", "]"),
            ("otherwise reply ", "{a:", "1", "}"),
            ("otherwise ", "chance 5% ", "hang", ""),
            ("", "given user {", 'otherwise reply "x"', "}"),
            ("otherwise {", "repeat 1 {", 'chunk "x"', "}"),
            ('otherwise reply "{{ ', "(", "1", ")"),
            ('otherwise reply "{{ ', "[", "1", "]"),
            ('otherwise reply "', "{% if 1 %}", "x", "{% endif %}"),
            ("when user matches /", "(", "x", ")"),
        ]
    ),
    st.integers(1, 1500),
    st.booleans(),
)
def test_deep_nesting(parts: tuple[str, str, str, str], depth: int, closed: bool) -> None:
    before, opened, inner, close = parts
    is_diagnosed(f"{before}{opened * depth}{inner}{close * depth if closed else ''}")


# -- performing

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), anything),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=6,
)
SAID = sorted({text for script in TEXTS.values() for text in re.findall(r'"([^"\n]+)"', script)})
texts = st.one_of(anything, st.sampled_from(SAID), st.lists(st.sampled_from(SAID), max_size=3).map(" ".join))
messages = st.builds(
    Message,
    st.sampled_from(["user", "assistant", "system", "developer", "tool"]),
    texts | json_values.map(json.dumps),
    json_values,
    name=st.none() | st.sampled_from(["get_weather", "search_flights", "search_hotels"]),
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "response_format": st.fixed_dictionaries(
            {"type": st.sampled_from(["json_schema", "json_object"])},
            optional={"json_schema": st.fixed_dictionaries({"name": texts, "schema": json_values})},
        ),
        "metadata": json_values,
        "reasoning_effort": st.sampled_from(["low", "high"]),
        "logprobs": st.booleans(),
    },
)
requests = st.builds(
    Request,
    endpoint=st.sampled_from(["chat", "responses", "embeddings", "other"]),
    header=st.dictionaries(st.sampled_from(["authorization", "x-tenant", "x-tier", "x-chaos"]), texts).map(
        Headers
    ),
    body=bodies | json_values,
    model=st.none() | texts,
    messages=st.lists(messages, max_size=5).map(Messages),
    tools=st.lists(texts, max_size=2).map(tuple),
    tool_choice=st.none() | texts,
    temperature=st.none() | st.floats(0, 2),
    max_tokens=st.none() | st.integers(0, 50),
    n=st.none() | st.integers(1, 4),
    stream=st.booleans(),
)


@cache
def served(name: str) -> Script:
    return compile_script(FOLDER / name)


def is_sound(answer: Timeline) -> None:
    times = [event.at for event in answer.events]
    assert times == sorted(times)
    assert all(at <= answer.duration for at in times)


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(set(SCRIPTS) - {"lib/common.llmock"})),
    st.lists(requests, min_size=1, max_size=4),
    st.integers(),
)
def test_performing_raises_nothing_but_perform_error(name: str, asked: list[Request], seed: int) -> None:
    script, session = served(name), Session()
    for request in asked:
        match = script.table.first(request, session)
        if match is None:
            assert explain_miss(script.table, request, session).startswith("No rule matched")
            continue
        try:
            is_sound(script.perform(match, request, session, lambda: Random(seed), lambda: NOON))
        except PerformError as error:
            assert error.message and error.span.text


# -- trouble and time

counts = st.integers(0, 20).map(str)
delays = st.sampled_from(["0s", "50ms", "1s..3s", "300ms ± 50ms", "2s ± 150%", "1m"])
endings = st.sampled_from(
    ["cut", "cut clean", "reset", "hang", "hang 2s", "fail", "fail 429", 'fail 503 "{{ user }}" retry after 1s']
)
said = st.sampled_from(
    ['reply "one two three"', 'chunk "x"', 'think "{{ user | default(1) }}"', 'call f { a: {{ n | default(1) }} }',
     'refuse "no"', 'comment "alive"', r'raw "\xff\x00{{ user }}"', 'raw "{{ noise(9) }}" as binary',
     'usage { output: 70 }', 'remember it = "{{ user }}"', "finish length"]
)  # fmt: skip
wire = st.one_of(
    st.builds("split {} {} bytes".format, st.sampled_from(["every", "at"]), counts),
    st.just("split crlf"),
    st.builds("dialect {}".format, st.sampled_from(["standard", "no-index", "empty-id", "none"])),
    st.builds("header '{}' '{}'".format, st.sampled_from(["content-length", "x y", "connection"]), counts),
    st.builds("limit {} {} per {}".format, counts, st.sampled_from(["requests", "tokens"]),
              st.sampled_from(["0s", "1us", "10s", "1m", "24h"])),
    st.builds("pace {} {}".format,
              st.sampled_from(["40 tok/s", "10 byte/s", "0.5 char/s", "3 chunk/s", "0 byte/s"]),
              st.sampled_from(["", "± 20%", "+- 5ms", "± 300%"])),
    st.builds("{} {}".format, st.sampled_from(["wait", "ttft"]), delays),
)  # fmt: skip
statements = st.recursive(
    st.one_of(said, wire, endings),
    lambda inner: st.one_of(
        st.builds("chance {}% {}".format, st.integers(0, 100), inner),
        st.builds("after {} chunks {}".format, counts, inner),
        st.builds("after {} {}".format, delays, inner),
        st.builds("after {} bytes {}".format, counts, endings),
        st.builds("repeat {} {{ {} }}".format, st.integers(0, 3), inner),
        st.builds("choice {{ {} }}".format, inner),
    ),
    max_leaves=3,
)
scripts = st.builds(
    "defaults {{ {} }}\notherwise {{ {} }}".format,
    st.lists(wire, max_size=2).map("; ".join),
    st.lists(statements, max_size=6).map("; ".join),
)
faults = st.lists(st.one_of(statements, st.sampled_from(["429", "", "}", "reply"])), min_size=1, max_size=2)


@settings(max_examples=100)
@given(
    scripts,
    st.none() | faults.map("; ".join),
    st.lists(st.tuples(requests, st.floats(-10, 100)), min_size=1, max_size=4),
    st.integers(),
)
def test_trouble_and_time(text: str, fault: str | None, asked: list[tuple[Request, float]], seed: int) -> None:
    script, session, time = is_diagnosed(text), Session(), 0.0
    trouble = None
    if fault is not None:
        try:
            trouble = compile_fault(fault)
        except ScriptError as error:
            assert as_line(error.diagnostics[0]).startswith("fault:")
    for request, passed in asked if script else []:
        assert script is not None
        match = script.table.first(request, session)
        assert match is not None
        time += passed
        try:
            answer = script.perform(
                match,
                request,
                session,
                lambda: Random(seed),
                lambda: NOON,
                fault=trouble,
                clock=partial(float, time),
            )
        except PerformError as error:
            assert error.message and error.span.text
            continue
        is_sound(answer)
        assert len({budget.kind for budget in answer.budgets}) == len(answer.budgets)
        assert all(0 <= budget.remaining <= budget.limit and budget.reset >= 0 for budget in answer.budgets)
        if isinstance(answer.ending, Fail):
            assert answer.ending.retry_after is None or answer.ending.retry_after > 0


# -- texts


@given(anything | st.text("a 天1'_\n\t.", max_size=80))
def test_pieces_join(text: str) -> None:
    found = tokens.pieces(text)
    assert "".join(found) == text
    assert "" not in found and tokens.count(text) >= len(found)


@given(anything, st.integers(1, 50))
def test_parts_join(text: str, number: int) -> None:
    found = tokens.parts(text, number)
    assert "".join(found) == text and len(found) == number
    assert max(map(len, found)) - min(map(len, found)) <= 1


@given(st.text())
def test_fold(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    if "İ" not in text:  # its lower case is an `i` and a dot, two characters
        assert fold(text.upper()) == fold(text.lower().upper())
        assert fold(text.swapcase()) == fold(text) or fold(text.upper()) == fold(text.swapcase().upper())
