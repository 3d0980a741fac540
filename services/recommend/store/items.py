"""The catalogue in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend.tables import items

# One parameter for all rows: an INSERT with a parameter per value takes SQLAlchemy long to compile for 1,000 items, and
# the process decides nothing meanwhile. Ordered by id, so that two batches with the same items wait for each other and
# never deadlock.
_UPSERT = text(
    """
    INSERT INTO items (id, kind, title, tags, creator_id, url, active, properties, updated_at)
    SELECT id, kind, title, tags, creator_id, url, active, properties, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row (
        id text, kind text, title text, tags text[], creator_id text, url text, active boolean, properties jsonb
    )
    ORDER BY id
    ON CONFLICT (id) DO UPDATE
    SET kind = excluded.kind, title = excluded.title, tags = excluded.tags, creator_id = excluded.creator_id,
        url = excluded.url, active = excluded.active, properties = excluded.properties, updated_at = excluded.updated_at
    WHERE (items.kind, items.title, items.tags, items.creator_id, items.url, items.active, items.properties)
        IS DISTINCT FROM (excluded.kind, excluded.title, excluded.tags, excluded.creator_id, excluded.url,
                          excluded.active, excluded.properties)
    RETURNING *
    """
).columns(*items.c)


async def upsert(session: AsyncSession, rows: Sequence[Mapping[str, Any]], now: datetime) -> Sequence[Row[Any]]:
    """Create or change items (whole rows, ids distinct); only those that were really changed come back."""
    if not rows:
        return []
    values = {"rows": msgspec.json.encode(rows).decode(), "now": now}
    return (await session.execute(_UPSERT, values)).all()


async def by_id(session: AsyncSession, item_id: str) -> Row[Any] | None:
    """One item, or None."""
    return (await session.execute(select(items).where(items.c.id == item_id))).one_or_none()


async def page(session: AsyncSession, after: str | None, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """Items by id."""
    statement = select(items).order_by(items.c.id).limit(limit)
    if after is not None:
        statement = statement.where(items.c.id > after)
    return (await session.execute(statement)).all()
