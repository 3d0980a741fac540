"""SQL about the log of transitions: who came and went, when and why, and the sums of each day."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from pyroaring import BitMap
from sqlalchemy import ARRAY, BigInteger, Integer, LargeBinary, Text, bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.rules.blocks import block_of, ids, pack, place_of, unpack
from services.segment.settings import time_zone
from services.segment.store.rows import AnyRow
from services.segment.tables import tallies, transitions
from shared.tables import TIME

LOG_ROWS = 1000
"""Rows of the log that are read at once."""

NOTED = 256
"""Rows of one block and segment after which what was told last of it is noted, on average."""

# By chance: a counter per block and segment would be one more row that every tick writes.
_LOG = text(
    """
    WITH told AS (
      INSERT INTO transitions (segment_id, block, at, cause, entered, "left")
      SELECT segment_id, block, :at, cause, entered, gone
      FROM unnest(:segments, :blocks, :causes, :entered, :gone) WITH ORDINALITY
        AS n (segment_id, block, cause, entered, gone, place) ORDER BY place
      RETURNING id, segment_id, block
    )
    INSERT INTO latest_moves (block, segment_id, upto, wanted)
    SELECT DISTINCT block, segment_id, 0, true FROM told WHERE id % :noted = 0
    ON CONFLICT (block, segment_id) DO UPDATE SET wanted = true
    """
).bindparams(
    bindparam("noted", type_=BigInteger),
    bindparam("segments", type_=ARRAY(Integer)),
    bindparam("blocks", type_=ARRAY(Integer)),
    bindparam("causes", type_=ARRAY(Text)),
    bindparam("entered", type_=ARRAY(LargeBinary)),
    bindparam("gone", type_=ARRAY(LargeBinary)),
    bindparam("at", type_=TIME),
)

_COUNT = text(
    """
    INSERT INTO tallies (segment_id, day, entered, "left")
    SELECT segment_id, :day, entered, gone FROM unnest(:segments, :entered, :gone) AS n (segment_id, entered, gone)
    """
).bindparams(
    bindparam("segments", type_=ARRAY(Integer)),
    bindparam("entered", type_=ARRAY(Integer)),
    bindparam("gone", type_=ARRAY(Integer)),
)

_RECENT = text(
    """
    SELECT t.block, t.segment_id, t.at, t.entered, t."left"
    FROM unnest(:blocks, :segments, :since) AS n (block, segment_id, since)
    JOIN transitions t ON t.block = n.block AND t.segment_id = n.segment_id AND t.at > n.since
    ORDER BY t.id
    """
).bindparams(
    bindparam("blocks", type_=ARRAY(Integer)),
    bindparam("segments", type_=ARRAY(Integer)),
    bindparam("since", type_=ARRAY(TIME)),
)


_REWRITE = text(
    """
    UPDATE transitions t SET entered = n.entered, "left" = n.gone
    FROM unnest(:ids, :entered, :gone) AS n (id, entered, gone) WHERE t.id = n.id
    """
).bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("entered", type_=ARRAY(LargeBinary)),
    bindparam("gone", type_=ARRAY(LargeBinary)),
)

_TRIM = text(
    """
    DELETE FROM transitions WHERE id IN (
      SELECT t.id FROM unnest(:segments, :before) AS n (segment_id, before)
      JOIN transitions t ON t.segment_id = n.segment_id AND t.at < n.before LIMIT :limit
    )
    """
).bindparams(bindparam("segments", type_=ARRAY(Integer)), bindparam("before", type_=ARRAY(TIME)))

_WHOLE = text(
    """
    UPDATE segments s SET log_from = n.before FROM unnest(:segments, :before) AS n (segment_id, before)
    WHERE s.id = n.segment_id AND s.log_from < n.before
    """
).bindparams(bindparam("segments", type_=ARRAY(Integer)), bindparam("before", type_=ARRAY(TIME)))

_FOLD = text(
    """
    WITH many AS (
      SELECT segment_id, day FROM tallies GROUP BY segment_id, day HAVING count(*) > 1
    ), gone AS (
      DELETE FROM tallies USING many WHERE tallies.segment_id = many.segment_id AND tallies.day = many.day
      RETURNING tallies.segment_id, tallies.day, tallies.entered, tallies.left
    )
    INSERT INTO tallies (segment_id, day, entered, "left")
    SELECT segment_id, day, sum(entered), sum("left") FROM gone GROUP BY segment_id, day
    """
)


async def record(
    session: AsyncSession, log: Mapping[tuple[int, int, str], tuple[BitMap, BitMap]], at: datetime
) -> None:
    """Add to the log who entered and who left, by (segment, block, cause), in this order."""
    values = {
        "segments": [segment_id for segment_id, _, _ in log],
        "blocks": [block for _, block, _ in log],
        "causes": [cause for _, _, cause in log],
        "entered": [pack(entered) if entered else None for entered, _ in log.values()],
        "gone": [pack(left) if left else None for _, left in log.values()],
        "at": at,
        "noted": NOTED,
    }
    await session.execute(_LOG, values)


def day_of(at: datetime) -> date:
    """The day that an instant is in, where this installation's days are."""
    return at.astimezone(time_zone()[1]).date()


async def count(session: AsyncSession, moved: Mapping[int, tuple[int, int]], at: datetime) -> None:
    """Members came and went: how many, by segment."""
    values = {
        "segments": list(moved),
        "entered": [entered for entered, _ in moved.values()],
        "gone": [left for _, left in moved.values()],
        "day": day_of(at),
    }
    await session.execute(_COUNT, values)


async def since(
    session: AsyncSession, profile_ids: Collection[int], spans: Mapping[int, timedelta], at: datetime
) -> dict[tuple[int, int], tuple[bool, datetime]]:
    """When these viewers entered (true) or left these segments last, if not longer ago than the segment's span.

    The answer is by (viewer, segment).
    """
    pairs = {(block_of(viewer), segment_id) for viewer in profile_ids for segment_id in spans}
    values = {
        "blocks": [block for block, _ in pairs],
        "segments": [one for _, one in pairs],
        "since": [at - spans[one] for _, one in pairs],
    }
    viewers: dict[int, list[int]] = {}
    for viewer in profile_ids:
        viewers.setdefault(block_of(viewer), []).append(viewer)
    found: dict[tuple[int, int], tuple[bool, datetime]] = {}
    if pairs:
        for block, segment_id, moved_at, *moved in await session.execute(_RECENT, values):
            entered, left = map(unpack, moved)
            for viewer in viewers[block]:
                if place_of(viewer) in entered:
                    found[viewer, segment_id] = True, moved_at
                elif place_of(viewer) in left:
                    found[viewer, segment_id] = False, moved_at
    return found


async def moved_since(
    session: AsyncSession, segment_ids: Collection[int], blocks_: Collection[int], instant: datetime
) -> set[int]:
    """Viewers of these blocks who entered or left one of these segments since an instant."""
    segments_, those = (bindparam(None, sorted(one), type_=ARRAY(Integer)) for one in (segment_ids, blocks_))
    query = select(transitions.c.block, transitions.c.entered, transitions.c.left).where(
        transitions.c.segment_id == func.any(segments_),
        transitions.c.block == func.any(those),
        transitions.c.at > instant,
    )
    found: set[int] = set()
    for block, entered, left in await session.execute(query):
        found.update(ids(block, unpack(entered) | unpack(left)))
    return found


async def erase(session: AsyncSession, profile_ids: Collection[int]) -> int:
    """Take viewers out of the log as if they had never been; how many of its rows told of them."""
    gone: dict[int, BitMap] = {}
    for one in profile_ids:
        gone.setdefault(block_of(one), BitMap()).add(place_of(one))
    among = func.any(bindparam(None, sorted(gone), type_=ARRAY(Integer)))
    query = select(transitions.c.id, transitions.c.block, transitions.c.entered, transitions.c.left)
    query = query.where(transitions.c.block == among).order_by(transitions.c.id).limit(LOG_ROWS)
    newest = touched = 0
    rows: Sequence[AnyRow] = (await session.execute(query)).all()
    while rows:
        newest = rows[-1].id
        kept = {row.id: (unpack(row.entered), unpack(row.left)) for row in rows}
        found = [row for row in rows if any(one & gone[row.block] for one in kept[row.id])]
        touched += len(found)
        for row in found:
            for places in kept[row.id]:
                places.difference_update(gone[row.block])
        await _rewrite(session, {row.id: kept[row.id] for row in found})
        rows = (await session.execute(query.where(transitions.c.id > newest))).all()
    return touched


async def _rewrite(session: AsyncSession, rows: Mapping[int, tuple[BitMap, BitMap]]) -> None:
    empty = [key for key, (entered, left) in rows.items() if not entered and not left]
    full = {key: row for key, row in rows.items() if row[0] or row[1]}
    if empty:
        await session.execute(delete(transitions).where(transitions.c.id.in_(empty)))
    if full:
        values = {
            "ids": list(full),
            "entered": [pack(entered) if entered else None for entered, _ in full.values()],
            "gone": [pack(left) if left else None for _, left in full.values()],
        }
        await session.execute(_REWRITE, values)


async def naming(session: AsyncSession, profile_id: int) -> list[AnyRow]:
    """Every row of the log that tells of a viewer: id, segment_id, at, cause, entered (whether he did)."""
    query = (
        select(transitions.c.id, transitions.c.segment_id, transitions.c.at, transitions.c.cause)
        .add_columns(transitions.c.entered, transitions.c.left)
        .where(transitions.c.block == block_of(profile_id))
        .order_by(transitions.c.id)
    )
    place = place_of(profile_id)
    rows = (await session.execute(query)).all()
    return [row for row in rows if place in unpack(row.entered) or place in unpack(row.left)]


async def trim(session: AsyncSession, before: Mapping[int, datetime], limit: int) -> int:
    """Drop the part of the log of each segment that is older than its instant, `limit` rows at most; how many went.

    It is noted since when the log of a segment is whole.
    """
    values = {"segments": list(before), "before": list(before.values())}
    done = await session.execute(_TRIM, {**values, "limit": limit})
    await session.execute(_WHOLE, values)
    return int(done.rowcount)  # type: ignore[attr-defined]


async def by_day(session: AsyncSession, segment_id: int) -> Sequence[AnyRow]:
    """Entries and exits of each day on which there were any: day, entered, left."""
    query = select(
        tallies.c.day, func.sum(tallies.c.entered).label("entered"), func.sum(tallies.c.left).label("left")
    ).where(tallies.c.segment_id == segment_id)
    return (await session.execute(query.group_by(tallies.c.day).order_by(tallies.c.day))).all()


async def sizes(session: AsyncSession, segment_ids: Sequence[int], day: date) -> dict[int, tuple[int, int, int]]:
    """Members of these segments, and how many of them entered and left on a day."""
    today = tallies.c.day == day
    query = select(
        tallies.c.segment_id,
        func.sum(tallies.c.entered - tallies.c.left).label("size"),
        func.coalesce(func.sum(tallies.c.entered).filter(today), 0).label("entered"),
        func.coalesce(func.sum(tallies.c.left).filter(today), 0).label("left"),
    ).where(tallies.c.segment_id.in_(segment_ids))
    rows = await session.execute(query.group_by(tallies.c.segment_id))
    return {row.segment_id: (int(row.size), int(row.entered), int(row.left)) for row in rows}


async def fold(session: AsyncSession) -> None:
    """Make one tally of many of one day."""
    await session.execute(_FOLD)
