"""SQL about who is in: locks, and bitmaps of members."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from pyroaring import BitMap
from sqlalchemy import ARRAY, Integer, LargeBinary, bindparam, delete, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.rules.blocks import block_of, first_block, ids, pack, place_of, unpack
from services.segment.rules.book import Change
from services.segment.store import log
from services.segment.store.rows import AnyRow
from services.segment.tables import blocks, segments
from shared.contracts import PARTITIONS

_BLOCKS, _GATE = 0x5E61, 0x5E6
STRIPES = 64
"""Locks per partition: with a thousand in all no transaction can fill the server's table of locks."""

Blocks = dict[tuple[int, int], BitMap]
"""Places of members by (block, segment)."""

_LOCK = text(
    """
    WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(:gate))
    SELECT pg_advisory_xact_lock(:kind, n.stripe) FROM gate, unnest(:stripes) AS n (stripe)
    """
).bindparams(bindparam("stripes", type_=ARRAY(Integer)), bindparam("kind", type_=Integer))

_TRY = text(
    """
    WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(:gate))
    SELECT n.stripe FROM gate, unnest(:stripes) AS n (stripe) WHERE pg_try_advisory_xact_lock(:kind, n.stripe)
    """
).bindparams(bindparam("stripes", type_=ARRAY(Integer)), bindparam("kind", type_=Integer))

_READ = text(
    """
    SELECT block, array_agg(segment_id), array_agg(b.bitmap) FROM unnest(:blocks, :segments) AS n (block, segment_id)
    JOIN blocks b USING (block, segment_id) GROUP BY block
    """
).bindparams(bindparam("blocks", type_=ARRAY(Integer)), bindparam("segments", type_=ARRAY(Integer)))

_WRITE = text(
    """
    INSERT INTO blocks (block, segment_id, bitmap, size)
    SELECT * FROM unnest(:blocks, :segments, :bitmaps, :sizes)
    ON CONFLICT (block, segment_id) DO UPDATE SET bitmap = excluded.bitmap, size = excluded.size
    """
).bindparams(
    bindparam("blocks", type_=ARRAY(Integer)),
    bindparam("segments", type_=ARRAY(Integer)),
    bindparam("bitmaps", type_=ARRAY(LargeBinary)),
    bindparam("sizes", type_=ARRAY(Integer)),
)


def _stripe(block: int) -> int:
    return block // PARTITIONS % STRIPES * PARTITIONS + block % PARTITIONS


async def lock(session: AsyncSession, profile_ids: Iterable[int]) -> None:
    """Begin to judge these viewers, known or not: wait until nobody else judges anybody of their blocks.

    Only who reads facts waits here. Blocks are those of one partition and taken in ascending order, so readers of
    different partitions never meet, but for merges; the fills and the clock go round whom they cannot lock.
    """
    stripes = sorted({_stripe(block_of(one)) for one in profile_ids})
    await session.execute(_LOCK, {"gate": _GATE, "kind": _BLOCKS, "stripes": stripes})


async def lock_free(session: AsyncSession, profile_ids: Collection[int]) -> set[int]:
    """Begin to judge those of these viewers whose blocks nobody else is working on."""
    mine = {one: _stripe(block_of(one)) for one in profile_ids}
    done = await session.execute(_TRY, {"gate": _GATE, "kind": _BLOCKS, "stripes": sorted(set(mine.values()))})
    free = set(done.scalars())
    return {one for one, stripe in mine.items() if stripe in free}


async def close_gate(session: AsyncSession) -> None:
    """Wait until everyone who judges by older definitions has committed."""
    await session.execute(select(func.pg_advisory_xact_lock(_GATE)))


async def read(session: AsyncSession, wanted: Collection[tuple[int, int]]) -> Blocks:
    """The bitmaps of these (block, segment); those without members are left out."""
    if not wanted:
        return {}
    values = {"blocks": [block for block, _ in wanted], "segments": [one for _, one in wanted]}
    return {
        (block, one): unpack(bitmap)
        for block, those, bitmaps in await session.execute(_READ, values)
        for one, bitmap in zip(those, bitmaps, strict=True)
    }


async def write(session: AsyncSession, changed: Blocks) -> None:
    """Make these bitmaps what is stored; empty ones go."""
    if not changed:
        return
    keys = sorted(changed)
    values = {
        "blocks": [block for block, _ in keys],
        "segments": [one for _, one in keys],
        "bitmaps": [pack(changed[key]) for key in keys],
        "sizes": [len(changed[key]) for key in keys],
    }
    await session.execute(_WRITE, values)
    if any(not bitmap for bitmap in changed.values()):
        among = func.any(bindparam(None, values["blocks"], type_=ARRAY(Integer)))
        await session.execute(delete(blocks).where(blocks.c.block == among, blocks.c.size == 0))


async def apply(session: AsyncSession, held: Blocks, changes: Sequence[Change], at: datetime) -> None:
    """Write down who came and went, in this order: bitmaps, log and sizes. `held` are the bitmaps as they were.

    A viewer who comes and goes by the same cause in one go must not be here: only what is different in the end is told.
    """
    moved: dict[tuple[int, int, str], tuple[BitMap, BitMap]] = {}
    changed: Blocks = {}
    sizes: dict[int, list[int]] = {}
    for change in changes:
        block, place = block_of(change.profile_id), place_of(change.profile_id)
        key = (block, change.segment_id)
        bitmap = changed.get(key)
        if bitmap is None:
            bitmap = changed[key] = held.setdefault(key, BitMap())
        entered, left = moved.setdefault((change.segment_id, block, change.cause), (BitMap(), BitMap()))
        size = sizes.setdefault(change.segment_id, [0, 0])
        if change.entered:
            bitmap.add(place)
            entered.add(place)
            size[0] += 1
        else:
            bitmap.discard(place)
            left.add(place)
            size[1] += 1
    if not changes:
        return
    await write(session, changed)
    await log.record(session, moved, at)
    await log.count(session, {key: (size[0], size[1]) for key, size in sizes.items()}, at)


PAGE_BLOCKS = 16 * PARTITIONS


async def after(session: AsyncSession, segment_id: int, profile_id: int, limit: int) -> list[int]:
    """The next members of a segment by id."""
    found: list[int] = []
    start = first_block(profile_id)
    while len(found) < limit:
        query = select(blocks.c.block, blocks.c.bitmap).where(
            blocks.c.segment_id == segment_id, blocks.c.block >= start, blocks.c.block < start + PAGE_BLOCKS
        )
        rows = (await session.execute(query)).all()
        here = [one for row in rows for one in ids(row.block, unpack(row.bitmap)) if one > profile_id]
        found += sorted(here)
        following = await session.scalar(
            select(func.min(blocks.c.block)).where(
                blocks.c.segment_id == segment_id, blocks.c.block >= start + PAGE_BLOCKS
            )
        )
        if following is None:
            break
        start = following // PARTITIONS * PARTITIONS
    return found[:limit]


async def packed(session: AsyncSession, segment_id: int) -> Sequence[tuple[int, bytes]]:
    """Block and bitmap of all members, as they are stored."""
    query = select(blocks.c.block, blocks.c.bitmap).where(blocks.c.segment_id == segment_id)
    return [(row.block, row.bitmap) for row in await session.execute(query)]


async def snapshot(session: AsyncSession, after_: tuple[int, int], limit: int) -> Sequence[AnyRow]:
    """Blocks of all active segments after (segment, block), with key and version: segment_id, block, bitmap."""
    query = (
        select(blocks.c.segment_id, blocks.c.block, blocks.c.bitmap, segments.c.key, segments.c.version)
        .join(segments, segments.c.id == blocks.c.segment_id)
        .where(
            ~segments.c.archived,
            tuple_(blocks.c.segment_id, blocks.c.block) > after_,
        )
        .order_by(blocks.c.segment_id, blocks.c.block)
        .limit(limit)
    )
    return (await session.execute(query)).all()


async def some(session: AsyncSession, segment_id: int, limit: int) -> Blocks:
    """A few blocks of a segment."""
    query = select(blocks.c.block, blocks.c.bitmap).where(blocks.c.segment_id == segment_id).limit(limit)
    return {(row.block, segment_id): unpack(row.bitmap) for row in await session.execute(query)}


async def of(session: AsyncSession, profile_ids: Collection[int]) -> Blocks:
    """Every bitmap of the blocks these viewers are in, of archived segments too."""
    among = func.any(bindparam(None, sorted({block_of(one) for one in profile_ids}), type_=ARRAY(Integer)))
    query = select(blocks.c.block, blocks.c.segment_id, blocks.c.bitmap).where(blocks.c.block == among)
    return {(block, one): unpack(bitmap) for block, one, bitmap in await session.execute(query)}
