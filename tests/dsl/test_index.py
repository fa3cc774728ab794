"""The index finds what asking one rule after the other finds, and moves what that moves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from dsl import ScriptError, compile_text
from dsl.conditions import Moment
from dsl.index import Index
from dsl.request import Headers, Message, Messages, Request
from dsl.required import required
from dsl.session import Session
from dsl.table import Match, RuleTable

# Texts that fold, join or are cut in ways of their own; a half of a surrogate pair is searched as `?`.
PIECES = ["Wikipedia", "WİKİPEDIA", "wıkıpedıa", "straße", "STRASSE", "Kelvin", "\u212aelvin", "ſtatus", "STATUS"]
PIECES += [
    "order",
    "Order",
    "status",
    "order status",
    "order \n status",
    "where is",
    "?!why",
    "\ud800!why",
    "天气预报",
]
PIECES += ["aSTATUS", "x", " ", "", "5", "1", "true", "İ", "ß", "ς", "Σ", '{"temp": 5}', "aaaa", "aaaaa"]
REGEXES = [
    "/wikipedia/i",
    "/order|status/",
    "/(?i)kelvin/",
    "/sta(tus)?/",
    "/stat+us/",
    "/(?P<what>order|STRASSE) ?/",
]
REGEXES += [
    r"/\?!why/",
    r"/order\s+status/",
    "/(?i:STATUS)|x/",
    "/straße/i",
    "/(?:order){0,2}5/",
    r"/[[:alpha:]]rder/",
]
REGEXES += ["/ord er # it/x", "/(?i)a(?-i)STATUS/", "/^5$/", "/(where is)+/", r"/(?P<n>\d)|order (?P<m>status)/"]
VALUES: list[Any] = [*PIECES, 1, 1.0, 0, 5, True, False, None, 0.5]

REFUSED = {"E401"}

pieces = st.sampled_from(PIECES)
texts = st.lists(pieces, max_size=3).map("".join)
quoted = texts.filter(lambda text: "\ud800" not in text).map(lambda text: json.dumps(text, ensure_ascii=False))
literals = (
    st.sampled_from(VALUES)
    .filter(lambda value: value != "\ud800!why")
    .map(lambda value: json.dumps(value, ensure_ascii=False))
)
inner = ["body.a", "body.a.b", 'header["x-a"]', "tool_result", "tool_result.get", "memory.m", "query.q", "body"]
text_fields = st.sampled_from(["user", "system", "input", "messages", *inner])


def lists(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(of, min_size=1, max_size=3).map(lambda items: f"[{', '.join(items)}]")


def joined(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    return st.tuples(*[st.just(part) if isinstance(part, str) else part for part in parts]).map(" ".join)


case = st.sampled_from(["", "ignoring case"])
tests = st.one_of(
    joined(text_fields, st.sampled_from(["contains", "starts with", "ends with"]), quoted, case),
    joined(text_fields, "mentions", quoted),
    joined(text_fields, "contains any", lists(quoted), case),
    joined(text_fields, "contains all", lists(quoted), case),
    joined(text_fields, "mentions any", lists(quoted)),
    joined(text_fields, "matches", st.sampled_from(REGEXES)),
    joined(st.sampled_from(["user", "system"]), st.sampled_from(["is", "is not"]), quoted, case),
    joined(st.sampled_from(["user", "system"]), st.sampled_from(["in", "not in"]), lists(quoted)),
    joined(st.sampled_from(inner), st.sampled_from(["is", "is not"]), literals),
    joined(st.sampled_from(inner), "in", lists(literals)),
    joined("temperature", st.sampled_from(["is 1", "is 0.5", "> 0.5", "in 0..1", "not in 0..1"])),
    joined(st.sampled_from(["tools", "header", "body", "body.a", "tool_result", "query"]), "has", quoted),
    st.sampled_from(["stream", "system", "turn is 1", "turn is 2", "last is user", "body.a", 'tools has "get"']),
)
conditions = st.recursive(
    tests,
    lambda part: st.one_of(
        joined("(", part, "and", part, ")"), joined("(", part, "or", part, ")"), joined("not (", part, ")")
    ),
    max_leaves=5,
)
heads = st.one_of(
    conditions.map(lambda condition: f"when {condition}"),
    joined("when", conditions, st.sampled_from(["and nth is 2", "and nth > 1", "and nth in [1, 3]"])),
)
rules = heads.map(lambda head: f'{head} reply "x"')
many = st.lists(rules, min_size=1, max_size=3).map("\n".join)
states = st.builds("state one {{ {} }}\nstate two {{ {} }}".format, many, many)
blocks = st.one_of(
    rules,
    st.builds("given {} {{ {} }}".format, tests, many),
    st.builds(
        "for each v in {} {{ when user contains v reply v\n when user is v and nth > 1 reply v }}".format,
        lists(quoted),
    ),
)
scenarios = st.builds("scenario s{} {{ {} }}".format, st.sampled_from(["", " by user", " by body.a"]), states)
scripts = st.tuples(st.lists(blocks, max_size=6), st.just("") | scenarios, st.lists(blocks, max_size=4)).map(
    lambda parts: "\n".join([*parts[0], parts[1], *parts[2]])
)
json_values = st.one_of(texts, st.sampled_from(VALUES), st.lists(st.sampled_from(VALUES), max_size=3))
named = st.lists(st.fixed_dictionaries({"name": texts}), max_size=2)
bodies = st.one_of(
    st.none(),
    json_values,
    st.dictionaries(
        st.sampled_from(["a", "order"]), json_values | named | st.fixed_dictionaries({"b": json_values})
    ),
)
messages = st.builds(Message, st.sampled_from(["user", "system", "assistant", "tool"]), texts, name=st.just("get"))
requests = st.builds(
    Request,
    header=st.dictionaries(st.sampled_from(["X-A", "İ", "Order"]), texts).map(Headers),
    query=st.dictionaries(st.just("q"), texts),
    body=bodies,
    messages=st.lists(messages, max_size=4).map(Messages),
    tools=st.lists(st.sampled_from(["get", "order", "İ"]), max_size=2).map(tuple),
    temperature=st.sampled_from([None, 0, 0.5, 1, 1.0]),
    stream=st.booleans(),
)
memories = st.dictionaries(st.just("m"), json_values)


def state_of(session: Session) -> tuple[Any, ...]:
    parts = [(key, state_of(part)) for key, part in session.parts.items()]
    return session.counters, session.states, session.memory, parts


def holding(table: RuleTable, request: Request, session: Session) -> set[int]:
    """The places of all rules whose conditions hold, but for `nth`."""
    seen = session.twin()
    conditions = [(rule.guard.condition, rule.home(request, seen)) for rule in table.rules]
    return {
        place
        for place, (condition, home) in enumerate(conditions)
        if condition is None or condition.holds(Moment(request, home))
    }


def looked_up(table: RuleTable, request: Request, session: Session) -> Match | None:
    """What the table finds by its index, however few its rules are."""
    table._index = Index(table.rules)
    return table.first(request, session)


@given(
    scripts, st.lists(st.tuples(requests, memories, st.sampled_from([None, "one", "two"])), min_size=1, max_size=4)
)
def test_the_index_finds_what_the_scan_finds(
    script: str, calls: list[tuple[Request, dict[str, Any], str | None]]
) -> None:
    try:
        table = compile_text(script).table
    except ScriptError as error:  # rules that contradict or repeat each other
        assert {found.code for found in error.diagnostics if found.is_error} <= REFUSED
        reject()
    one, other = Session(), Session()
    for request, memory, state in calls:
        for session in (one, other):
            session.memory.update(memory)
            if state is not None:
                session.go("s", state)
        assert holding(table, request, one) <= set(Index(table.rules).candidates(request, one))
        assert looked_up(table, request, one) == table.scan(request, other)
        assert state_of(one) == state_of(other)


TESTS = [
    "contains {}",
    "contains {} ignoring case",
    "mentions {}",
    "starts with {}",
    "is {}",
    "is {} ignoring case",
]


@pytest.mark.parametrize("test", [*TESTS, *(f"matches {regex}" for regex in REGEXES)])
def test_no_rule_that_holds_is_lost(test: str) -> None:
    written = [json.dumps(piece, ensure_ascii=False) for piece in PIECES if "\ud800" not in piece]
    tests = [test.replace("{}", text) for text in written] if "{}" in test else [test]
    tables = [compile_text(f'when user {each} reply "x"').table for each in tests]
    found = 0
    for table in tables:
        index = Index(table.rules)
        for text in [*PIECES, *(f"so {piece}, {piece.upper()}" for piece in PIECES)]:
            held = holding(table, user(text), Session())
            assert held <= set(index.candidates(user(text), Session()))
            found += len(held)
    assert found


def user(text: str) -> Request:
    return Request(messages=Messages([Message("user", text)]), body={})


def test_few_rules_of_many_are_asked() -> None:
    table = compile_text("\n".join(f'when user contains "number {n:04}" reply "{n}"' for n in range(1000))).table
    asked = list(Index(table.rules).candidates(user("It is Number\n 0517, or number 0020."), Session()))
    assert asked == [20, 517]


def test_a_rule_is_filed_under_what_the_fewest_share() -> None:
    rules = "\n".join(f'when user contains "number {n:04}" reply "{n}"' for n in range(50))
    index = Index(compile_text(f'given model is "m" {{ {rules} }}').table.rules)
    request = user("number 0042")
    request.model = "m"
    assert list(index.candidates(request, Session())) == [42]


def test_a_rule_filed_under_several_keys_is_asked_once() -> None:
    index = Index(compile_text('when user mentions any ["order", "status"] reply "x"').table.rules)
    assert list(index.candidates(user("order status of an order"), Session())) == [0]


def test_what_is_below_the_answer_is_not_looked_up() -> None:
    table = compile_text('when stream reply "x"\nwhen user contains "order" reply "y"').table
    request = user("order")
    found = Index(table.rules).candidates(request, Session())
    assert next(found) == 0
    assert "user" not in request.__dict__
    assert list(found) == [1]


def test_short_texts_are_asked_always() -> None:
    index = Index(compile_text('when user contains "abc" reply "x"\nwhen user is "a" reply "y"').table.rules)
    assert list(index.candidates(user("nothing"), Session())) == [0]


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("order status", {"order status"}),
        (r"order\s+of things", {"of things"}),
        ("orders?", {"order"}),
        ("orde*r", None),
        ("order|status", {"order", "status"}),
        ("order|it", None),
        ("(?P<what>order|status) of", {"order", "status"}),
        ("(order)?status", {"status"}),
        ("(order){0,3}", None),
        ("(order){2}", {"order"}),
        ("statu+s", {"statu"}),
        (r"what\?now", {"what"}),
        (r"a\.b\.c", {"a.b.c"}),
        (r"[order]\d{4}", None),
        (r"[]order]x", None),
        (r"\x{41}order", {"order"}),
        (r"\Qorder\E", None),
        (r"\p{Greek}order", {"order"}),
        ("(?i)größe order", {"e order"}),
        ("größe", {"größe"}),
    ],
)
def test_what_a_regular_expression_requires(pattern: str, texts: set[str] | None) -> None:
    assert required(pattern, ignoring_case=False, shortest=4) == (None if texts is None else frozenset(texts))
