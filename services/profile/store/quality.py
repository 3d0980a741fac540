"""Counters of what came in, and snapshots of scores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Date, Row, Text, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import activity, quality_counts, quality_snapshots, search
from shared import together
from shared.tables import TIME
from shared.together import Write

COUNTERS = ("received", "refused", "recorded", "late", "bots", "expected", "filled", "valid")

_COLUMNS = ("day", "source", "event", *COUNTERS, "last")
_TYPES: dict[str, Any] = {"day": Date, "source": Text, "event": Text, "last": TIME}

_NOTE = Write(
    f"""
    INSERT INTO quality_notes ({", ".join(_COLUMNS)}) SELECT * FROM unnest({", ".join(f":{name}" for name in _COLUMNS)})
    """,  # noqa: S608 - built of the names of our own columns
    **{name: ARRAY(_TYPES.get(name, BigInteger)) for name in _COLUMNS},
)

_FOLD = text(
    f"""
    WITH taken AS (DELETE FROM quality_notes RETURNING *)
    INSERT INTO quality_counts AS c (day, source, event, {", ".join(COUNTERS)}, last)
    SELECT day, source, event, {", ".join(f"sum({name})::bigint" for name in COUNTERS)}, max(last)
    FROM taken GROUP BY day, source, event
    ON CONFLICT (day, source, event) DO UPDATE SET
      {", ".join(f"{name} = c.{name} + excluded.{name}" for name in COUNTERS)}, last = greatest(c.last, excluded.last)
    """  # noqa: S608 - built of the names of our own columns
)


async def note(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keep what a batch adds to the counters."""
    if rows:
        await together.write(session, _NOTE, {name: [row[name] for row in rows] for name in _COLUMNS})


async def fold(session: AsyncSession) -> None:
    """Add the notes to the counters."""
    await session.execute(_FOLD)


async def since(session: AsyncSession, day: date) -> Sequence[Row[Any]]:
    """Counters by source and event since that day."""
    sums = [func.sum(quality_counts.c[name]).label(name) for name in COUNTERS]
    last = func.max(quality_counts.c.last).label("last")
    key = (quality_counts.c.source, quality_counts.c.event)
    columns: list[Any] = [*key, *sums, last]
    statement = select(*columns).where(quality_counts.c.day >= day).group_by(*key).order_by(*key)
    return (await session.execute(statement)).all()


async def known(session: AsyncSession, names: Sequence[str]) -> tuple[int, dict[str, int]]:
    """How many viewers there are, and of how many each of these is known."""
    all_ = int((await session.execute(select(func.count()).select_from(activity))).scalar_one())
    statement = (
        select(search.c.name, func.count(search.c.profile_id.distinct()))
        .where(search.c.name.in_(names))
        .group_by(search.c.name)
    )
    rows = (await session.execute(statement)).all()
    return all_, {row[0]: row[1] for row in rows}


async def has_snapshot(session: AsyncSession, at: datetime) -> bool:
    """Whether there is a snapshot of that hour."""
    found = await session.execute(select(quality_snapshots.c.at).where(quality_snapshots.c.at == at).limit(1))
    return found.first() is not None


async def keep_snapshot(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keep scores as they are."""
    await session.execute(upsert(quality_snapshots).on_conflict_do_nothing(), rows)


async def history(
    session: AsyncSession, *, source: str, event: str, before: datetime | None, limit: int
) -> Sequence[Row[Any]]:
    """Snapshots of one source and event, the newest first."""
    statement = (
        select(quality_snapshots)
        .where(quality_snapshots.c.source == source, quality_snapshots.c.event == event)
        .order_by(quality_snapshots.c.at.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(quality_snapshots.c.at < before)
    return (await session.execute(statement)).all()


async def forget(session: AsyncSession, *, day: date, at: datetime) -> None:
    """Forget counters before that day and snapshots before that time."""
    await session.execute(delete(quality_counts).where(quality_counts.c.day < day))
    await session.execute(delete(quality_snapshots).where(quality_snapshots.c.at < at))
