"""Which segments campaigns need: segment asks before it lets one go."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import uses as store
from shared.contracts import Use, UsesAnswered, UsesAsked


async def uses(session: AsyncSession, asked: UsesAsked) -> UsesAnswered:
    """Campaigns that are not over, by the segments that trigger them, that they write to, or that choose a text."""
    rows = await store.using(session, asked.keys)
    return UsesAnswered(uses=[Use(segment=row.segment, kind="campaign", key=row.key, name=row.name) for row in rows])
