"""docs/language.md has the tables that the catalogues make; `--rewrite` writes them.

The catalogue of statements is that of the grammar, and what it shows as an example is one.
"""

from __future__ import annotations

import re

import pytest
from lark.grammar import Terminal

from dsl import compile_text, nodes
from dsl.diagnostics import Diagnostics
from dsl.parser import build_lark, parse
from dsl.source import Source
from dsl.statement_catalogue import CATALOGUE, Group, Statement
from tests.docs import catalogues
from tests.docs.test_documents import ROOT, blocks

# What an example is to stand in, where it is not the body of a rule.
AROUND = {
    "every": 'socket "/v1/x" {{ {} }}',
    "push": 'socket "/v1/x" {{ otherwise {{ {} }} }}',
    "close": 'socket "/v1/x" {{ otherwise {{ {} }} }}',
    "go": "scenario shop {{ state buying {{ otherwise {{ {} }} }} state paying {{ otherwise go buying }} }}",
    "use": 'define overloaded(name) {{ fail 529 "{{{{ name }}}}" }} otherwise {{ {} }}',
}


LANGUAGE = catalogues.PAGE.read_text("utf-8")


def in_its_place(statement: Statement) -> str:
    """A script with the example of a statement."""
    return AROUND.get(statement.name, "defaults {{ seed 1 }} otherwise {{ {} }}").format(statement.example)


def test_its_tables_are_those_of_the_catalogues(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--rewrite"):
        catalogues.PAGE.write_text(catalogues.rewritten(catalogues.PAGE.read_text("utf-8")), "utf-8")
    assert catalogues.marked(catalogues.PAGE.read_text("utf-8")) == catalogues.tables()


def grammar() -> dict[tuple[str, str], str]:
    """The first keyword of each statement of the grammar, by the rule that lists it and its own rule."""
    lark = build_lark()
    keywords = {terminal.name: terminal.pattern.value for terminal in lark.terminals}
    opening = {
        str(rule.origin.name): keywords[rule.expansion[0].name]
        for rule in lark.rules
        if rule.expansion and isinstance(rule.expansion[0], Terminal)
    }
    groups = [str(rule.expansion[0].name) for rule in lark.rules if rule.origin.name == "_statement"]
    return {
        (str(rule.origin.name), statement): opening[statement]
        for rule in lark.rules
        if rule.origin.name in groups and (statement := str(rule.expansion[0].name))
    }


def test_the_catalogue_has_each_statement_of_the_grammar_and_no_other() -> None:
    listed = [(statement.group.value, statement.name) for statement in CATALOGUE.values()]
    assert sorted(listed) == sorted((group, keyword) for (group, _), keyword in grammar().items())


def test_each_group_is_one_of_the_grammar() -> None:
    assert {group.value for group in Group} == {group for group, _ in grammar()}


@pytest.mark.parametrize("statement", CATALOGUE.values(), ids=lambda statement: statement.name)
def test_an_example_is_a_statement(statement: Statement) -> None:
    assert statement.example.split(" ")[0] == statement.shape.split(" ")[0].partition("[")[0] == statement.name
    compile_text(in_its_place(statement))


DECLARED = re.findall(r"^\| `[a-z].*?` \| `(.*?)` \| ", LANGUAGE.partition("| declaration |")[2], re.MULTILINE)


@pytest.mark.parametrize("example", [example for example in DECLARED if "include" not in example])
def test_an_example_is_a_declaration(example: str) -> None:
    compile_text(example)


def test_the_defaults_are_all_there() -> None:
    settings = {str(rule.expansion[0].name) for rule in build_lark().rules if rule.origin.name == "_setting"}
    section = LANGUAGE.partition("### Defaults")[2].partition("\n## ")[0]
    assert {setting for setting in settings if not re.search(rf"`{setting}\b", section)} == set()


def kinds(kind: type[nodes.Node]) -> set[str]:
    """The names of all that is one, of the parser's own nodes only."""
    below = [each for each in kind.__subclasses__() if each.__module__ == nodes.__name__]
    return set().union(*map(kinds, below)) if below else {kind.__name__}


def test_each_thing_that_a_script_can_say_is_said_somewhere() -> None:
    texts = [*blocks(LANGUAGE, "llmock"), *blocks((ROOT / "docs" / "testing.md").read_text("utf-8"), "llmock")]
    texts += [in_its_place(statement) for statement in CATALOGUE.values()]
    scripts = [parse(Source("example", text), Diagnostics()) for text in texts]
    said = {type(node).__name__ for script in scripts if script for node in nodes.walk(script)}
    assert kinds(nodes.Node) - said == {"Include"}
