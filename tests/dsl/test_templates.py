from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
from jinja2 import UndefinedError

from dsl import ScriptError, compile_text
from dsl.helpers import helpers
from dsl.templates import MISSING, BadTemplate, Template, has_markup, plain, to_json
from dsl.values import PerformError
from tests.dsl.performing import NOON, Talk


def rendered(template: str, /, **names: Any) -> Any:
    return Template(template).render(lambda name: names.get(name, MISSING))


def valued(expression: str, /, **names: Any) -> Any:
    return Template(expression, typed=True).render(lambda name: names.get(name, MISSING))


def failure(script: str, user: str = "hi", **fields: Any) -> str:
    with pytest.raises(PerformError) as caught:
        Talk(script).ask(user, **fields)
    return caught.value.message


def codes(text: str) -> list[str]:
    with pytest.raises(ScriptError) as caught:
        compile_text(text)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ a }}", "1"),
        ("{{ absent or 'x' }}", "x"),
        ("{{ absent | default('x') }}", "x"),
        ("{{ 'y' if absent else 'x' }}", "x"),
        ("{% if not absent %}x{% endif %}", "x"),
        ("{{ absent is defined }}", "False"),
        ("{# nothing #}x\n", "x\n"),
        ("{{ j | tojson }}", '{"items":[1,"ü"],"keys":null}'),
        ("{{ j.items[1] }}{{ j['items'][0] }}{{ j.keys }}", "ü1None"),
        ("{{ j.values() | list | length }}", "2"),
        ("{{ [1, 2] | tojson(indent=1) }}", "[\n 1,\n 2\n]"),
        ("{{ 2 ** 8 }}{{ 'ab' * 2 }}{{ 3 * [0] }}", "256abab[0, 0, 0]"),
        ("{{ '<b>' }}", "<b>"),
    ],
)
def test_text(template: str, text: str) -> None:
    assert rendered(template, a=1, j={"items": [1, "ü"], "keys": None}) == text


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (" a ", 1),
        ("a + 1", 2),
        ("- a", -1),
        ("'x'", "x"),
        ("[a, {'b': none}]", [1, {"b": None}]),
        ("range(3)", [0, 1, 2]),
        ("(1, 2)", [1, 2]),
        ("a > 0", True),
        ("a if a else 2.5", 1),
    ],
)
def test_value(expression: str, value: object) -> None:
    assert valued(expression, a=1) == value


@pytest.mark.parametrize(
    "template",
    [
        "{{ absent }}",
        "{{ absent.x }}",
        "{{ absent | length }}",
        "{% for x in absent %}{% endfor %}",
        "{{ absent ~ '' }}",
    ],
)
def test_what_is_absent_is_an_error(template: str) -> None:
    with pytest.raises(Exception, match="the request has no `absent`"):
        rendered(template)


@pytest.mark.parametrize("expression", ["absent", "[absent]", "{'a': [absent]}", "now", "joiner()"])
def test_what_has_no_json_form_is_an_error(expression: str) -> None:
    with pytest.raises((TypeError, UndefinedError), match=r"has no JSON form|the request has no `absent`"):
        valued(expression, now=NOON)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ a.__class__ }}",
        "{{ a['__class__'] }}",
        "{{ a | attr('__class__') }}",
        "{{ now.__globals__ }}",
        "{{ '{0.__class__}'.format(a) }}",
        "{{ l.append(1) }}",
        "{{ j.update({}) }}",
        "{{ cycler.__init__.__globals__ }}",
    ],
)
def test_the_sandbox(template: str) -> None:
    with pytest.raises(Exception, match=r"unsafe|undefined|safely"):
        rendered(template, a=1, l=[1], j={"a": 1}, now=lambda: NOON)


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'x' * 10**9 }}",
        "{{ 10**9 * 'x' }}",
        "{{ [0] * 10**9 }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ a ** 100000000 }}",
    ],
)
def test_what_grows_without_bound_is_refused(template: str) -> None:
    with pytest.raises(OverflowError):
        rendered(template, a=2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ user", "unexpected end of template, expected 'end of print statement'"),
        ("{% if x %}", "unexpected end of template. Jinja was looking for"),
        ("{{ x | upper_case }}", "no filter is called `upper_case`"),
        ("{{ x is odder }}", "no test is called `odder`"),
        ("{% extends 'x' %}", "a template cannot load another"),
        ("{% import 'x' as y %}", "a template cannot load another"),
        ("{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}", "it is nested too deeply"),
        ("{{ x" + ".a" * 5000 + " }}", "it is nested too deeply"),
        ("{{ " + "9" * 5000 + " }}", "Exceeds the limit"),
        ("{% frob %}", "encountered unknown tag 'frob'"),
    ],
)
def test_bad_templates(source: str, message: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        Template(source)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("source", ["a b", "1, 2", "-a-", "a %}", ""])
def test_bad_expressions(source: str) -> None:
    with pytest.raises(BadTemplate):
        Template(source, typed=True)


def test_the_line_of_a_bad_template() -> None:
    with pytest.raises(BadTemplate) as caught:
        Template("a\nb\n{{ | }}\n")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("template", "handled"),
    [
        ("{{ a or b }}", {"a"}),
        ("{% if a or b %}{{ c }}{% endif %}", {"a", "b"}),
        ("{{ a | default('x') | upper }}", {"a"}),
        ("{{ a | d(1) }}{{ b | upper }}", {"a"}),
        ("{{ a is defined and a }}", {"a"}),
        ("{{ 1 if not (a and b) else c }}", {"a", "b"}),
        ("{{ a == b }}{{ c.d | default(1) }}", set()),
    ],
)
def test_handled(template: str, handled: set[str]) -> None:
    assert Template(template).handled == handled


def test_a_name_handled_may_come_from_one_branch_only() -> None:
    either = "when user matches /(?<a>x)/ or user matches /(?<b>y)/ reply"
    assert Talk(f'{either} "{{% if a or b %}}{{{{ a or b }}}}{{% endif %}}"').say("y") == "y"
    assert codes(f'{either} "{{{{ a }}}}"') == ["E304"]


@pytest.mark.parametrize(("text", "markup"), [("{{ x }}", True), ("{% x", True), ("{#", True), ("{ x }", False)])
def test_has_markup(text: str, markup: bool) -> None:
    assert has_markup(text) is markup


def test_find() -> None:
    template = Template("name {{ x.name }} {{ name }}")
    assert template.source[slice(*template.find("name"))] == "name"
    assert template.find("name")[0] == 10
    assert template.find("other") == (0, len(template.source))
    assert Template("1 + name", typed=True).find("name") == (4, 8)


def test_messages_and_results_as_json() -> None:
    talk = Talk("otherwise reply {{ [messages, tool_result, header] }}")
    said = talk.say("x", results={"f": '{"a": 1}', "g": "b"}, header={"X": "y"})
    assert said == (
        '[[{"role":"user","content":null},{"role":"tool","content":null},{"role":"tool","content":null}],'
        '{"f":{"a":1},"g":"b"},{"x":"y"}]'
    )


def test_to_json() -> None:
    assert to_json({"a": (1, None)}) == '{"a":[1,null]}'
    with pytest.raises(TypeError, match="a set has no JSON form"):
        plain({1})


# -- in a script


def test_names_of_a_template() -> None:
    talk = Talk('let house = "H"\nwhen user matches /(?<a>x)/ reply "{{ a }}{{ house }}{{ user }}{{ nth }}"')
    assert talk.say("xy") == "xHxy1"


def test_a_capture_hides_a_field_and_a_constant() -> None:
    talk = Talk('let a = "H"\nwhen user matches /(?<a>x)(?<user>y)/ reply "{{ a }}{{ user }}"')
    assert talk.say("xyz") == "xy"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ('otherwise reply "{{ temperature }}"', "the request has no `temperature`"),
        (
            'otherwise reply "{{ tool_result.t }}"',
            "there is no `t` in the tools' results since the last user message",
        ),
        ('otherwise reply "{{ header.nope }}"', "there is no `nope` in the headers"),
        ('otherwise reply "{{ body.a.b }}"', "there is no `a` in the object"),
        ('otherwise reply "{{ 1 / 0 }}"', "division by zero"),
        ('otherwise reply "{{ random(2, 1) }}"', "empty range"),
        ('otherwise reply "{{ lorem(100001) }}"', "lorem gives from 0 to 100000 words, not 100001"),
        ('otherwise reply "{{ pick() }}"', "Cannot choose from an empty sequence"),
        ("otherwise reply {{ example_of(3) }}", "3 is not a JSON schema"),
        ("otherwise reply {{ now() }}", "a datetime has no JSON form"),
        ("otherwise reply {{ body.deep }}", "it is nested too deeply"),
        ('otherwise { header "a b" "x" }', "'a b' is not the name of a header"),
        ('otherwise { header "a" "{{ user }}" }', "'hi\\n' cannot be the value of a header"),
        ('otherwise { header "a" "→" }', "'→' cannot be the value of a header"),
        ("otherwise { usage { input: {{ 0 - 1 }} } }", "the count of input tokens is -1"),
        ("otherwise { usage { input: {{ 'x' }} } }", "the count of input tokens is 'x'"),
        ('define f(t) { wait t }\notherwise use f("{{ user }}")', "'hi\\n' is not a duration"),
        ("define f(t) { wait t }\notherwise use f({{ 1e300 * 1e10 }})", "inf is not a duration"),
        ("define f(t) { wait t }\notherwise use f({{ 0 - 1 }})", "-1 is not a duration"),
        ('define f(p) { pace p }\notherwise use f("{{ 3 }} tok")', "'3 tok' is not a rate"),
        ('otherwise repeat 100000 { chunk ""; chunk ""; chunk "" }', "the answer has more than 200000 events"),
        ("otherwise repeat 1000000 { repeat 1000000 { wait 1ms } }", "the answer repeats more than 200000 times"),
    ],
)
def test_errors_while_performing(script: str, message: str) -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    assert failure(script, "hi\n", body={"deep": deep}).startswith(message)


def test_an_error_in_a_constant_names_the_constant() -> None:
    with pytest.raises(PerformError) as caught:
        Talk('let a = "{{ 1 / 0 }}"\notherwise reply "a {{ a }}"').ask()
    assert str(caught.value.span) == "script:1:9"


def test_an_error_names_its_place() -> None:
    with pytest.raises(PerformError) as caught:
        Talk('when user {\n    reply "{{ 1 / 0 }}"\n}').ask()
    assert str(caught.value.span) == "script:2:11"


# -- helpers


def test_helpers() -> None:
    made = helpers(Random(3), lambda: NOON)
    assert {made["random"](1, 3) for _ in range(50)} == {1, 2, 3}
    assert (
        {made["pick"]("a", "b") for _ in range(50)} == {"a", "b"} == {made["pick"](["a", "b"]) for _ in range(50)}
    )
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made["uuid"]())
    assert made["now"]() is NOON
    assert made["lorem"](0) == ""
    assert made["lorem"](3) == "Lorem ipsum dolor."
    assert len(made["lorem"](500).split()) == 500
    assert made["example_of"]({"const": 5}) == 5


def test_the_same_seed_the_same_answer() -> None:
    script = 'otherwise reply "{{ uuid() }} {{ random(1, 1000000) }} {{ lorem(20) }} {{ pick(range(99) | list) }}"'
    assert Talk(script, 5).say() == Talk(script, 5).say() != Talk(script, 6).say()


@pytest.mark.parametrize("tags", ["{{ user }}", "{{user}}{{ row.answer }}", "{{ nth }} {{ a.b.c }}", "{{ true }}"])
def test_the_text_around_names_changes_none_of_them(tags: str) -> None:
    bare, around = Template(tags), Template(f"}} % text # \n{tags} }}}}")
    assert (around.names, around.handled, around.parts) == (bare.names, bare.handled, bare.parts)


def test_a_name_that_is_none_is_found_on_its_line() -> None:
    with pytest.raises(BadTemplate) as bad:
        Template("one\n{{ user }}\n{{ user. }}")
    assert bad.value.line == 3


@pytest.mark.parametrize("template", ["{{ '}}' }} {{ a }} {{ '}}' }}", "{{ \"}}\" }}{{ a }}{{ '{{' }}"])
def test_the_names_of_a_template_with_braces_in_quotes(template: str) -> None:
    assert Template(template).names == {"a"}


def test_quotes_of_different_tags_do_not_pair() -> None:
    assert codes("otherwise reply \"{{ 'a }} ' {{ b' }}\"") == ["E302"]
