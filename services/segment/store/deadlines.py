"""SQL about deadlines: when time alone can change an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ARRAY, BigInteger, Integer, bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store.rows import AnyRow
from services.segment.tables import deadlines, segments
from shared.tables import TIME

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# What is stored and not later stays: it fires too early at worst, and then the row moves. So a viewer who does what he
# does every minute does not write a row every minute. Instants are numbers: a fill has millions, and reading and
# sending them as times was a quarter of what it took.
_AWAIT = text(
    """
    INSERT INTO deadlines (segment_id, profile_id, at)
    SELECT n.segment_id, n.profile_id, n.at FROM (
      SELECT segment_id, profile_id, 'epoch'::timestamptz + micros * interval '1 microsecond' AS at
      FROM unnest(:segments, :ids, :micros) AS given (segment_id, profile_id, micros)
    ) AS n
    LEFT JOIN deadlines d USING (segment_id, profile_id) WHERE d.at IS NULL OR d.at > n.at
    ON CONFLICT (segment_id, profile_id) DO UPDATE SET at = excluded.at
    """
).bindparams(
    bindparam("segments", type_=ARRAY(Integer)),
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("micros", type_=ARRAY(BigInteger)),
)

_MOVE = text(
    """
    WITH n AS MATERIALIZED (
      SELECT * FROM unnest(:segments, :ids, :ats) AS n (segment_id, profile_id, at)
    ), gone AS (
      DELETE FROM deadlines d USING n
      WHERE n.at IS NULL AND d.segment_id = n.segment_id AND d.profile_id = n.profile_id
    )
    UPDATE deadlines d SET at = n.at FROM n
    WHERE n.at IS NOT NULL AND d.segment_id = n.segment_id AND d.profile_id = n.profile_id
    """
).bindparams(
    bindparam("segments", type_=ARRAY(Integer)),
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("ats", type_=ARRAY(TIME)),
)


async def keep(session: AsyncSession, next_: Mapping[tuple[int, int], datetime | None]) -> None:
    """Judge these (segment, viewer) again at these instants, or earlier."""
    rows = [(*pair, (at - EPOCH) // MICROSECOND) for pair, at in next_.items() if at is not None]
    await _await(session, [one[0] for one in rows], [one[1] for one in rows], [one[2] for one in rows])


async def keep_all(session: AsyncSession, segment_id: int, ids: Sequence[int], micros: Sequence[int]) -> None:
    """Judge these viewers again by one segment at these instants, microseconds since 1970, or earlier."""
    await _await(session, [segment_id] * len(ids), ids, micros)


async def _await(session: AsyncSession, of: Sequence[int], ids: Sequence[int], micros: Sequence[int]) -> None:
    if ids:
        await session.execute(_AWAIT, {"segments": of, "ids": ids, "micros": micros})


async def move(session: AsyncSession, next_: Mapping[tuple[int, int], datetime | None]) -> None:
    """The deadlines of these (segment, viewer) were kept: these instants are the next ones, None for none."""
    values = {
        "segments": [segment_id for segment_id, _ in next_],
        "ids": [viewer for _, viewer in next_],
        "ats": list(next_.values()),
    }
    await session.execute(_MOVE, values)


async def due(session: AsyncSession, at: datetime, limit: int) -> Sequence[AnyRow]:
    """Pairs whose answer time may have changed: segment_id, profile_id."""
    query = (
        select(deadlines.c.segment_id, deadlines.c.profile_id)
        .join(segments, (segments.c.id == deadlines.c.segment_id) & ~segments.c.archived)
        .where(deadlines.c.at <= at)
        .order_by(deadlines.c.at)
        .limit(limit)
    )
    return (await session.execute(query)).all()


async def first(session: AsyncSession) -> datetime | None:
    """The earliest deadline of all."""
    query = select(deadlines.c.at).join(segments, (segments.c.id == deadlines.c.segment_id) & ~segments.c.archived)
    return await session.scalar(query.order_by(deadlines.c.at).limit(1))


async def clear(session: AsyncSession, segment_id: int, limit: int) -> bool:
    """Forget some deadlines of an archived segment; True when more are left."""
    some_ = select(deadlines.c.profile_id).where(deadlines.c.segment_id == segment_id).limit(limit).scalar_subquery()
    done = await session.execute(
        delete(deadlines).where(deadlines.c.segment_id == segment_id, deadlines.c.profile_id.in_(some_))
    )
    return int(done.rowcount) == limit  # type: ignore[attr-defined]


async def of_nobody(session: AsyncSession, profile_ids: Sequence[int]) -> None:
    """These viewers are gone."""
    among = func.any(bindparam(None, sorted(profile_ids), type_=ARRAY(BigInteger)))
    await session.execute(delete(deadlines).where(deadlines.c.profile_id == among))
