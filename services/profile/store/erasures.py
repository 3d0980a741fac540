"""SQL of erasures and of what must not come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Row, Text, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables.privacy import erasures, suppressed

_GATE = "hashtextextended('profile.erasures', 0)"

_COUNT_DROPPED = text(
    """
    UPDATE suppressed AS s SET dropped = s.dropped + n.dropped
    FROM unnest(:blinds, :dropped) AS n (blind, dropped) WHERE s.blind = n.blind
    """
).bindparams(bindparam("blinds", type_=ARRAY(Text)), bindparam("dropped", type_=ARRAY(BigInteger)))


async def enter(session: AsyncSession) -> bool:
    """Begin to take events in while nobody is being erased; whether anybody ever was."""
    await session.execute(text(f"SELECT pg_advisory_xact_lock_shared({_GATE})"))
    return bool(await session.scalar(text("SELECT EXISTS (SELECT FROM suppressed)")))


async def close(session: AsyncSession) -> None:
    """Wait for the events that are being taken in, and let no others begin until the commit."""
    await session.execute(text(f"SELECT pg_advisory_xact_lock({_GATE})"))


async def suppressed_among(session: AsyncSession, blinds: Sequence[str]) -> set[str]:
    """Which of these stand for erased identities."""
    among = suppressed.c.blind == func.any(bindparam(None, list(blinds), type_=ARRAY(Text)))
    return set(await session.scalars(select(suppressed.c.blind).where(among)))


async def suppress(session: AsyncSession, blinds: Sequence[str], erasure_id: int, at: datetime) -> None:
    """Drop what comes of these from now on."""
    statement = upsert(suppressed).values([{"blind": one, "erasure_id": erasure_id, "at": at} for one in blinds])
    await session.execute(statement.on_conflict_do_nothing())


async def lift(session: AsyncSession, *, erasure_id: int | None, blind: str | None) -> list[int]:
    """Let identities in again, all of an erasure or one: the erasure of each."""
    statement = delete(suppressed).returning(suppressed.c.erasure_id)
    if blind is not None:
        statement = statement.where(suppressed.c.blind == blind)
    if erasure_id is not None:
        statement = statement.where(suppressed.c.erasure_id == erasure_id)
    return list(await session.scalars(statement))


async def note_lifted(session: AsyncSession, erasure_id: int, note: Mapping[str, Any]) -> None:
    """Add a line to what was lifted of an erasure."""
    line = bindparam(None, [dict(note)], type_=JSONB)
    await session.execute(
        update(erasures).where(erasures.c.id == erasure_id).values(lifted=erasures.c.lifted.concat(line))
    )


async def count_dropped(session: AsyncSession, dropped: Mapping[str, int]) -> None:
    """So many events of these were dropped."""
    blinds = sorted(dropped)
    await session.execute(_COUNT_DROPPED, {"blinds": blinds, "dropped": [dropped[one] for one in blinds]})


async def dropped(session: AsyncSession, erasure_ids: Sequence[int]) -> dict[int, int]:
    """Events that came after each erasure and were dropped."""
    query = select(suppressed.c.erasure_id, func.sum(suppressed.c.dropped)).group_by(suppressed.c.erasure_id)
    rows = await session.execute(query.where(suppressed.c.erasure_id.in_(erasure_ids)))
    return {row[0]: int(row[1]) for row in rows}


async def add(session: AsyncSession, values: Mapping[str, Any]) -> int:
    """Write an erasure down; its id."""
    return int((await session.execute(insert(erasures).values(**values).returning(erasures.c.id))).scalar_one())


async def change(session: AsyncSession, erasure_id: int, **values: Any) -> None:
    """Note how far it is."""
    await session.execute(update(erasures).where(erasures.c.id == erasure_id).values(**values))


async def waiting(session: AsyncSession, *, limit: int) -> Sequence[Row[Any]]:
    """Erasures that are not finished, those tried least first."""
    query = select(erasures).where(erasures.c.state != "finished").order_by(erasures.c.attempts, erasures.c.id)
    return (await session.execute(query.limit(limit))).all()


async def by_id(session: AsyncSession, erasure_id: int) -> Row[Any] | None:
    """One erasure."""
    return (await session.execute(select(erasures).where(erasures.c.id == erasure_id))).one_or_none()


async def page(session: AsyncSession, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Erasures, the newest first."""
    query = select(erasures).order_by(erasures.c.id.desc()).limit(limit)
    return (await session.execute(query if before is None else query.where(erasures.c.id < before))).all()
