"""What the checker reports is so: it may miss a mistake, and never reports one that is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsl import Script, check, compile_text
from dsl.conditions import Condition, Moment
from dsl.facts import conjuncts, contradiction, follows
from dsl.request import Request
from dsl.session import Session
from dsl.shadows import Shadows
from dsl.table import Rule
from tests.dsl.performing import request

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted([*ROOT.glob("tests/corpus/scripts/**/*.llmock"), *ROOT.glob("examples/**/*.llmock")])

texts = st.sampled_from(
    ["", " ", "a", "b", "A", "ab", "ba", "a b", " a", "a  b", "abc", "a.b", "b a", "İ", "中文", "中"]
)
numbers = st.sampled_from([0, 1, 1.5, 2, 3])


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    field = draw(st.sampled_from(["user", "model", 'header["x"]', "body.x"]))
    one, other = (f'"{draw(texts)}"' for _ in range(2))
    case = draw(st.sampled_from(["", " ignoring case"]))
    low, high = sorted([draw(numbers), draw(numbers)])
    return draw(
        st.sampled_from(
            [
                field,
                f"{field} is {one}{case}",
                f"{field} is not {one}{case}",
                f"{field} in [{one}, {other}]{case}",
                f"{field} not in [{one}, {other}]",
                f"{field} contains {one}{case}",
                f"{field} contains any [{one}, {other}]{case}",
                f"{field} contains all [{one}, {other}]{case}",
                f"{field} mentions {one}",
                f"{field} mentions any [{one}, {other}]",
                f"{field} starts with {one}{case}",
                f"{field} ends with {one}{case}",
                f"{field} matches /a+b?/",
                f"n > {low}",
                f"n <= {low}",
                f"n is {low}",
                f"n in {low}..{high}",
                f"n not in {low}..{high}",
                f"body.x in [{low}, true, {one}]",
            ]
        )
    )


conditions = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(lambda part: f"not ({part})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    ),
    max_leaves=4,
)

anything = st.one_of(texts, numbers, st.booleans(), st.none(), st.lists(texts, max_size=2), st.just({}))


@st.composite
def requests(draw: st.DrawFn) -> Request:
    header = draw(st.one_of(st.none(), texts.filter(str.isascii)))
    return request(
        draw(texts),
        model=draw(texts),
        n=draw(numbers),
        body={"x": draw(anything)},
        header={} if header is None else {"x": header},
    )


def compiled(*written: str) -> Script:
    return compile_text("\n".join(f'when {condition} reply "x"' for condition in written))


def condition_of(rule: Rule) -> Condition:
    assert rule.guard.condition is not None
    return rule.guard.condition


def holds(condition: Condition, asked: Request) -> bool:
    return condition.holds(Moment(asked, Session()))


@settings(max_examples=400)
@given(conditions, conditions, st.lists(requests(), min_size=5, max_size=15))
def test_what_follows_holds(one: str, other: str, asked: list[Request]) -> None:
    earlier, later = map(condition_of, compiled(one, other).table.rules)
    if follows(earlier, list(conjuncts(later))):
        assert all(holds(earlier, each) for each in asked if holds(later, each))


@settings(max_examples=400)
@given(conditions, conditions, st.lists(requests(), min_size=5, max_size=15))
def test_what_contradicts_never_holds(one: str, other: str, asked: list[Request]) -> None:
    [rule] = compiled(f"{one} and {other}").table.rules
    if contradiction(list(conjuncts(condition_of(rule)))) is not None:
        assert not any(holds(condition_of(rule), each) for each in asked)


@settings(max_examples=200)
@given(st.lists(comparisons(), min_size=2, max_size=8))
def test_the_index_finds_what_a_comparison_of_all_does(written: list[str]) -> None:
    shadows = Shadows()
    *above, last = compiled(*written).table.rules
    for rule in above:
        shadows.add(rule)
    facts = list(conjuncts(condition_of(last)))
    found = shadows.of(facts)
    assert found is next((rule for rule in above if follows(condition_of(rule), facts)), None)


# -- scripts without a mistake ----------------------------------------------------------------

CONDITIONS = [
    'user is "case {}"', 'model in ["m{}", "n{}"]', 'header["x-case"] is "{}"', "nth is {} and path is \"/{}\"",
    'body.case is {}', 'system starts with "case {}:"', "max_tokens is {}",
]  # fmt: skip
BODIES = [
    'reply "{{{{ user }}}} {}"', '{{ ttft 20ms; pace 40 tok/s; reply "one" }}', "fail 429 retry after 2s",
    '{{ think "hm"; chunk "a"; wait 5ms; chunk "b"; finish length }}', "sequence {{ fail 503; reply \"b\" }}",
    '{{ after 2 chunks cut; reply "one two three" }}', "cycle {{ reply \"a\"; reply \"b\" }}", "hang",
    '{{ chance 10% {{ wait 1s; fail 500 }}; reply "x" }}', 'pick {{ 90% reply "a"; reply "b" }}',
    'repeat 3 {{ chunk "{{{{ loop.index }}}}" }}', 'reply {{ a: 1, b: ["{{{{ model }}}}"] }}',
    '{{ header "x-a" "b"; status 201; usage {{ input: 1 }}; reply "{{ not: \'a template\' }}" }}',
]  # fmt: skip


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(CONDITIONS), st.sampled_from(BODIES)), min_size=1, max_size=12))
def test_rules_that_have_nothing_in_common(parts: list[tuple[str, str]]) -> None:
    written = [
        f"when {condition.format(number, number)} {body.format(number)}"
        for number, (condition, body) in enumerate(parts)
    ]
    script = "\n".join(["defaults { seed 1 }", *written, 'otherwise reply "x"'])
    assert compile_text(script).warnings == ()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_we_show_is_clean(path: Path) -> None:
    assert check(path) == []


# -- names ------------------------------------------------------------------------------------


def test_a_library_uses_none_of_its_names(tmp_path: Path) -> None:
    library = tmp_path / "common.llmock"
    library.write_text('let greeting = "Hi."\nlet vip when n > 1\ndefine slow { wait 1s }\n', "utf-8")
    script = tmp_path / "script.llmock"
    script.write_text('include "common.llmock"\notherwise reply greeting\n', "utf-8")
    assert check(library) == check(script) == []


@pytest.mark.parametrize(
    "script",
    [
        'let a = "x"\nlet b = a\notherwise reply b',
        'let a = "x"\notherwise reply "{{ a | upper }}"',
        'let a = "x"\notherwise reply { b: {{ a }} }',
        'let a = /x/\nwhen user matches a reply "y"',
        'let a when n > 1\ngiven a { otherwise reply "x" }',
        'let a when n > 1\nlet b when a or n is 0\nwhen not b reply "x"',
        "let a = 5ms\notherwise wait a",
        'define a { reply "x" }\ndefine b { use a }\notherwise use b',
        'let a = "x"\nsocket "/v1/s" { on connect push { b: a } }',
        'let a = "x"\notherwise reply "x"\ntest "t" { request { user: a } expect text is "x" }',
        'let a = "x"\ndefaults { header "x-a" a }\notherwise reply "x"',
        'when user matches /(?<a>.)/ remember b = "{{ a }}"',
        'define b { reply "{{ a }}" }\nwhen user matches /(?<a>.)/ use b',
        'let b = "{{ a }}"\nwhen user matches /(?<a>.)/ reply b',
        'given user matches /(?<a>.)/ { given n > 1 { otherwise reply "{{ a }}" } }',
        'when user matches /(?:.)/ reply "x"',
    ],
)
def test_used(script: str) -> None:
    assert compile_text(script).warnings == ()


@pytest.mark.parametrize(
    "script",
    [
        'otherwise { wait 59m; reply "x" }',
        'otherwise { sequence { wait 2h; reply "x" } }',
        "otherwise chance 5% wait 2h",
        'otherwise { wait 2h ± 2h; reply "x" }',
        'otherwise { ttft 1s..2h; reply "x" }',
        "otherwise hang",
        'otherwise reply """\n    {user}\n    """',
        "otherwise reply '{{ other }}'",
        'otherwise reply "{ user: 1 }"',
        'otherwise reply "${price}"',
        'defaults { models ["gpt-4o"] }\nwhen model is not "gpt-5" reply "x"',
        'defaults { models ["gpt-4o"] }\nwhen model is "GPT-4O" ignoring case reply "x"',
        'when user is "*" reply "x"',
        'define f { reply "{{ turn.strip() }}" }\nwhen user matches /(?<turn>.+)/ use f',
        'when user reply "{{ user.upper() }} {{ body.length }} {{ header.host }} {{ messages[0].text.strip() }}"',
        'when user reply "{{ memory.items }} {{ tool_result.get.x }} {{ user.length | default(1) }}"',
        'otherwise { use f("5s"); reply "x" }\ndefine f(t) { wait t }',
        'otherwise { use f("{{ user }}"); reply "x" }\ndefine f(t) { wait t }',
        'when last is tool or last is "assistant" reply "x"',
        'when endpoint contains "chat" or transport starts with "s" reply "x"',
        'when model is "a" ignoring case reply "$5, $path"',
        "otherwise { status 404; hang }",
        'when body.model is "*" reply "x"',
        'socket "/v1/x" { on "open" push {}; on message push {} }',
        'when path is "/v1/x" { status 404; reply { error: "none" } }',
        'otherwise { status 502; raw "<html>" }',
        'otherwise { status 206; reply "x"; fail "y" }',
        'otherwise reply "x"\nwhen endpoint is embeddings reply [1]',
        'otherwise reply "x"\nwhen path is "/v1/x" reply { a: 1 }',
        'otherwise fail "4290"',
        'otherwise fail 500 "429"',
        'when endpoint is "chat" reply "x"',
        'when endpoint is "CHAT" ignoring case reply "x"',
    ],
)
def test_meant(script: str) -> None:
    assert compile_text(f"{script}\ndefaults {{ seed 1 }}").warnings == ()


@pytest.mark.parametrize(
    "states",
    [
        'state a { otherwise { reply "x"; go b } } state b { otherwise reply "y" }',
        'state a { otherwise reply "x" }',
        'state a { otherwise sequence { { reply "x"; go b }; reply "z" } } state b { otherwise go a }',
        "state a { otherwise use leave } state b { otherwise go a }",
        "state a { when user go b; otherwise go c } state b { otherwise go c } state c { otherwise hang }",
    ],
)
def test_states_that_lead_somewhere(states: str) -> None:
    script = f'define leave {{ reply "x"; go b }}\nscenario s {{ {states} }}'
    found = {diagnostic.code for diagnostic in compile_text(script).warnings}
    assert found <= {"W413"}  # not all of them `leave`
