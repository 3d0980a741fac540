"""What providers say later: a message bounced, or it did arrive."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.rules import addresses, sending
from services.campaign.schemas.messages import Receipt, Receipts
from services.campaign.store import manners, tracking
from services.campaign.store.manners import Gone
from shared import clock


async def note(session: AsyncSession, told: Receipts) -> int:
    """Write receipts down; of one message the last one counts. The answer is how many changed something.

    Nothing is sent any more to an address that bounced for good.
    """
    now = clock.now()
    receipts = {one.message_id: one for one in told.receipts}
    rows = {
        id: (one.at or now if one.bounced else None, addresses.scrubbed(one.detail) if one.detail else None)
        for id, one in receipts.items()
    }
    changed = await tracking.bounced(session, rows)
    gone = [
        Gone(row.channel, row.address, row.id, rows[row.id][1])
        for row in changed
        if row.address is not None and _is_gone(receipts[row.id])
    ]
    if gone:
        await manners.suppress(session, gone, reason="bounced", at=now)
    return len(changed)


def _is_gone(receipt: Receipt) -> bool:
    said = sending.is_gone(receipt.detail or "") if receipt.gone is None else receipt.gone
    return receipt.bounced and said
