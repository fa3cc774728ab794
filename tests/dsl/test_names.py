"""`let`, `define` and `use`, `remember`, and what `defaults` say of the script."""

from __future__ import annotations

import pytest

from dsl import ScriptError, compile_text
from tests.dsl.performing import Talk, calls, request, text, thought, times


def codes(script: str) -> list[str]:
    with pytest.raises(ScriptError) as caught:
        compile_text(script)
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


def test_constants_as_values() -> None:
    talk = Talk(
        'let a = "text {{ user }}"\nlet b = a\nlet c = [1, { x: a }, null, 5s, 50%]\n'
        "let d = {{ turn + 1 }}\nlet e = true\n"
        'when user is "1" reply a\nwhen user is "2" reply b\nwhen user is "3" reply c\nwhen user is "4" reply d\n'
        'when user is "5" reply "{{ a }}|{{ c[1].x }}|{{ d }}|{{ e }}"\notherwise reply { a: e }'
    )
    assert [talk.say(str(number)) for number in range(1, 7)] == [
        "text 1", "text 2", '[1,{"x":"text 3"},null,5.0,0.5]', "2", "text 5|text 5|2|True", '{"a":true}',
    ]  # fmt: skip


def test_a_constant_may_print_what_its_rule_captures() -> None:
    talk = Talk('let bye = ["Bye {{ name }}"]\nwhen user matches /(?<name>A\\w+)/ reply bye\notherwise reply "?"')
    assert talk.say("Ada") == '["Bye Ada"]'
    assert codes('let bye = "Bye {{ name }}"\notherwise reply bye') == ["E301"]
    assert codes('let bye = "Bye {{ name }}"\notherwise reply "{{ bye }}"') == ["E301"]


def test_a_constant_that_no_rule_uses_may_print_anything_but_must_be_a_template() -> None:
    compile_text('let bye = ["{{ name }}"]\nwhen user matches /(?<x>a)/ reply "{{ x }}"')
    assert codes('let bye = "{{ name"\notherwise reply "x"') == ["E302"]


@pytest.mark.parametrize(
    "script",
    [
        'let a = a\notherwise reply "x"',
        'let a = "{{ b }}"\nlet b = "{{ a }}"\notherwise reply "x"',
        'let a = [b]\nlet b = { x: a }\nwhen model in a reply "x"',
        "define f() { use f }",
        "define f() { use g }\ndefine g() { use h }\ndefine h() { use f }\notherwise use g",
    ],
)
def test_circles_are_one_mistake(script: str) -> None:
    assert codes(script) in (["E208"], ["E203"])


def test_towers_of_names_end() -> None:
    lists = "let a0 = [1]\n" + "".join(f"let a{i} = [a{i - 1}, a{i - 1}]\n" for i in range(1, 40))
    assert set(codes(f'{lists}when body.x in a39 reply "x"')) == {"E208"}
    chain = "let a0 = 1\n" + "".join(f"let a{i} = [a{i - 1}]\n" for i in range(1, 60))
    assert set(codes(f"{chain}when body.x is a59 reply a59")) == {"E208"}


def test_a_name_and_a_block_may_be_called_alike() -> None:
    assert Talk('let f = "a"\ndefine f() { reply f }\notherwise use f').say() == "a"


def test_blocks() -> None:
    talk = Talk(
        "define f(text, seconds, data, id) {\n"
        '  wait seconds; ttft seconds; chunk text; think text; reply data; reply "{{ data.a }}{{ text }}"\n'
        '  call g { t: text, d: data.a, none: data.b.c } id id\n  header "x-t" text\n}\n'
        'when user matches /(?<who>\\w+)/ use f("Hi {{ who }}", 500ms, { a: {{ turn }} }, "call_7")'
    )
    answer = talk.ask("Ada")
    assert text(answer) == 'Hi Ada{"a":1}1Hi Ada'
    assert thought(answer) == "Hi Ada"
    assert times(answer)[0] == 1.0
    assert calls(answer) == [("g", '{"t":"Hi Ada","d":1,"none":null}')]
    assert answer.headers == (("x-t", "Hi Ada"),)


def test_blocks_within_blocks() -> None:
    talk = Talk(
        'define outer(a, b) { use inner(b); chunk "{{ a }}"; use inner("{{ a }}{{ b }}") }\n'
        'define inner(a) { chunk "<{{ a }}>" }\notherwise use outer("1", "2")'
    )
    assert talk.say() == "<2>1<12>"


def test_a_parameter_hides_a_constant() -> None:
    assert Talk('let a = "out"\ndefine f(a) { reply a; reply "{{ a }}" }\notherwise use f("in")').say() == "inin"


def test_a_block_that_no_rule_uses_is_checked() -> None:
    assert codes('define f(a) { reply "{{ capture }}"; finish early }\notherwise reply "x"') == ["E207"]


def test_a_block_that_is_used_twice_has_its_mistakes_once() -> None:
    assert codes("define f() { finish early }\nwhen user use f\notherwise use f") == ["E207"]


def test_a_block_sees_the_captures_of_its_rule() -> None:
    assert codes('define f() { reply "{{ who }}" }\notherwise use f') == ["E301"]
    assert Talk('define f() { reply "{{ who }}" }\nwhen user matches /(?<who>A)/ use f').say("A") == "A"


def test_remember() -> None:
    talk = Talk(
        "when user matches /I am (?<name>\\w+)/ {\n"
        '  remember name = "{{ name }}"; remember data = { n: {{ turn }} }; reply "ok"\n}\n'
        'when memory.name reply "{{ memory.name }} {{ memory.data.n }}"\notherwise reply "?"'
    )
    assert [talk.say(), talk.say("I am Ada"), talk.say()] == ["?", "ok", "Ada 1"]
    assert Talk(talk.script).say() == "?"


def test_settings() -> None:
    script = compile_text('defaults { seed 5; models ["a"]; conversation by body.user.id }\notherwise reply "x"')
    assert (script.seed, script.models) == (5, ("a",))
    assert script.conversation(request(body={"user": {"id": 7}})) == "7"
    plain = compile_text('otherwise reply "x"')
    assert (plain.seed, plain.models, plain.conversation(request()), plain.named_models) == (None, None, None, ())


def test_named_models() -> None:
    script = compile_text(
        'let small = ["a", "b"]\nwhen model in small or model is "c" reply "x"\n'
        'when model starts with "d" or model is not "e" reply "y"'
    )
    assert script.named_models == ("a", "b", "c")


def test_a_byte_order_mark_is_no_text() -> None:
    assert Talk('\ufeffotherwise reply "x"').say() == "x"


def test_keys_of_rules() -> None:
    script = compile_text('rule a when user reply "x"\nwhen n reply "y"; when seed reply "z"')
    keys = [rule.key for rule in script.table.rules]
    assert keys[0] == "a" and len(set(keys)) == 3
    assert [rule.place for rule in script.table.rules] == ["script:1", "script:2", "script:2"]
