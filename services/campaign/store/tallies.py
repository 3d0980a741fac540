"""SQL of figures: how many messages of a campaign are in which state, kept as changes that triggers write."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, bindparam, func, select, text
from sqlalchemy import cast as as_type
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.tables import messages, tallies
from shared.tables import TIME

ENDED = ("accepted", "failed", "skipped", "unknown", "held")

# One statement: whoever reads meanwhile sees either the changes or their sum.
_FOLD = text(
    """
    WITH old AS (
      DELETE FROM tallies WHERE at < :before
        AND campaign_id IN (SELECT campaign_id FROM tallies WHERE at > 'epoch' AND at < :before)
      RETURNING campaign_id, state, reason, n
    )
    INSERT INTO tallies (campaign_id, state, reason, n, at)
    SELECT campaign_id, state, reason, sum(n), 'epoch' FROM old GROUP BY campaign_id, state, reason HAVING sum(n) <> 0
    """
).bindparams(bindparam("before", type_=TIME))


async def counts(session: AsyncSession, campaign_id: int) -> list[tuple[str, str | None, int]]:
    """Messages of a campaign as (state, reason, number)."""
    number = as_type(func.sum(tallies.c.n), BigInteger)
    query = (
        select(tallies.c.state, tallies.c.reason, number)
        .where(tallies.c.campaign_id == campaign_id)
        .group_by(tallies.c.state, tallies.c.reason)
        .having(number != 0)
    )
    return [(state, reason, number) for state, reason, number in await session.execute(query)]


async def ended_since(session: AsyncSession, campaign_id: int, since: datetime) -> int:
    """How many messages came to an end since then, whatever end that was."""
    query = select(func.coalesce(func.sum(tallies.c.n), 0)).where(
        tallies.c.campaign_id == campaign_id, tallies.c.at >= since, tallies.c.state.in_(ENDED)
    )
    return int((await session.execute(query)).scalar_one())


async def last_due(session: AsyncSession, campaign_id: int) -> datetime | None:
    """When the planned message that waits longest may go out."""
    query = select(messages.c.due_at).where(messages.c.campaign_id == campaign_id, messages.c.state == "planned")
    found: datetime | None = await session.scalar(query.order_by(messages.c.due_at.desc()).limit(1))
    return found


async def fold(session: AsyncSession, before: datetime) -> None:
    """Put older changes together."""
    await session.execute(_FOLD, {"before": before})
