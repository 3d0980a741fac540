"""SQL about who was in at an instant: the members there are, with all that came later undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from pyroaring import BitMap
from sqlalchemy import ARRAY, Integer, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.rules.blocks import first_block, ids, unpack
from services.segment.tables import blocks, transitions
from shared.contracts import PARTITIONS

AT_ONCE = 64 * PARTITIONS
"""Blocks that are read at once, a million profile ids: some hundred kilobytes, and what the log tells of them."""

Past = dict[int, BitMap]
"""Places of members by block: a hundred times smaller than their ids."""


async def members(session: AsyncSession, segment_id: int, instant: datetime) -> Past:
    """All members as told at an instant."""
    held: Past = {}
    known = await _blocks(session, segment_id, instant, 0)
    for place in range(0, len(known), AT_ONCE):
        held |= await _of(session, segment_id, instant, known[place : place + AT_ONCE])
    return held


async def after(session: AsyncSession, segment_id: int, instant: datetime, profile_id: int, limit: int) -> list[int]:
    """The next members by id as told at an instant: only the blocks that they are in are read."""
    found: list[int] = []
    # blocks are numbered by groups of neighbouring ids, so the next group's ids are all higher
    for _, group in groupby(await _blocks(session, segment_id, instant, first_block(profile_id + 1)), _group):
        held = await _of(session, segment_id, instant, list(group))
        found += [one for one in numbers(held) if one > profile_id]
        if len(found) >= limit:
            break
    return found[:limit]


def numbers(held: Past) -> list[int]:
    """The profile ids of these places, by id."""
    return sorted(one for block, places in held.items() for one in ids(block, places))


def groups(held: Past) -> list[Past]:
    """The same in pieces, each with higher ids than the one before."""
    return [{block: held[block] for block in group} for _, group in groupby(sorted(held), _group)]


def _group(block: int) -> int:
    return block // PARTITIONS


async def _blocks(session: AsyncSession, segment_id: int, instant: datetime, first: int) -> list[int]:
    """The blocks from one on that anybody is in, or was in since an instant."""
    here = select(blocks.c.block).where(blocks.c.segment_id == segment_id, blocks.c.block >= first)
    was = select(transitions.c.block).where(transitions.c.segment_id == segment_id, transitions.c.at > instant)
    both = here.union(was.where(transitions.c.block >= first)).subquery()
    return list((await session.execute(select(both.c.block).order_by(both.c.block))).scalars())


async def _of(session: AsyncSession, segment_id: int, instant: datetime, those: Sequence[int]) -> Past:
    """The members of these blocks."""
    among = bindparam("those", list(those), type_=ARRAY(Integer))
    query = select(blocks.c.block, blocks.c.bitmap)
    query = query.where(blocks.c.segment_id == segment_id, blocks.c.block == func.any(among))
    held = {row.block: unpack(row.bitmap) for row in await session.execute(query)}
    later = select(transitions.c.block, transitions.c.entered, transitions.c.left)
    later = later.where(transitions.c.segment_id == segment_id, transitions.c.at > instant)
    later = later.where(transitions.c.block == func.any(among))
    for block, entered, left in await session.execute(later.order_by(transitions.c.id.desc())):
        held[block] = held.get(block, BitMap()) - unpack(entered) | unpack(left)
    return {block: places for block, places in held.items() if places}
