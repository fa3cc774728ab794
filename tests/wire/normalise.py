"""Makes two wire captures comparable: what chance decides is replaced, after a check of its shape.

An identifier becomes its prefix and a number that counts the different ones of its kind, so that equal ones stay
equal and others do not; those of one response share 18 digits, which become the number of the response.
Obfuscation becomes as many crosses, so that its length counts. What has not exactly the shape of the real wire is
left as it is, and the comparison shows it.
"""

from __future__ import annotations

import re
from collections import defaultdict

# When the golden answers were made, and those of `answering`, in Unix seconds.
CREATED = 1795366800

_IDENTIFIER = re.compile(
    rb'(?<=")(?:(chatcmpl-)[A-Za-z0-9]{29}|(call_)[A-Za-z0-9]{24}|(fp_)[0-9a-f]{10}|(req_)[0-9a-f]{32})(?=")'
)
_STORED = re.compile(rb'(?<=")([a-z]+_)([0-9a-f]{16}00)([0-9a-f]{8})([0-9a-f]{24})(?=")')
_CREATED = re.compile(rb'("created(?:_at)?": ?|"completed_at": ?)\d{10}\b')
_OBFUSCATION = re.compile(rb'("obfuscation":")([A-Za-z0-9]{0,15})"(?=}$|,"output_index")', re.MULTILINE)


def normalise(data: bytes) -> bytes:
    numbers: defaultdict[bytes, dict[bytes, int]] = defaultdict(dict)

    def numbered(found: re.Match[bytes]) -> bytes:
        prefix = next(group for group in found.groups() if group)
        known = numbers[prefix]
        return b"%s#%d" % (prefix, known.setdefault(found.group(), len(known) + 1))

    def stored(found: re.Match[bytes]) -> bytes:
        prefix, stem, seconds, rest = found.groups()
        family = numbers[b"stem"].setdefault(stem, len(numbers[b"stem"]) + 1)
        known = numbers[prefix + stem]
        age = int(seconds, 16) - CREATED
        return b"%s#%d-%d+%d" % (prefix, family, known.setdefault(rest, len(known) + 1), age)

    data = _IDENTIFIER.sub(numbered, data)
    data = _STORED.sub(stored, data)
    data = _CREATED.sub(rb"\1#", data)
    return _OBFUSCATION.sub(lambda found: found[1] + b"x" * len(found[2]) + b'"', data)


def payloads(stream: bytes) -> list[bytes]:
    """The data of each event of an SSE stream, which must be one `data:` line and a blank one."""
    *events, rest = stream.split(b"\n\n")
    assert rest == b"", "the stream ends amid an event"
    assert all(event.startswith(b"data: ") and b"\n" not in event for event in events)
    return [event.removeprefix(b"data: ") for event in events]
