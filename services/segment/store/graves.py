"""SQL about rows that are gone, of which the warehouse must hear."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.tables import tombstones


async def trim(session: AsyncSession, before: datetime) -> None:
    """Forget what went before that instant."""
    await session.execute(delete(tombstones).where(tombstones.c.at < before))


async def viewers_about(session: AsyncSession) -> int:
    """About how many viewers there are, as the database's statistics have it."""
    return int(await session.scalar(text("SELECT reltuples FROM pg_class WHERE oid = 'viewers'::regclass")) or 0)
