"""Where a text is cut into tokens, without a model's vocabulary.

The pattern follows the shape of the pre-tokenizer that OpenAI published with `o200k_base`: a word takes the
space in front of it along, numbers come in threes, punctuation runs together. What that vocabulary would cut
further is approximated: words after 12 letters, scripts written without spaces after each character.
"""

from __future__ import annotations

import re
from itertools import pairwise

_NO_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
UNSPACED = re.compile(f"[{_NO_SPACES}]")
_PIECE = re.compile(
    rf"[{_NO_SPACES}]"
    rf"|\ ?(?:(?![{_NO_SPACES}])[^\W\d_]){{1,12}}(?:'(?:s|t|re|ve|m|ll|d)\b)?"
    r"|\d{1,3}"
    r"|\ ?(?:[^\s\w]|_)+"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s"
    r"|.",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def pieces(text: str) -> list[str]:
    """Cut `text` into token-sized pieces; joined they are the text again. An empty text has none."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """About how many tokens `text` has."""
    return len(_PIECE.findall(text))


def parts(text: str, number: int) -> list[str]:
    """Cut `text` by code points into `number` parts as equal as possible (some empty if it is shorter)."""
    bounds = [len(text) * i // number for i in range(number + 1)]
    return [text[a:b] for a, b in pairwise(bounds)]
