"""Where a text is cut into tokens.

With the extra `tokens` they are those of OpenAI's vocabulary `o200k_base`, which the package `bpe-openai` carries.
The texts of special tokens are plain text: who says `<|endoftext|>` to an API says just that.

Without it, or with `MOCKLLM_TOKENS=estimate` in the environment, they are estimated. The pattern follows the
shape of the pre-tokenizer that OpenAI published with `o200k_base`: a word takes the space in front of it along,
numbers come in threes, punctuation runs together. What that vocabulary would cut further is approximated: words
after 12 letters, scripts written without spaces after each character.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from threading import Lock, Thread
from typing import Protocol

_NO_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
UNSPACED = re.compile(f"[{_NO_SPACES}]")
# `bpe-openai` refuses more than 200,000 tokens at once, and a code point is four at most: one for each byte.
_AT_ONCE = 50_000
_loading = Lock()


class _Vocabulary(Protocol):
    def encode_ordinary(self, text: str) -> list[int]: ...

    def decode_single_token_bytes(self, token: int) -> bytes: ...

    def __hash__(self) -> int: ...


@cache
def _piece() -> re.Pattern[str]:
    """The pattern of the estimate, made when it is needed: that takes as long as all else here."""
    return re.compile(
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
    """Cut `text` into tokens; joined they are the text again. An empty text has none.

    Real tokens may end inside a code point: those that share one are one piece, as on the wire of the real API.
    """
    vocabulary = _vocabulary()
    return _piece().findall(text) if vocabulary is None else list(_real_pieces(vocabulary, text))


def count(text: str) -> int:
    """How many tokens `text` has; about how many, if they are estimated."""
    vocabulary = _vocabulary()
    return _short_count(vocabulary, text) if len(text) <= _SHORT else _count(vocabulary, text)


def _count(vocabulary: _Vocabulary | None, text: str) -> int:
    if vocabulary is None:
        return len(_piece().findall(text))
    return sum(len(vocabulary.encode_ordinary(part)) for part in _encodable(text))


# Clients in a test, and above all in a load test, say the same short texts again and again.
_SHORT = 200
_short_count = lru_cache(maxsize=4096)(_count)


def parts(text: str, number: int) -> list[str]:
    """Cut `text` by code points into `number` parts as equal as possible (some empty if it is shorter)."""
    bounds = [len(text) * i // number for i in range(number + 1)]
    return [text[a:b] for a, b in pairwise(bounds)]


# -- real tokens -----------------------------------------------------------------------------------------------


def _vocabulary() -> _Vocabulary | None:
    return None if os.environ.get("MOCKLLM_TOKENS") == "estimate" else _loaded()


def prepare() -> None:
    """Begin to load the vocabulary, if there is one, in a thread: what needs it waits for the rest."""
    Thread(target=_vocabulary, name="mockllm-tokens", daemon=True).start()


@cache
def _loaded() -> _Vocabulary | None:
    """The vocabulary, if it is installed. It takes up to a second and 150 MB, so it waits until it is needed."""
    with _loading:  # whoever comes while it is loaded waits, and does not load another
        return _load()


@cache
def _load() -> _Vocabulary | None:
    with warnings.catch_warnings():
        # It reads its data by a function that Python 3.11 and 3.12 call deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import bpe_openai
        except ImportError:
            return None
        vocabulary: _Vocabulary = bpe_openai.get_encoding("o200k_base")
    return vocabulary


def _real_pieces(vocabulary: _Vocabulary, text: str) -> Iterator[str]:
    start, held = 0, b""
    for part in _encodable(text):
        for token in vocabulary.encode_ordinary(part):
            held += vocabulary.decode_single_token_bytes(token)
            try:
                end = start + len(held.decode())
            except UnicodeDecodeError:
                continue
            yield text[start:end]
            start, held = end, b""


def _encodable(text: str) -> Iterator[str]:
    """The text in parts that can be encoded; a lone surrogate, which cannot, becomes another character."""
    plain = text.encode(errors="replace").decode()
    return (plain[start : start + _AT_ONCE] for start in range(0, len(plain), _AT_ONCE))
