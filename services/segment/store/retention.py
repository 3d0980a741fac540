"""SQL about how long the copy of events is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store.rows import AnyRow
from services.segment.tables import retentions
from shared.tables import TIME

_OLD = text(
    """
    WITH RECURSIVE names AS (
      (SELECT event FROM events ORDER BY event LIMIT 1)
      UNION ALL
      SELECT (SELECT e.event FROM events AS e WHERE e.event > names.event ORDER BY e.event LIMIT 1)
      FROM names WHERE names.event IS NOT NULL
    ), ends AS (
      SELECT names.event, coalesce(own.before, :rest) AS before
      FROM names LEFT JOIN unnest(:names, :befores) AS own (event, before) USING (event)
    )
    SELECT one.event_id, one.profile_id FROM ends CROSS JOIN LATERAL (
      SELECT e.event_id, e.profile_id FROM events AS e WHERE e.event = ends.event AND e.time < ends.before
      ORDER BY e.time LIMIT :most
    ) AS one
    LIMIT :most
    """
).bindparams(
    bindparam("names", type_=ARRAY(Text)),
    bindparam("befores", type_=ARRAY(TIME)),
    bindparam("rest", type_=TIME),
    bindparam("most", type_=BigInteger),
)

_FORGET = text(
    """
    DELETE FROM events WHERE event_id = ANY(:event_ids) AND profile_id = ANY(:profile_ids) RETURNING profile_id, event
    """
).bindparams(bindparam("event_ids", type_=ARRAY(Text)), bindparam("profile_ids", type_=ARRAY(BigInteger)))


async def every(session: AsyncSession) -> dict[str, int]:
    """Days by event."""
    return {row.event: row.days for row in await session.execute(select(retentions))}


async def put(session: AsyncSession, days: Mapping[str, int]) -> None:
    """Add these lines, or change them."""
    statement = upsert(retentions).values([{"event": event, "days": number} for event, number in sorted(days.items())])
    changed = {"days": statement.excluded.days}
    await session.execute(statement.on_conflict_do_update(index_elements=[retentions.c.event], set_=changed))


async def drop(session: AsyncSession, named: Collection[str]) -> None:
    """Remove the lines of these events."""
    among = retentions.c.event == func.any(bindparam(None, sorted(named), type_=ARRAY(Text)))
    await session.execute(delete(retentions).where(among))


async def clear(session: AsyncSession) -> None:
    """Remove every line."""
    await session.execute(delete(retentions))


async def old(
    session: AsyncSession, ends: Mapping[str, datetime], rest: datetime | None, *, limit: int
) -> Sequence[AnyRow]:
    """At most `limit` events before the end of their name, or else before `rest`: event_id, profile_id.

    Names are stepped through by index, so what stays is not read.
    """
    values = {"names": list(ends), "befores": list(ends.values()), "rest": rest, "most": limit}
    return (await session.execute(_OLD, values)).all()


async def forget(session: AsyncSession, event_ids: Collection[str], of: Collection[int]) -> set[tuple[int, str]]:
    """Delete those of these events that are of these viewers: viewer and event name of what went."""
    done = await session.execute(_FORGET, {"event_ids": list(event_ids), "profile_ids": sorted(of)})
    return {(row.profile_id, row.event) for row in done}
