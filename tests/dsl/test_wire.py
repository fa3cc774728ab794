"""What a script does to the bytes of an answer: raw bytes, splits, dialects, headers, rates."""

from __future__ import annotations

import pytest

from dsl import timeline
from dsl.body_compiler import DIALECTS
from dsl.helpers import MOST_NOISE
from dsl.timeline import ByteRate, Raw, Split, Timeline
from dsl.values import PerformError
from tests.dsl.performing import Talk, text

Interruption = timeline.Cut | timeline.Reset | timeline.Hang


def body(statements: str, defaults: str = "") -> Timeline:
    return Talk(f"{f'defaults {{ {defaults} }}' if defaults else ''}\notherwise {{ {statements} }}").ask()


def raw(written: str, user: str = "hi") -> bytes:
    (event,) = Talk(f"otherwise raw {written}").ask(user).events
    assert isinstance(event, Raw)
    return event.data


# -- raw bytes


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (r'"\xff\x80\x7f\x41\x00"', b"\xff\x80\x7fA\x00"),
        (r'"é\xe9\u00e9\u{e9}"', b"\xc3\xa9\xe9\xc3\xa9\xc3\xa9"),
        (r'"\xf0\x9f\x98\x80"', "😀".encode()),
        (r'"\xf0{{ 1 + 1 }}\xff"', b"\xf02\xff"),
        (r'"{{ user }}\xff"', b"hi\xff"),
        (r"'\xff'", rb"\xff"),
        ('"""\n  \\xff\n  """', rb"\xff"),
    ],
)
def test_escaped_bytes(written: str, expected: bytes) -> None:
    assert raw(written) == expected


def test_elsewhere_an_escape_is_a_character() -> None:
    assert text(body(r'reply "\xe9"')) == "é"
    assert Talk(r'let word = "\xe9" otherwise raw word').ask().events == (Raw(0, "é".encode()),)


@pytest.mark.parametrize("sent", ["\ud800", "\udbff", "\udc00", "\udc7f", "\udd00", "\udfff"])
def test_what_is_neither_character_nor_byte(sent: str) -> None:
    assert raw(r'"{{ user }}\xff"', sent) == b"?\xff"


def test_the_place_of_a_mistake_behind_escaped_bytes() -> None:
    with pytest.raises(PerformError) as caught:
        raw(r'"\xff\xfe{{ temperature }}"')
    assert caught.value.span.text == r'"\xff\xfe{{ temperature }}"'


def test_binary() -> None:
    assert body(r'raw "\xff" as binary; raw "x"').events == (Raw(0, b"\xff", binary=True), Raw(0, b"x"))
    assert Talk('let blob = "x" otherwise raw blob as binary').ask().events == (Raw(0, b"x", binary=True),)


def test_noise() -> None:
    noise = raw('"{{ noise(5000) }}"')
    assert len(noise) == 5000 and len(set(noise)) == 256
    assert noise == raw('"{{ noise(5000) }}"')
    assert raw('"{{ noise(0) }}"') == b""
    for size in (-1, MOST_NOISE + 1):
        with pytest.raises(PerformError, match=f"noise gives from 0 to {MOST_NOISE} bytes"):
            raw(f'"{{{{ noise({size}) }}}}"')


# -- splits, dialects, headers


@pytest.mark.parametrize(
    ("statements", "defaults", "expected"),
    [
        ('reply "x"', "", None),
        ("split every 1 byte", "", Split(every=1)),
        ("split every 16 bytes", "", Split(every=16)),
        ("split at 7 bytes", "", Split(at=7)),
        ("split crlf", "", Split()),
        ("split crlf; split at 7 bytes", "", Split(at=7)),
        ('reply "x"', "split crlf", Split()),
        ("split every 2 bytes", "split crlf", Split(every=2)),
        ('reply "x"', "chance 100% split at 3 bytes", Split(at=3)),
    ],
)
def test_split(statements: str, defaults: str, expected: Split | None) -> None:
    assert body(statements, defaults).split == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialect(dialect: str) -> None:
    assert body(f"dialect {dialect}; call f {{}}").dialect == dialect
    assert body("call f {}", f"dialect {dialect}").dialect == dialect
    assert body("dialect standard; call f {}", f"dialect {dialect}").dialect == "standard"


def test_the_default_dialect() -> None:
    assert body("call f {}").dialect == "standard"


@pytest.mark.parametrize("name", ["content-length", "Transfer-Encoding", "connection"])
def test_framing_can_be_set(name: str) -> None:
    assert body(f'header "{name}" "5"; reply "x"').headers == ((name, "5"),)


@pytest.mark.parametrize(("name", "value"), [("content length", "1"), ("", "1"), ("x", r"a\r\nb: c"), ("x", "é€")])
def test_a_header_must_be_one(name: str, value: str) -> None:
    with pytest.raises(PerformError):
        body(f'header "{name}" "{value}"')


# -- a rate of bytes takes time of its own


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("cut", timeline.Cut(2)),
        ("reset", timeline.Reset(2)),
        ("hang 3s", timeline.Hang(2, 3)),
        ("{ wait 1s; cut }", timeline.Cut(3)),
    ],
)
def test_an_interruption_keeps_its_time(
    ending: str, expected: timeline.Cut | timeline.Reset | timeline.Hang
) -> None:
    answer = body(f'pace 10 byte/s; after 2s {ending}; reply "a b c"')
    assert answer.ending == expected
    assert answer.events[0] == ByteRate(0, 10, expected)


@pytest.mark.parametrize(
    "statements",
    [
        'pace 10 byte/s; reply "a b c"; wait 2s; cut',  # the wait is for what has left
        'pace 10 byte/s; after 2s fail 500; reply "a b c"',  # the API's own bytes, which drip, too
        'pace 10 byte/s; after 2s cut clean; reply "a b c"',
        'pace 10 byte/s; after 2 chunks cut; reply "a b c"',
        'pace 10 byte/s; after 2s comment "x"; reply "a b c"',
    ],
)
def test_anything_else_comes_behind_the_bytes(statements: str) -> None:
    assert body(statements).events[0] == ByteRate(0, 10)


def test_the_end_of_a_rate_is_not_interrupted() -> None:
    answer = body('pace 10 byte/s; reply "a"; pace 5 tok/s; after 2s cut; reply " b"')
    assert [event for event in answer.events if isinstance(event, ByteRate)] == [
        ByteRate(0, 10, timeline.Cut(2)),
        ByteRate(0, None),
    ]


def test_the_interruption_of_one_choice_is_everybodys() -> None:
    answer = body('pace 10 byte/s; choice { after 2s cut; reply "a" } choice { after 1s reset; reply "b" }')
    assert answer.ending == timeline.Reset(1)
    assert answer.events[0] == ByteRate(0, 10, timeline.Reset(1))


# -- delays and paces by name


def test_a_range_of_times_can_have_a_name() -> None:
    talk = Talk('let usual = 200ms..400ms\notherwise { ttft usual; reply "a" }')
    drawn = [talk.ask().duration for _ in range(200)]
    assert 0.2 <= min(drawn) < 0.22 and 0.38 < max(drawn) <= 0.4


def test_a_pace_by_name_with_a_tolerance() -> None:
    talk = Talk('let fast = 10 tok/s\notherwise { pace fast ± 50%; reply "a b" }')
    drawn = [talk.ask().duration for _ in range(200)]
    assert 0.05 <= min(drawn) < 0.06 and 0.14 < max(drawn) <= 0.15


# -- chaos by default


def test_chance_in_the_defaults_is_chaos_for_every_rule() -> None:
    talk = Talk(
        "defaults { chance 20% after 2 chunks cut; chance 10% { wait 1s; fail 500 }\n"
        "chance 5% limit 9 requests per 1m }\n"
        'when user is "a" reply "a b c d"\notherwise reply "e f g h"'
    )
    answers = [talk.ask(user) for user in ("a", "b") * 500]
    cut = [answer for answer in answers if answer.ending == timeline.Cut(0)]
    failed = [answer for answer in answers if answer.ending == timeline.Fail(1, 500)]
    limited = [answer for answer in answers if answer.budgets]
    assert 100 < len(cut) < 300 and 50 < len(failed) < 150 and 9 <= len(limited) < 100
    assert {text(answer) for answer in cut} == {"a b", "e f"}
    assert {text(answer) for answer in failed} == {""}
