"""SQL of bus triggers: kept as they came, then planned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.tables import triggers


async def keep(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Add triggers that are not there yet; `name` and `trigger_id` make one."""
    await session.execute(
        upsert(triggers).on_conflict_do_nothing(index_elements=["name", "trigger_id"]),
        list(rows),
    )


async def due(session: AsyncSession, *, now: datetime, limit: int) -> Sequence[Record]:
    """Triggers that wait for their viewers to be resolved, oldest first."""
    query = select(triggers).where(triggers.c.state == "waiting", triggers.c.due_at <= now)
    return (await session.execute(query.order_by(triggers.c.due_at).limit(limit))).all()


async def locked(session: AsyncSession, row: int) -> Record | None:
    """A waiting trigger for this transaction alone; None when another sender has it or it is done."""
    query = select(triggers).where(triggers.c.id == row, triggers.c.state == "waiting")
    return (await session.execute(query.with_for_update(skip_locked=True))).first()


async def change(session: AsyncSession, row: int, **values: Any) -> None:
    """Set columns of one trigger."""
    await session.execute(update(triggers).where(triggers.c.id == row).values(**values))


async def postpone(session: AsyncSession, rows: Sequence[int], *, due_at: datetime, reason: str) -> None:
    """Leave triggers waiting until then."""
    await session.execute(
        update(triggers)
        .where(triggers.c.id.in_(rows), triggers.c.state == "waiting")
        .values(due_at=due_at, reason=reason)
    )


async def page(session: AsyncSession, name: str, *, before: int | None, limit: int) -> Sequence[Record]:
    """Triggers of one name, newest first."""
    query = select(triggers).where(triggers.c.name == name)
    if before is not None:
        query = query.where(triggers.c.id < before)
    return (await session.execute(query.order_by(triggers.c.id.desc()).limit(limit))).all()
