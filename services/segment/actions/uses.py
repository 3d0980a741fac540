"""What campaigns, creatives and tags need segments for: their services are asked, nothing of it is kept here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from shared.bus import Bus, Unanswered
from shared.contracts import Use, UsesAnswered, UsesAsked

OTHERS = ("campaign", "profile", "recommend")
SECONDS = 3.0


@dataclass(frozen=True)
class Found:
    """What uses segments, and the services that did not say."""

    uses: list[Use]
    silent: list[str]


async def found(bus: Bus, keys: Collection[str] | None = None) -> Found:
    """What uses these segments; any segment, if none are named. All services are asked at once."""
    question = UsesAsked(keys=None if keys is None else sorted(keys))

    async def of(service: str) -> list[Use] | None:
        try:
            return (await bus.ask(question, UsesAnswered, timeout=SECONDS, to=service)).uses
        except Unanswered:
            return None

    answers = await asyncio.gather(*map(of, OTHERS))
    told = dict(zip(OTHERS, answers, strict=True))
    return Found(
        uses=[use for uses in answers for use in uses or ()],
        silent=[service for service, uses in told.items() if uses is None],
    )
