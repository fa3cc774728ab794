from __future__ import annotations

import pytest

from dsl.regexes import BadRegex, compile_regex, search


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "found"),
    [
        ("colou?r", "", "the colour", "colour"),
        ("COLOUR", "", "colour", None),
        ("COLOUR", "i", "colour", "colour"),
        ("wikipedia", "i", "WIKIPEDIA", "WIKIPEDIA"),
        ("^b", "", "a\nb", None),
        ("^b", "m", "a\nb", "b"),
        ("a.b", "", "a\nb", None),
        ("a.b", "s", "a\nb", "a\nb"),
        ("a b  # c", "x", "ab", "ab"),
        (r"a\ b [ ]c", "x", "a b c", "a b c"),
        (r"a\ [ ]b\#", "x", "a  b#", "a  b#"),
        (r"\bü", "", "ü", None),  # RE2's word characters are ASCII
        ("(?P<x>a)|(?<y>b)", "", "b", "b"),
    ],
)
def test_search(pattern: str, flags: str, text: str, found: str | None) -> None:
    match = search(compile_regex(pattern, flags), text)
    assert (match and match.group()) == found


def test_half_a_surrogate_pair() -> None:
    assert search(compile_regex("b"), "a\ud800b") is not None
    assert search(compile_regex("a.b"), "a\ud800b") is not None
    assert search(compile_regex("c"), "a\ud800b") is None


@pytest.mark.parametrize(
    ("pattern", "message", "at"),
    [
        ("a(?=b)", "look-ahead is not supported", "(?="),
        ("a(?!b)", "look-ahead is not supported", "(?!"),
        ("(?<=a)b", "look-behind is not supported", "(?<="),
        (r"(a)\1", "back-references are not supported", r"\1"),
        (r"(?<n>a)\k<n>", "back-references are not supported", r"\k<"),
        ("(?<n>a)(?<m>b)(?<n>c)", "two groups are called `n`", "n"),
        ("a{2000}", "invalid regular expression: ", "a{2000}"),
        ("(?<city>x", "invalid regular expression: missing ), unterminated subpattern", "("),
        ("(?<a>x)(?<b>x)*+(", "invalid regular expression: ", None),
        ("\ud800", "invalid regular expression: ", None),
    ],
)
def test_refused(pattern: str, message: str, at: str | None) -> None:
    with pytest.raises(BadRegex) as caught:
        compile_regex(pattern)
    assert caught.value.message.startswith(message)
    assert 0 <= caught.value.start <= caught.value.end <= len(pattern)
    if at is not None:
        assert pattern[caught.value.start : caught.value.end] == at


def test_the_place_behind_a_named_group() -> None:
    with pytest.raises(BadRegex) as caught:
        compile_regex("(?<first>a)(?<second>b)[z-a]")
    assert caught.value.start == len("(?<first>a)(?<second>b)[")


def test_names_in_classes_and_escapes_are_none() -> None:
    assert compile_regex(r"[(?<n>](?<n>a)\(?<n>") is not None


def test_linear_in_the_text() -> None:
    assert search(compile_regex("(a+)+$"), "a" * 50_000 + "b") is None
