"""Which scripts the paths on a command line name."""

from __future__ import annotations

from pathlib import Path

from mockllm.commands.script_files import script_files


def test_copies_with_a_dot_in_front_are_no_scripts_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "faq.llmock").write_text('otherwise reply "Hello."\n')
    copy = tmp_path / "._faq.llmock"
    copy.write_bytes(b"\x00\x05\x16\x07")
    assert script_files([tmp_path]) == {tmp_path / "faq.llmock": False}
    assert script_files([copy]) == {copy: True}
