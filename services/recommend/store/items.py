"""The catalogue in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend.tables import items

_TOLD = ("kind", "title", "tags", "creator_id", "url", "active", "properties")
"""What makes an item another one when it differs."""


async def upsert(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row[*tuple[Any, ...]]]:
    """Create or change items (whole rows, ids distinct); only those that were really changed come back."""
    if not rows:
        return []
    # In the order of their ids, so that two batches with the same items wait for each other and never deadlock.
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    statement = insert(items).values(ordered)
    fresh = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[items.c.id],
        set_={**{name: fresh[name] for name in _TOLD}, "updated_at": fresh.updated_at},
        where=or_(*(items.c[name].is_distinct_from(fresh[name]) for name in _TOLD)),
    )
    return (await session.execute(statement.returning(*items.c))).all()


async def by_id(session: AsyncSession, item_id: str) -> Row[Any] | None:
    """One item, or None."""
    return (await session.execute(select(items).where(items.c.id == item_id))).one_or_none()


async def page(session: AsyncSession, after: str | None, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """Items by id."""
    statement = select(items).order_by(items.c.id).limit(limit)
    if after is not None:
        statement = statement.where(items.c.id > after)
    return (await session.execute(statement)).all()
