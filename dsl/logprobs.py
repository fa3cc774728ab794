"""Made-up log probabilities for what a script says: nobody weighed anything, but the numbers are possible ones."""

from __future__ import annotations

from math import log
from random import Random

from dsl import tokens
from dsl.helpers import LOREM
from dsl.timeline import TokenLogprob

MOST_ALTERNATIVES = 20  # as many as OpenAI gives (`top_logprobs`)
_WORDS = tuple(dict.fromkeys(LOREM))


def made_up(text: str, count: int, random: Random) -> tuple[TokenLogprob, ...]:
    """The tokens of `text`, each with `count` alternatives. The first one is the token itself, the likeliest."""
    return tuple(_weighed(token, count, random) for token in tokens.pieces(text))


def _weighed(token: str, count: int, random: Random) -> TokenLogprob:
    left = max(0.5 * random.random() ** 3, 1e-9)  # most tokens are all but certain
    top = [(token, _logprob(1 - left))]
    lead = token[: len(token) - len(token.lstrip())]
    for word in random.sample([word for word in _WORDS if word != token.strip()], max(count - 1, 0)):
        taken = left * random.uniform(0.5, 0.9)  # at least half, so that the next one is less likely
        left -= taken
        top.append((lead + word, _logprob(taken)))
    return TokenLogprob(token, top[0][1], tuple(top[:count]))


def _logprob(probability: float) -> float:
    return round(log(probability), 9)
