"""How long events are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables.privacy import retentions


async def every(session: AsyncSession) -> Sequence[Row[Any]]:
    """All lines, by event."""
    return (await session.execute(select(retentions).order_by(retentions.c.event))).all()


async def put(session: AsyncSession, event: str, days: int, at: datetime) -> None:
    """Add a line, or change it."""
    statement = upsert(retentions).values(event=event, days=days, updated_at=at)
    values = {"days": statement.excluded.days, "updated_at": statement.excluded.updated_at}
    await session.execute(statement.on_conflict_do_update(index_elements=[retentions.c.event], set_=values))


async def drop(session: AsyncSession, event: str) -> bool:
    """Remove a line; whether there was one."""
    statement = delete(retentions).where(retentions.c.event == event).returning(retentions.c.event)
    return (await session.execute(statement)).one_or_none() is not None
