"""Scripts that are kept compiled: they answer as they did, and are compiled anew when anything has changed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dsl import Script, compile_script, kept
from dsl.cache_folder import cache_folder
from dsl.data import _csv as data_csv
from dsl.diagnostics import as_text
from dsl.testing.coverage import parts
from mockllm.journal import Journal
from mockllm.mock import Mock
from mockllm.reading import read
from mockllm.serving import Mocks
from mockllm.settings import Settings
from tests.loading.test_mocks import Asked, write
from tests.server.harness import CHECKOUT

SCRIPTS = sorted(
    [*(CHECKOUT / "examples").rglob("*.llmock"), *(CHECKOUT / "tests/corpus/scripts").rglob("*.llmock")]
)
MANY = "\n".join(f'rule r{number} when user is "{number}" reply "answer {number}"' for number in range(300))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MOCKLLM_CACHE", raising=False)
    return tmp_path / "cache" / "mockllm" / "scripts"


def again(path: Path, *, index: bool = True) -> tuple[Script, Script]:
    """A script as it was compiled, and as it is read afterwards."""
    compiled, _ = read(path, index=index)
    held = kept.load(path)
    assert compiled is not None and held is not None
    return compiled, held


def asked(script: Script) -> Asked:
    journal = Journal(10)
    settings = Settings(seed=1)
    return Asked(Mocks([Mock("", script, settings, journal)], journal, settings))


def shown(script: Script) -> list[str]:
    """All that is in the rules; a source is shown as where it is in memory, and a set in any order."""
    told = [re.sub(" at 0x[0-9a-f]+", "", repr(rule)) for rule in script.table.rules]
    return [
        re.sub(r"frozenset\(\{(.*?)\}\)", lambda found: str(sorted(found[1].split(", "))), each) for each in told
    ]


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_all_that_a_script_has_is_kept(path: Path) -> None:
    compiled, held = again(path)
    assert shown(held) == shown(compiled)
    assert [rule.place for rule in held.table.rules] == [rule.place for rule in compiled.table.rules]
    assert held.items == compiled.items
    assert [test.name for test in held.tests] == [test.name for test in compiled.tests]
    assert list(map(as_text, held.warnings)) == list(map(as_text, compiled.warnings))
    assert held.sockets.keys() == compiled.sockets.keys()
    for name in ("seed", "models", "named_models", "scenarios", "files"):
        assert getattr(held, name) == getattr(compiled, name)
    assert [part.what for part in parts(held.items)] == [part.what for part in parts(compiled.items)]


@pytest.mark.parametrize("index", [True, False])
def test_rules_of_all_groups_answer(tmp_path: Path, index: bool) -> None:
    write(tmp_path / "a.llmock", f'{MANY}\notherwise reply "else"')
    mocks = [asked(script) for script in again(tmp_path / "a.llmock", index=index)]
    for user in ("0", "63", "64", "299", "300"):
        assert len({mock.say(user) for mock in mocks}) == 1
    assert mocks[1].say("299") == "answer 299"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('when user matches /(?<what>\\w+) x/i reply "<{{ what }}>"', {"y x": "<y>", "z": "no_rule_matched"}),
        ('let a = "A"\nlet c when user is "x"\nwhen c reply "{{ a }}"', {"x": "A"}),
        ('define f(t) { reply t }\notherwise use f("hi")', {"x": "hi"}),
        ('for each row in "b.csv" { when user is row.q reply "{{ row.a }}" }', {"q1": "a1", "q2": "a2"}),
        (
            'scenario s { state a { when user is "x" { reply "1"; go b } } state b { otherwise reply "2" } }',
            {"x": "1"},
        ),
        ('otherwise { limit 5 requests per 60s; pick { 100% reply "p" } }', {"x": "p"}),
        ('when tools or user contains any ["a", "b"] and not (n > 1) reply "{{ turn }}"', {"a": "1"}),
    ],
)
def test_what_is_kept_answers_alike(tmp_path: Path, script: str, said: dict[str, str]) -> None:
    write(tmp_path / "b.csv", "q,a\nq1,a1\nq2,a2\n")
    write(tmp_path / "a.llmock", script)
    for each in again(tmp_path / "a.llmock"):
        mock = asked(each)
        assert {user: mock.say(user) for user in said} == said


def test_rows_of_data_are_kept(tmp_path: Path) -> None:
    rows = "\n".join(f"q{number},a{number}" for number in range(200))
    write(tmp_path / "b.csv", f"q,a\n{rows}\n")
    write(tmp_path / "a.llmock", 'for each row in "b.csv" { when user contains row.q reply "{{ row.a }}" }')
    _, held = again(tmp_path / "a.llmock")
    assert asked(held).say("say q150!") == "a1"  # `q1` is in it, too, and comes first
    assert held.table.rules[150].body is held.table.rules[0].body
    assert held.table.rules[-1].row == " row 200"
    assert len(held.table.rules[3:5]) == 2
    with pytest.raises(IndexError):
        held.table.rules[200]


@pytest.mark.parametrize("name", ["a.llmock", "b.llmock", "c.csv"])
def test_what_has_changed_is_compiled_anew(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a.llmock", 'include "b.llmock"\nfor each row in "c.csv" { when user is row.q reply "c" }')
    write(tmp_path / "b.llmock", 'when user is "b" reply "b"')
    write(tmp_path / "c.csv", "q\nc\n")
    again(tmp_path / "a.llmock")
    with (tmp_path / name).open("a") as file:
        file.write("\n")
    assert kept.load(tmp_path / "a.llmock") is None
    again(tmp_path / "a.llmock")


READS = [
    ("b.llmock", 'include "b.llmock"', 'when user is "x" reply "1"', 'when user is "x" reply "2"'),
    ("b.csv", 'for each row in "b.csv" { when user is row.q reply "{{ row.a }}" }', "q,a\nx,1\n", "q,a\nx,2\n"),
]


@pytest.mark.parametrize(("name", "use", "before", "after"), READS)
def test_what_is_written_while_a_script_is_compiled_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, use: str, before: str, after: str
) -> None:
    path = tmp_path / "a.llmock"
    write(path, use)
    write(tmp_path / name, before)

    def compile_slowly(path: Path) -> Script:
        script = compile_script(path)
        write(tmp_path / name, after)
        return script

    monkeypatch.setattr("dsl.compile_script", compile_slowly)
    script, reading = read(path, index=True)
    assert script is not None and asked(script).say("x") == "1"
    assert not reading.is_current
    assert kept.load(path) is None


@pytest.mark.parametrize(("name", "use", "before", "after"), READS)
def test_a_link_that_leads_elsewhere_is_a_change(
    tmp_path: Path, name: str, use: str, before: str, after: str
) -> None:
    path, link = tmp_path / "a.llmock", tmp_path / name
    write(path, use)
    for folder, text in (("1", before), ("2", after)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / name, text)
    link.symlink_to(tmp_path / "1" / name)
    _, compiled = read(path, index=True)
    script, held = read(path, index=True)
    assert script is not None and asked(script).say("x") == "1"
    assert compiled.is_current and held.is_current
    link.unlink()
    link.symlink_to(tmp_path / "2" / name)
    assert not compiled.is_current and not held.is_current
    script, _ = read(path, index=True)
    assert script is not None and asked(script).say("x") == "2"


def test_a_link_to_the_same_text_elsewhere_is_a_change(tmp_path: Path) -> None:
    """What a text includes is beside the file that a link leads to."""
    path, link = tmp_path / "a.llmock", tmp_path / "b.llmock"
    write(path, 'include "b.llmock"')
    for folder in ("1", "2"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "b.llmock", 'include "c.llmock"')
        write(tmp_path / folder / "c.llmock", f'otherwise reply "{folder}"')
    link.symlink_to(tmp_path / "1" / "b.llmock")
    again(path)
    link.unlink()
    link.symlink_to(tmp_path / "2" / "b.llmock")
    script, _ = read(path, index=True)
    assert script is not None and asked(script).say() == "2"


def test_a_link_out_of_the_folder_may_be_mended(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path, link = tmp_path / "in" / "a.llmock", tmp_path / "in" / "b.llmock"
    for file in (tmp_path / "out.llmock", tmp_path / "in" / "c.llmock"):
        write(file, 'otherwise reply "x"')
    write(path, 'include "b.llmock"')
    link.symlink_to(tmp_path / "out.llmock")
    script, reading = read(path, index=True)
    assert script is None and reading.is_current
    link.unlink()
    link.symlink_to(tmp_path / "in" / "c.llmock")
    assert not reading.is_current


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.llmock").symlink_to(tmp_path / "b.llmock")
    (tmp_path / "b.llmock").symlink_to(tmp_path / "a.llmock")
    _, reading = read(tmp_path / "a.llmock", index=True)
    assert reading.trouble is not None and "cannot be read" in reading.trouble


def test_data_that_differ_between_two_reads_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, data = tmp_path / "a.llmock", tmp_path / "b.csv"
    use = 'for each row in "b.csv" { when user is row.q reply "1" }'
    write(path, f"{use}\nsocket '/v1/live' {{ {use} }}")
    write(data, "q\nx\n")
    monkeypatch.setattr("dsl.data._csv", lambda text, read=data_csv: (data.write_text("q\ny\n"), read(text))[1])
    script = compile_script(path)
    assert not script.looks.steady
    kept.keep(script, path)
    assert kept.load(path) is None


def test_a_script_with_errors_is_not_kept(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "a.llmock", "otherwise")
    assert read(tmp_path / "a.llmock", index=True)[0] is None
    assert not cache.exists() or entries(cache) == []


@pytest.mark.parametrize("damage", [b"", b"\x00", b"not marshal", None])
def test_a_damaged_entry_is_compiled_anew(tmp_path: Path, cache: Path, damage: bytes | None) -> None:
    path = tmp_path / "a.llmock"
    write(path, 'otherwise reply "one"')
    again(path)
    (entry,) = entries(cache)
    entry.write_bytes(entry.read_bytes()[:-40] if damage is None else damage)
    assert kept.load(path) is None
    script, _ = read(path, index=True)
    assert script is not None and asked(script).say() == "one"
    again(path)


def test_a_damaged_group_of_rules_is_found_before_a_client_asks_for_it(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "a.llmock"
    write(path, MANY)
    again(path)
    (entry,) = entries(cache)
    data = bytearray(entry.read_bytes())
    at = data.rindex(b"r250")
    data[at - 8 : at] = b"\xff" * 8
    entry.write_bytes(data)
    assert kept.load(path) is None
    script, _ = read(path, index=True)
    assert script is not None and asked(script).say("250") == "answer 250"


@pytest.mark.parametrize("mode", [0o702, 0o720, 0o777])
def test_what_others_can_write_to_is_not_read(tmp_path: Path, cache: Path, mode: int) -> None:
    path = tmp_path / "a.llmock"
    write(path, 'otherwise reply "one"')
    again(path)
    (entry,) = entries(cache)
    entry.chmod(mode)
    assert kept.load(path) is None
    entry.chmod(0o600)
    assert kept.load(path) is not None
    for folder in (cache, cache.parent):
        folder.chmod(mode)
        assert kept.load(path) is None
        assert cache_folder("scripts") is None
        folder.chmod(0o700)
    assert cache.stat().st_mode & 0o777 == 0o700


def test_the_switch(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCKLLM_CACHE", "0")
    write(tmp_path / "a.llmock", 'otherwise reply "one"')
    assert read(tmp_path / "a.llmock", index=True)[0] is not None
    assert not cache.exists()
    assert kept.load(tmp_path / "a.llmock") is None


def test_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    write(tmp_path / "a.llmock", 'otherwise reply "one"')
    script, _ = read(tmp_path / "a.llmock", index=True)
    assert script is not None and asked(script).say() == "one"


def test_the_cache_has_bounds(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_ENTRIES", 2)
    for number in range(4):
        path = tmp_path / f"{number}.llmock"
        write(path, f'otherwise reply "{number}"')
        again(path)
        for entry in entries(cache):  # file systems with coarse clocks
            os.utime(entry, (entry.stat().st_mtime - 10,) * 2)
    assert len(entries(cache)) == 2
    assert [kept.load(tmp_path / f"{number}.llmock") is None for number in range(4)] == [True, True, False, False]
    monkeypatch.setattr(kept, "LARGEST_CACHE", 1)
    write(path, 'otherwise reply "other"')
    kept.keep(compile_script(path), path)
    assert entries(cache) == []
