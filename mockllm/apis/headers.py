"""The response headers that every answer of the API carries."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.limits import spoken
from dsl.timeline import Budget
from mockllm.apis import identifiers
from mockllm.chance import Draws
from mockllm.transports.frames import Headers

# A fresh minute of a tier-1 account, about: what a script does not limit is told so, for clients parse it.
_UNLIMITED = (Budget("requests", 10_000, 9_999, 0.006), Budget("tokens", 200_000, 199_000, 0.3))


def rate_limits(budgets: Sequence[Budget] = ()) -> Headers:
    """The headers that tell the rate limits: those of a script where it has some, and no others then."""
    return _told(tuple(budgets)) if budgets else _TOLD_UNLIMITED


def _told(budgets: tuple[Budget, ...]) -> Headers:
    known = {budget.kind: budget for budget in budgets}
    return (
        *((f"x-ratelimit-limit-{kind}", str(budget.limit)) for kind, budget in known.items()),
        *((f"x-ratelimit-remaining-{kind}", str(budget.remaining)) for kind, budget in known.items()),
        *((f"x-ratelimit-reset-{kind}", spoken(budget.reset)) for kind, budget in known.items()),
    )


_TOLD_UNLIMITED = _told(_UNLIMITED)


def response_headers(
    content_type: str, random: Draws, seconds: float, *others: Headers, script: Headers = ()
) -> Headers:
    """The headers of one answer.

    `seconds` is how long the answer was planned to take until it began, so that one seed gives one answer.
    A header of the `script` replaces those of its name, in any case; several of its own of one name all stay.
    """
    own: Headers = (
        ("content-type", content_type),
        ("x-request-id", identifiers.request(random)),
        ("openai-organization", "org-mock"),
        ("openai-processing-ms", str(round(seconds * 1000))),
        ("openai-version", "2020-10-01"),
        *(header for group in others for header in group),
    )
    if not script:
        return own
    replaced = {name.lower() for name, _ in script}
    return (*(header for header in own if header[0] not in replaced), *script)
