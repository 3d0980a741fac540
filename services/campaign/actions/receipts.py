"""What providers say later: a message bounced, or it did arrive."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.schemas.messages import Receipts
from services.campaign.store import tracking
from shared import clock


async def note(session: AsyncSession, told: Receipts) -> int:
    """Write receipts down; of one message the last one counts. The answer is how many changed something."""
    now = clock.now()
    rows = {one.message_id: (one.at or now if one.bounced else None, one.detail) for one in told.receipts}
    return await tracking.bounced(session, rows)
