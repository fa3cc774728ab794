"""The response headers that every answer of the API carries."""

from __future__ import annotations

from random import Random

from mockllm.apis import identifiers
from mockllm.transports.frames import Headers

# A fresh minute of a tier-1 account, about: clients parse these, and nothing here counts.
RATE_LIMITS: Headers = (
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "200000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "199000"),
    ("x-ratelimit-reset-requests", "6ms"),
    ("x-ratelimit-reset-tokens", "300ms"),
)


def response_headers(
    content_type: str, random: Random, seconds: float, *others: Headers, script: Headers = ()
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
