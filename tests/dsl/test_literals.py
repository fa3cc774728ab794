from __future__ import annotations

import pytest

from dsl.literals import BadEscape, Decoded


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ('"plain"', "plain"),
        (r'"\n\t\r\b\f\0\"\'\\\/"', "\n\t\r\b\f\0\"'\\/"),
        (r'"\x41\u0042\u{43}\u{1F600}"', "ABC😀"),
        (r'"\ud83d\ude00!"', "😀!"),
        (r"'\n {{ x }}'", r"\n {{ x }}"),
        ("'say \"hi\"'", 'say "hi"'),
        ('""', ""),
        ('"""\n    a\n      b\n\n    c\n"""', "a\n  b\n\nc"),
        ('"""python\n  x\n    """', "x"),
        ('"""\n"""', ""),
        ('"""\n\n"""', ""),
        ('"""\n  \n  a\n"""', "\na"),
        ("'''\n\ta\n\t  b\n'''", "a\n  b"),
        ("'''\n\ta\n  b\n'''", "\ta\n  b"),  # no white space is shared
        ('"""\r\n  a\r\n  b\r\n  """', "a\nb"),
        ('"""\n  \\n stays\n"""', r"\n stays"),
    ],
)
def test_value(raw: str, value: str) -> None:
    assert Decoded(raw).value == value


@pytest.mark.parametrize(
    ("raw", "start", "end"),
    [
        (r'"a\d"', 2, 4),
        (r'"\u12"', 1, 3),
        (r'"\xg"', 1, 3),
        (r'"\ud800"', 1, 7),
        (r'"\ud800A"', 1, 7),
        (r'"\udc00"', 1, 7),
        (r'"\u{d800}"', 1, 9),
        (r'"\u{110000}"', 1, 11),
    ],
)
def test_bad_escape(raw: str, start: int, end: int) -> None:
    with pytest.raises(BadEscape) as caught:
        Decoded(raw)
    assert (caught.value.start, caught.value.end) == (start, end)


@pytest.mark.parametrize(
    "raw",
    [
        '"one @"',
        r'"\n\u0041\ud83d\ude00 @ \t"',
        "'one @'",
        '"""\n    one\n\n      two @\n"""',
        '"""\r\n    one\r\n    two @\r\n"""',
    ],
)
def test_raw_offset(raw: str) -> None:
    decoded = Decoded(raw)
    assert decoded.raw_offset(decoded.value.index("@")) == raw.index("@")
