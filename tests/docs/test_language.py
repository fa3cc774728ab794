"""docs/language.md has the tables that the catalogues make; `--rewrite` writes them.

The catalogue of statements is that of the grammar, and what it shows as an example is one.
"""

from __future__ import annotations

import pytest
from lark.grammar import Terminal

from dsl import compile_text
from dsl.parser import build_lark
from dsl.statement_catalogue import CATALOGUE, Group, Statement
from tests.docs import catalogues

# What an example is to stand in, where it is not the body of a rule.
AROUND = {
    "every": 'socket "/v1/x" {{ {} }}',
    "push": 'socket "/v1/x" {{ otherwise {{ {} }} }}',
    "close": 'socket "/v1/x" {{ otherwise {{ {} }} }}',
    "go": "scenario shop {{ state buying {{ otherwise {{ {} }} }} state paying {{ otherwise go buying }} }}",
    "use": 'define overloaded(name) {{ fail 529 "{{{{ name }}}}" }} otherwise {{ {} }}',
}


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
    around = AROUND.get(statement.name, "defaults {{ seed 1 }} otherwise {{ {} }}")
    compile_text(around.format(statement.example))
