from __future__ import annotations

from pathlib import Path

import pytest

from dsl import Diagnostic, ScriptError, check, compile_script, compile_text
from dsl.diagnostics import as_text
from tests.dsl.performing import Talk


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.llmock"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder / "main.llmock"


def one(found: list[Diagnostic]) -> Diagnostic:
    (diagnostic,) = found
    return diagnostic


def test_spliced_in_where_it_stands(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main='when user is "a" reply "1"\ninclude "lib/more.llmock"\nwhen user reply "3"',
        lib__more='when user is "a" reply "never"\nwhen user is "b" reply name\ninclude "names.llmock"',
        lib__names='let name = "2"',
    )
    talk = Talk(main)
    assert [talk.say("a"), talk.say("b"), talk.say("c")] == ["1", "2", "3"]
    assert [path.name for path in talk.script.files] == ["main.llmock", "more.llmock", "names.llmock"]
    assert [rule.node.span.source.name for rule in talk.script.table.rules][1] == str(tmp_path / "lib/more.llmock")


def test_included_once(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main='include "a.llmock"\ninclude "b.llmock"\nwhen user is name reply name',
        a='include "names.llmock"',
        b='include "names.llmock"',
        names='let name = "x"\nrule r when user is "y" reply "z"',
    )
    assert check(main) == []
    assert Talk(main).say("x") == "x"


@pytest.mark.parametrize("path", ["../outside.llmock", "/etc/hosts", "lib/../../x", "link.llmock"])
def test_outside_the_folder(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "link.llmock").symlink_to(tmp_path / "outside.llmock")
    main = write(folder, main=f'include "{path}"')
    found = one(check(main))
    assert (found.code, found.primary.span.text) == ("E217", f'"{path}"')


def test_itself(tmp_path: Path) -> None:
    main = write(tmp_path, main='include "a.llmock"', a='include "b.llmock"', b='include "a.llmock"')
    found = one(check(main))
    assert (found.code, found.primary.span.source.name) == ("E218", str(tmp_path / "b.llmock"))
    assert one(check(write(tmp_path, main='include "main.llmock"'))).code == "E218"


def test_not_utf8(tmp_path: Path) -> None:
    main = write(tmp_path, main='include "a.llmock"')
    (tmp_path / "a.llmock").write_bytes(b"\xff\xfe")
    assert one(check(main)).message == "`a.llmock` is not UTF-8 text"
    (tmp_path / "main.llmock").write_bytes(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        check(main)


def test_a_byte_order_mark(tmp_path: Path) -> None:
    main = write(tmp_path, main='\ufeffinclude "a.llmock"', a='\ufeffwhen user reply "x"')
    assert Talk(compile_script(str(main))).say() == "x"


@pytest.mark.parametrize("name", ["missing.llmock", "lib", "x" * 5000, "loop.llmock", r"\0"])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "loop.llmock").symlink_to(tmp_path / "loop.llmock")
    found = one(check(write(tmp_path, main=f'include "{name}"')))
    assert found.code == "E216"


def test_the_script_itself_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        compile_script(tmp_path / "none.llmock")


def test_a_script_without_a_folder() -> None:
    with pytest.raises(ScriptError) as caught:
        compile_text('include "a.llmock"', "here")
    assert str(caught.value).startswith(
        "error[E216]: a script without a folder cannot include a file\n --> here:1:9"
    )


def test_an_error_in_an_included_file_shows_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "s", main='include "lib/a.llmock"\notherwise hang', lib__a='# x\nwhen usr reply "x"')
    monkeypatch.chdir(tmp_path)
    assert " --> s/lib/a.llmock:2:6\n" in as_text(one(check("s/main.llmock")))


def test_syntax_errors_of_all_files_are_reported(tmp_path: Path) -> None:
    main = write(
        tmp_path, main='include "a.llmock"\ninclude "b.llmock"\nwhen x reply "x"', a="when", b='reply "x"'
    )
    assert [found.code for found in check(main)] == ["E105", "E105"]


def test_names_given_in_two_files(tmp_path: Path) -> None:
    main = write(tmp_path, main='include "a.llmock"\nlet x = 1\notherwise reply x', a="let x = 2")
    found = one(check(main))
    assert found.secondary is not None
    assert f"note: the first ({tmp_path / 'a.llmock'}:1:5)" in as_text(found)
