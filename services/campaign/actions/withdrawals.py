"""What a campaign that is over had planned is skipped, in bounded sets: the first with its end, the rest by a step."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign import bell
from services.campaign.actions.messages import tell
from services.campaign.store import campaigns, messages
from shared import clock

SET = 1000
"""Messages of one transaction: it tells a fact of each."""


async def begin(session: AsyncSession, campaign_id: int, *, reason: str) -> None:
    """Skip what has not begun: a set of it in this transaction, the others soon."""
    await campaigns.change(session, campaign_id, withdraw=reason)
    await _some(session, campaign_id, reason)
    bell.ring(session)


async def more(session: AsyncSession) -> bool:
    """Skip the next set; whether there is more to do at once."""
    row = await campaigns.withdrawing(session)
    if row is None:
        return False
    if await _some(session, row.id, row.withdraw):
        return True
    # What is on its way may come back to be tried again: it is waited for.
    if not await messages.is_open(session, row.id):
        await campaigns.change(session, row.id, withdraw=None)
    return False


async def _some(session: AsyncSession, campaign_id: int, reason: str) -> int:
    rows = await messages.withdraw(session, campaign_id, now=clock.now(), reason=reason, limit=SET)
    tell(session, rows)
    return len(rows)
