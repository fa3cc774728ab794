from __future__ import annotations

from pathlib import Path

import pytest

from dsl import compile_text, nodes, parser
from dsl.builder import Builder
from dsl.diagnostics import Diagnostics
from dsl.source import Source
from tests.corpus.test_scripts import FOLDER, SCRIPTS


def parsed(text: str) -> nodes.Script:
    diagnostics = Diagnostics()
    script = parser.parse(Source("script", text), diagnostics)
    assert script is not None, [d.message for d in diagnostics.sorted()]
    return script


def statements(body: str) -> tuple[nodes.Statement, ...]:
    (rule,) = parsed(f"otherwise {{ {body} }}").items
    assert isinstance(rule, nodes.Rule) and isinstance(rule.body, nodes.Block)
    return rule.body.statements


def errors(text: str) -> list[tuple[str, int]]:
    diagnostics = Diagnostics()
    assert parser.parse(Source("script", text), diagnostics) is None
    return [(d.code, d.primary.span.line) for d in diagnostics.sorted()]


def test_the_grammar_has_no_conflicts() -> None:
    assert parser.build_lark(strict=True).parse("otherwise hang", start="start")


def test_every_rule_of_the_grammar_has_a_callback() -> None:
    lark = parser.build_lark()
    origins = {str(rule.alias or rule.origin.name) for rule in lark.rules}
    named = {name for name in origins if not name.startswith("_")}
    assert {name for name in named if not hasattr(Builder, name)} == set()


@pytest.mark.parametrize("name", SCRIPTS)
def test_spans(name: str) -> None:
    """A node lies inside its parent, behind its elder siblings, and names and texts are what is written there."""
    text = (FOLDER / name).read_text("utf-8")
    for parent in nodes.walk(parsed(text)):
        assert 0 <= parent.span.start <= parent.span.end <= len(text)
        at = parent.span.start
        for child in nodes.children(parent):
            assert parent.span.start <= child.span.start and child.span.end <= parent.span.end
            assert child.span.start >= at
            at = child.span.start
        if isinstance(parent, nodes.Name):
            assert parent.span.text.strip("'\"").startswith(parent.text)
        if isinstance(parent, nodes.Number):
            assert float(parent.span.text) == parent.value
        if isinstance(parent, nodes.Rule):
            assert parent.head.text.endswith(parent.guard.text)


def test_equality_is_of_meaning_not_of_place() -> None:
    assert parsed('when user is "a" reply "b"') == parsed(
        "# x\n when user\n is 'a' reply \"b\"".replace("'a'", '"a"')
    )
    assert parsed('otherwise reply "b"') != parsed("otherwise reply 'b'")  # one is a template


@pytest.mark.parametrize(
    ("written", "node"),
    [
        ('fail 429 "m" as "c" param "p" retry after 1s', (429, "m", "c", "p", 1.0)),
        ('fail "m"', (None, "m", None, None, None)),
        ('fail as "c"', (None, None, "c", None, None)),
        ("fail 500", (500, None, None, None, None)),
        ("fail", (None, None, None, None, None)),
    ],
)
def test_fail(written: str, node: tuple[object, ...]) -> None:
    (fail,) = statements(written)
    assert isinstance(fail, nodes.Fail)
    seconds = fail.retry_after.seconds if fail.retry_after else None
    parts = (fail.status, fail.message, fail.code, fail.param)
    assert (*(part and part.value for part in parts if not isinstance(part, nodes.Reference)), seconds) == node


def test_optional_tails() -> None:
    call, cut, clean, close, reason = statements(
        'call "get weather" {} id "x" in 3 chunks; cut; cut clean; close; close "bye"'
    )
    assert isinstance(call, nodes.Call)
    assert (call.tool.text, call.chunks and call.chunks.value) == ("get weather", 3)
    assert isinstance(call.id, nodes.Text) and call.id.value == "x"
    assert isinstance(cut, nodes.Cut) and isinstance(clean, nodes.Cut)
    assert (cut.clean, clean.clean) == (False, True)
    assert isinstance(close, nodes.Close) and isinstance(reason, nodes.Close)
    assert (close.code, close.reason) == (None, None)
    assert reason.code is None and isinstance(reason.reason, nodes.Text)


@pytest.mark.parametrize(
    ("written", "amount", "unit"),
    [("40 tok/s", 40, "tok"), ("2.5 toks/s", 2.5, "tok"), ("10 bytes/s", 10, "byte"), ("3chars/s", 3, "char")],
)
def test_rates(written: str, amount: float, unit: str) -> None:
    (pace,) = statements(f"pace {written}")
    assert isinstance(pace, nodes.Pace) and isinstance(pace.rate, nodes.Rate)
    assert (pace.rate.amount, pace.rate.unit) == (amount, unit)


@pytest.mark.parametrize(
    ("written", "seconds"), [("50ms", 0.05), ("5us", 5e-6), ("1.5s", 1.5), ("2m", 120), ("1h", 3600)]
)
def test_durations(written: str, seconds: float) -> None:
    (wait,) = statements(f"wait {written}")
    assert isinstance(wait, nodes.Wait) and isinstance(wait.delay, nodes.Duration)
    assert wait.delay.seconds == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["300ms ± 50ms", "300ms +- 50ms", "300ms±50ms"])
def test_jitter(written: str) -> None:
    (ttft,) = statements(f"ttft {written}")
    assert isinstance(ttft, nodes.Ttft) and isinstance(ttft.delay, nodes.Jittered)
    assert isinstance(ttft.delay.tolerance, nodes.Duration) and ttft.delay.tolerance.seconds == 0.05


@pytest.mark.parametrize(
    ("written", "how", "count"), [("every 1 byte", "every", 1), ("at 7 bytes", "at", 7), ("crlf", "crlf", None)]
)
def test_split(written: str, how: str, count: int | None) -> None:
    (split,) = statements(f"split {written}")
    assert isinstance(split, nodes.Split)
    assert (split.how, split.count and split.count.value) == (how, count)


def test_fields() -> None:
    (rule,) = parsed('when body.a["b c"][0].d is null reply "x"').items
    assert isinstance(rule, nodes.Rule) and isinstance(rule.condition, nodes.Comparison)
    assert rule.condition.field.path == ("a", "b c", 0, "d")
    assert rule.condition.field.text == "body['a']['b c'][0]['d']"


def test_keywords_are_names_where_they_cannot_be_keywords() -> None:
    call, reply = statements('call wait { reply: 1, when: 2 }; reply { id: "x" }')
    assert isinstance(call, nodes.Call) and call.tool.text == "wait"
    assert isinstance(reply, nodes.Reply) and isinstance(reply.value, nodes.Object)
    assert {"wait", "reply", "otherwise"} <= parser.keywords()
    assert "tok" not in parser.keywords()


def test_a_word_that_begins_with_a_keyword_is_another_word() -> None:
    assert errors("otherwise waiting 5s") == [("E105", 1)]


def test_recovery_goes_on_at_the_next_declaration() -> None:
    text = 'when user = "a" reply "x"\notherwise { repyl "y" }\n  when user = "b" reply "x"\nlet x == 1\n'
    assert errors(text) == [("E106", 1), ("E105", 2), ("E106", 4)]


def test_recovery_stops_after_twenty_errors() -> None:
    assert len(errors('when user = "a" reply "x"\n' * 30)) == parser.MOST_ERRORS == 20


@pytest.mark.parametrize("open_text", ['reply """\nwhen x', "reply '''\nwhen x"])
def test_nothing_can_be_told_behind_a_text_that_is_never_closed(open_text: str) -> None:
    assert errors(f'otherwise {open_text}\nwhen user = "a" reply "b"\n') == [("E102", 1)]


@pytest.mark.parametrize("deep", ["not " * 3000 + "user", "(" * 3000 + "not " * 101 + "user" + ")" * 3000])
def test_deep_conditions(deep: str) -> None:
    assert errors(f'when {deep} reply "x"') == [("E110", 1)]


@pytest.mark.parametrize(
    ("opened", "closed"), [("chance 5% ", "hang"), ("repeat 2 { ", "}"), ("reply [", "]"), ("reply {a:[", "]}")]
)
def test_deep_bodies(opened: str, closed: str) -> None:
    if opened.startswith("reply"):
        opened, first = opened.removeprefix("reply "), "reply "
    else:
        first = ""
    text = f"otherwise {{ {first}{opened * 500}{closed * (500 if len(closed) < 4 else 1)} }}"
    assert errors(text) == [("E110", 1)]


def test_what_is_not_too_deep_is_served() -> None:
    assert parsed(f"otherwise reply {'[' * 90}{']' * 90}")


def test_where_the_tables_are_kept_must_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MOCKLLM_CACHE", raising=False)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert parser._cache_file() is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert parser._cache_file() == str(tmp_path / "mockllm" / "grammar.lark")


@pytest.mark.parametrize("quotes", ['"""', "'''"])
def test_an_empty_text_over_lines_ends_at_its_first_quotes(quotes: str) -> None:
    script = compile_text(
        f"when user is 'a' reply {quotes}\n{quotes}\nwhen user is 'b' reply {quotes}\n  x\n{quotes}"
    )
    assert len(script.table.rules) == 2
