"""In-app messages: what a viewer read."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import parcels, tracking
from shared.contracts import EventRecorded

READ = "Inbox Message Read"
"""The event by which a front-end says that its viewer read one; property `message_id`."""
_LAST_ID = 2**63 - 1


async def on_event(session: AsyncSession, facts: Sequence[EventRecorded]) -> None:
    """Mark what was read, which is its opening too. Events of others about a message change nothing."""
    for fact in facts:
        if fact.event != READ:
            continue
        said = fact.properties.get("message_id")
        number = int(said) if isinstance(said, str) and said.isascii() and said.isdigit() else said
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= _LAST_ID:
            continue
        if await parcels.read(session, number, fact.profile_id, fact.time):
            await tracking.stamp(session, number, "opened_at", fact.time)
