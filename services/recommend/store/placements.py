"""Placements and creatives in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend.tables import creatives, placements, revisions

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('placements', 0))")

_SHOWN = (placements.c.key, placements.c.name, placements.c.slots, placements.c.created_at, placements.c.updated_at)


async def lock(session: AsyncSession) -> None:
    """Changes of placements queue up from here to their commit, so that a higher revision is always the later truth."""
    await session.execute(_LOCK)


async def put(session: AsyncSession, key: str, name: str, slots: int, now: datetime) -> Row[Any]:
    """Create the placement or change it; the row as it is now, with its new revision."""
    statement = insert(placements).values(
        key=key, name=name, slots=slots, revision=revisions.next_value(), created_at=now, updated_at=now
    )
    statement = statement.on_conflict_do_update(
        index_elements=[placements.c.key],
        set_={"name": name, "slots": slots, "revision": revisions.next_value(), "updated_at": now},
    )
    return (await session.execute(statement.returning(*placements.c))).one()


async def by_key(session: AsyncSession, key: str) -> Row[Any] | None:
    """One placement, or None."""
    return (await session.execute(select(placements).where(placements.c.key == key))).one_or_none()


async def revise(session: AsyncSession, key: str) -> Row[Any] | None:
    """Give a placement whose creatives change a new revision; None when there is none."""
    statement = update(placements).where(placements.c.key == key).values(revision=revisions.next_value())
    return (await session.execute(statement.returning(*placements.c))).one_or_none()


async def remove(session: AsyncSession, key: str) -> int | None:
    """Delete a placement with its creatives; the revision of its going, or None when there is none."""
    gone = await session.execute(delete(placements).where(placements.c.key == key).returning(placements.c.key))
    if gone.one_or_none() is None:
        return None
    revision: int = (await session.execute(select(revisions.next_value()))).scalar_one()
    return revision


async def page(session: AsyncSession, after: str | None, limit: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """Placements by key."""
    statement = select(*_SHOWN).order_by(placements.c.key).limit(limit)
    if after is not None:
        statement = statement.where(placements.c.key > after)
    return (await session.execute(statement)).all()


async def count(session: AsyncSession) -> int:
    """How many placements there are."""
    counted: int = (await session.execute(select(func.count()).select_from(placements))).scalar_one()
    return counted


async def put_creative(
    session: AsyncSession, placement: str, key: str, values: Mapping[str, Any], now: datetime
) -> Row[Any]:
    """Create the creative or change it; the row as it is now. `values`: audience, priority, content."""
    statement = insert(creatives).values(placement=placement, key=key, created_at=now, updated_at=now, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[creatives.c.placement, creatives.c.key], set_={**values, "updated_at": now}
    )
    return (await session.execute(statement.returning(*creatives.c))).one()


async def creative(session: AsyncSession, placement: str, key: str) -> Row[Any] | None:
    """One creative, or None."""
    wanted = (creatives.c.placement == placement) & (creatives.c.key == key)
    return (await session.execute(select(creatives).where(wanted))).one_or_none()


async def remove_creative(session: AsyncSession, placement: str, key: str) -> bool:
    """Delete a creative; False when there is none."""
    wanted = (creatives.c.placement == placement) & (creatives.c.key == key)
    gone = await session.execute(delete(creatives).where(wanted).returning(creatives.c.key))
    return gone.one_or_none() is not None


async def creatives_of(session: AsyncSession, placement: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """All creatives of a placement, highest priority first."""
    order = (creatives.c.priority.desc(), creatives.c.key)
    return (await session.execute(select(creatives).where(creatives.c.placement == placement).order_by(*order))).all()


async def using(session: AsyncSession, segments: Collection[str] | None) -> Sequence[Row[*tuple[Any, ...]]]:
    """Creatives for the members of one of these segments (None: any): placement, key, name of the place, audience."""
    query = select(creatives.c.placement, creatives.c.key, placements.c.name, creatives.c.audience)
    query = query.join(placements, placements.c.key == creatives.c.placement).where(creatives.c.audience.is_not(None))
    if segments is not None:
        query = query.where(creatives.c.audience.in_(segments))
    order = (creatives.c.audience, creatives.c.placement, creatives.c.key)
    return (await session.execute(query.order_by(*order))).all()


async def whole(session: AsyncSession, key: str | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """All placements, or one, each row with one of its creatives (or nulls): one statement, so one snapshot."""
    statement = select(
        placements.c.key.label("placement"),
        placements.c.slots,
        placements.c.revision,
        creatives.c.key,
        creatives.c.audience,
        creatives.c.priority,
        creatives.c.content,
    ).select_from(placements.outerjoin(creatives))
    if key is not None:
        statement = statement.where(placements.c.key == key)
    return (await session.execute(statement)).all()
