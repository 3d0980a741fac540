"""Counters of what came in, and snapshots of scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Date, Row, Text, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.rules.quality import ENOUGH
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

NAMES = 500
"""Names of events that are told apart for one source and day; the others are counted as `*`."""

_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in COUNTERS)

_FOLD = text(
    f"""
    WITH taken AS (DELETE FROM quality_notes RETURNING *),
    sums AS (SELECT day, source, event, {_SUMS}, max(last) AS last FROM taken GROUP BY day, source, event),
    placed AS (
      SELECT s.*, c.event IS NOT NULL AS known, row_number() OVER (
        PARTITION BY s.day, s.source, c.event IS NOT NULL ORDER BY s.event
      ) + (SELECT count(*) FROM quality_counts AS o WHERE o.day = s.day AND o.source = s.source) AS place
      FROM sums AS s LEFT JOIN quality_counts AS c USING (day, source, event)
    ),
    bounded AS (
      SELECT day, source, CASE WHEN known OR place <= :names THEN event ELSE '*' END AS event, last,
        {", ".join(COUNTERS)}
      FROM placed
    )
    INSERT INTO quality_counts AS c (day, source, event, {", ".join(COUNTERS)}, last)
    SELECT day, source, event, {_SUMS}, max(last) FROM bounded GROUP BY day, source, event
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
    await session.execute(_FOLD, {"names": NAMES})


async def since(session: AsyncSession, day: date) -> Sequence[Row[Any]]:
    """Counters by source and event since that day."""
    sums = [func.sum(quality_counts.c[name]).label(name) for name in COUNTERS]
    last = func.max(quality_counts.c.last).label("last")
    key = (quality_counts.c.source, quality_counts.c.event)
    columns: list[Any] = [*key, *sums, last]
    statement = select(*columns).where(quality_counts.c.day >= day).group_by(*key).order_by(*key)
    return (await session.execute(statement)).all()


async def last_heard(session: AsyncSession, day: date, *, among: Collection[str], limit: int) -> Sequence[Row[Any]]:
    """Sources that sent calls since that day and are not among these: source, last; the latest first."""
    last = func.max(quality_counts.c.last).label("last")
    columns: list[Any] = [quality_counts.c.source, last]
    statement = (
        select(*columns)
        .where(
            quality_counts.c.day >= day,
            quality_counts.c.source != func.all(bindparam(None, sorted(among), ARRAY(Text))),
        )
        .group_by(quality_counts.c.source)
        .having(func.sum(quality_counts.c.received) >= ENOUGH)
        .order_by(last.desc())
        .limit(limit)
    )
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
