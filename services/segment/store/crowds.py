"""Members as columns, for the warehouse: whole segments at once, and who entered or left them lately."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyroaring import BitMap
from sqlalchemy import ARRAY, Integer, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.rules.blocks import unpack
from services.segment.tables import blocks, transitions
from shared.contracts import PARTITIONS

INSTANT = pa.timestamp("us", tz="UTC")
TOLD = pa.schema([("profile_id", pa.int64()), ("inside", pa.bool_()), ("at", INSTANT)])


def _ids(block: int, places: BitMap) -> pa.Array:
    """The profile ids of places of a block, without a Python number for each."""
    column = pa.Array.from_buffers(pa.uint32(), len(places), [None, pa.py_buffer(places.to_array())])
    return pc.add(pc.multiply(column.cast(pa.int64()), PARTITIONS), block % PARTITIONS)


def _column(pieces: Iterable[pa.Array]) -> pa.ChunkedArray:
    return pa.chunked_array(list(pieces), type=pa.int64())


async def members(session: AsyncSession, segment_ids: Collection[int]) -> dict[int, pa.ChunkedArray]:
    """The profile ids of all members of these segments, in no order."""
    among = func.any(bindparam(None, sorted(segment_ids), type_=ARRAY(Integer)))
    query = select(blocks.c.segment_id, blocks.c.block, blocks.c.bitmap).where(blocks.c.segment_id == among)
    pieces: dict[int, list[pa.Array]] = {one: [] for one in segment_ids}
    for segment_id, block, bitmap in await session.execute(query):
        pieces[segment_id].append(_ids(block, unpack(bitmap)))
    return {one: _column(found) for one, found in pieces.items()}


async def told(session: AsyncSession, segment_id: int, since: datetime, until: datetime) -> pa.Table:
    """What was told last of whom (profile_id, inside, at), up to an instant.

    Who has been in since before `since` has no `at`; whoever is not here was not in at all since then.
    """
    query = (
        select(transitions.c.block, transitions.c.at, transitions.c.entered, transitions.c.left)
        .where(transitions.c.segment_id == segment_id, transitions.c.at > since)
        .order_by(transitions.c.id.desc())
    )
    here = select(blocks.c.block, blocks.c.bitmap).where(blocks.c.segment_id == segment_id)
    held = {block: unpack(bitmap) for block, bitmap in await session.execute(here)}
    seen: dict[int, BitMap] = {}
    pieces: list[pa.Table] = []
    for block, at, *moved in await session.execute(query):
        entered, left = map(unpack, moved)
        if at > until:
            # Undone: members are those of then.
            held[block] = held.get(block, BitMap()) - entered | left
            continue
        known = seen.setdefault(block, BitMap())
        for inside, bitmap in ((True, entered), (False, left)):
            pieces.append(_rows(_ids(block, bitmap - known), at, inside=inside))
            known |= bitmap
        seen[block] = known
    for block, bitmap in held.items():
        pieces.append(_rows(_ids(block, bitmap - seen.get(block, BitMap())), None, inside=True))
    return pa.concat_tables(pieces) if pieces else TOLD.empty_table()


def _rows(ids: pa.Array, at: datetime | None, *, inside: bool) -> pa.Table:
    count = len(ids)
    told_ = pa.scalar(inside, pa.bool_())
    return pa.table([ids, pa.repeat(told_, count), pa.repeat(pa.scalar(at, INSTANT), count)], schema=TOLD)
