"""Exports that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import exports


async def create(session: AsyncSession, **values: Any) -> Row[Any]:
    """Add an export."""
    row: Row[Any] = (await session.execute(insert(exports).values(**values).returning(exports))).one()
    return row


async def by_id(session: AsyncSession, export_id: int) -> Row[Any] | None:
    """One export."""
    return (await session.execute(select(exports).where(exports.c.id == export_id))).one_or_none()


async def note(session: AsyncSession, export_id: int, *, rows: int, finished_at: datetime | None) -> None:
    """How far a download is."""
    its = update(exports).where(exports.c.id == export_id)
    await session.execute(its.values(rows=rows, finished_at=finished_at))


async def page(session: AsyncSession, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Exports, the newest first."""
    statement = select(exports).order_by(exports.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(exports.c.id < before)
    return (await session.execute(statement)).all()


async def forget(session: AsyncSession, before: datetime) -> None:
    """Forget exports asked for before this time."""
    await session.execute(delete(exports).where(exports.c.created_at < before))
