"""The API's identifiers, in the shapes that its wire shows.

All are drawn from what is passed in, so that one seed gives one answer.
"""

from __future__ import annotations

import secrets
from binascii import b2a_base64
from collections.abc import Sequence

from mockllm.chance import Draws

# Stands in an encoded text for the characters of a tool call's identifier, which are drawn when it is sent. It is
# new in each process, so that nothing that a script or a client says can be taken for it.
HOLE = secrets.token_hex(12)

_LETTERS = bytes.maketrans(b"+/", b"aZ")


def alphanumerics(random: Draws, length: int) -> str:
    """`length` random ASCII letters and digits.

    Base64 with its two punctuation marks replaced: slightly uneven, and several times faster than drawing each
    character.
    """
    drawn = b2a_base64(random.randbytes(length * 3 // 4 + 1), newline=False)
    return drawn.translate(_LETTERS)[:length].decode("ascii")


def chat_completion(random: Draws) -> str:
    return "chatcmpl-" + alphanumerics(random, 29)


def tool_call(random: Draws) -> str:
    return "call_" + alphanumerics(random, len(HOLE))


def tool_call_later() -> str:
    """An identifier of a tool call that `fill` draws."""
    return "call_" + HOLE


def fill(pieces: Sequence[bytes], random: Draws) -> bytes:
    """The text that was split at its holes, with what belongs there."""
    if len(pieces) == 1:
        return pieces[0]
    filled = [pieces[0]]
    for piece in pieces[1:]:
        filled += alphanumerics(random, len(HOLE)).encode("ascii"), piece
    return b"".join(filled)


def stem(random: Draws) -> str:
    """What the identifiers of one response and of its items have in common: 18 hexadecimal digits."""
    return random.randbytes(8).hex() + "00"


def stored(prefix: str, stem: str, created: int, random: Draws) -> str:
    """`resp_`, `msg_`, `conv_`, ...: 50 hexadecimal digits that hold the time `created`, in Unix seconds."""
    return f"{prefix}_{stem}{created & 0xFFFFFFFF:08x}{random.randbytes(12).hex()}"


def request(random: Draws) -> str:
    return "req_" + random.randbytes(16).hex()


def system_fingerprint(random: Draws) -> str:
    return "fp_" + random.randbytes(5).hex()
