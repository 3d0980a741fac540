"""SQL about places on lists that merges moved, so that a split can give them back."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ARRAY, BigInteger, Boolean, Integer, bindparam, delete, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.tables import places

Pair = tuple[int, int]
"""Segment and viewer."""

_PUT = text(
    """
    INSERT INTO places (segment_id, profile_id, lent)
    SELECT * FROM unnest(:segments, :ids, :lent)
    ON CONFLICT (segment_id, profile_id) DO UPDATE SET lent = excluded.lent
    """
).bindparams(
    bindparam("segments", type_=ARRAY(Integer)),
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("lent", type_=ARRAY(Boolean)),
)


async def put(session: AsyncSession, rows: Mapping[Pair, bool]) -> None:
    """Note of these (segment, viewer) whether the place is lent."""
    if rows:
        keys = sorted(rows)
        values = {"segments": [one for one, _ in keys], "ids": [one for _, one in keys]}
        await session.execute(_PUT, {**values, "lent": [rows[key] for key in keys]})


async def drop(session: AsyncSession, pairs: Collection[Pair]) -> None:
    """Forget these."""
    if pairs:
        await session.execute(delete(places).where(tuple_(places.c.segment_id, places.c.profile_id).in_(sorted(pairs))))


async def of(session: AsyncSession, profile_ids: Collection[int]) -> dict[Pair, bool]:
    """What is noted of these viewers: whether the place is lent, by (segment, viewer)."""
    among = func.any(bindparam(None, sorted(profile_ids), type_=ARRAY(BigInteger)))
    rows = await session.execute(select(places).where(places.c.profile_id == among))
    return {(row.segment_id, row.profile_id): row.lent for row in rows}


async def left(session: AsyncSession, segment_ids: Collection[int]) -> set[Pair]:
    """Whose own places on these lists wait for them: (segment, viewer who is part of another one)."""
    among = func.any(bindparam(None, sorted(segment_ids), type_=ARRAY(Integer)))
    rows = await session.execute(select(places).where(places.c.segment_id == among, ~places.c.lent))
    return {(row.segment_id, row.profile_id) for row in rows}
