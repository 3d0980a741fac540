"""SQL of merges and splits: where origins are, and the events that follow them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.tables import STAMPED, homes, redirects, viewers
from shared.contracts import ProfileMerged, ProfileSplit

Moved = ProfileMerged | ProfileSplit

_SETTLE = text(
    """
    INSERT INTO homes (origin, profile_id, move)
    SELECT DISTINCT ON (origin) origin, into_id, move FROM unnest(:origins, :into, :moves) AS n (origin, into_id, move)
    ORDER BY origin, move DESC
    ON CONFLICT (origin) DO UPDATE SET profile_id = excluded.profile_id, move = excluded.move
    WHERE homes.move < excluded.move
    """
).bindparams(
    bindparam("origins", type_=ARRAY(Text)),
    bindparam("into", type_=ARRAY(BigInteger)),
    bindparam("moves", type_=ARRAY(BigInteger)),
)

_FOLLOW = text(
    f"""
    UPDATE events AS e SET profile_id = h.profile_id, stamp = {STAMPED}
    FROM unnest(:origins, :left) AS n (origin, left_id) JOIN homes h USING (origin)
    WHERE e.profile_id = n.left_id AND e.origin = n.origin AND h.profile_id <> n.left_id
    """  # noqa: S608 - the stamp is a constant
).bindparams(bindparam("origins", type_=ARRAY(Text)), bindparam("left", type_=ARRAY(BigInteger)))

_END = text(
    """
    INSERT INTO redirects (profile_id, into_id, move)
    SELECT DISTINCT ON (gone) gone, into_id, move FROM unnest(:gone, :into, :moves) AS n (gone, into_id, move)
    ORDER BY gone, move DESC
    ON CONFLICT (profile_id) DO UPDATE SET into_id = excluded.into_id, move = excluded.move
    """
).bindparams(
    bindparam("gone", type_=ARRAY(BigInteger)),
    bindparam("into", type_=ARRAY(BigInteger)),
    bindparam("moves", type_=ARRAY(BigInteger)),
)

# A viewer who became part of another one may have become part of a third with him. A circle is possible for a moment,
# while facts of two partitions are not read yet: it ends at the highest move.
_ENDED = text(
    """
    WITH RECURSIVE ways AS (
      SELECT profile_id, into_id, 1 AS steps FROM redirects WHERE profile_id = ANY(:ids)
      UNION ALL
      SELECT w.profile_id, r.into_id, w.steps + 1 FROM ways w JOIN redirects r ON r.profile_id = w.into_id
      WHERE w.steps < 50
    )
    SELECT DISTINCT ON (profile_id) profile_id, into_id FROM ways ORDER BY profile_id, steps DESC
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))


def _any(values: Iterable[int]) -> Any:
    return func.any(bindparam(None, sorted(values), type_=ARRAY(BigInteger)))


async def settle(session: AsyncSession, items: Sequence[Moved]) -> None:
    """Origins are where they went, unless a later move of theirs is known."""
    pairs = [(origin, item) for item in items for origin in item.origins]
    values = {
        "origins": [origin for origin, _ in pairs],
        "into": [item.into_id for _, item in pairs],
        "moves": [item.move for _, item in pairs],
    }
    await session.execute(_SETTLE, values)


async def present(session: AsyncSession, items: Sequence[Moved]) -> set[int]:
    """The viewers that the origins of these moves are of now."""
    origins = sorted({origin for item in items for origin in item.origins})
    among = func.any(bindparam(None, origins, type_=ARRAY(Text)))
    return set(await session.scalars(select(homes.c.profile_id).where(homes.c.origin == among).distinct()))


async def follow(session: AsyncSession, items: Sequence[Moved]) -> None:
    """Events of these origins that are still with the viewer they left go where the origins are."""
    pairs = sorted({(origin, item.from_id) for item in items for origin in item.origins})
    await session.execute(_FOLLOW, {"origins": [one for one, _ in pairs], "left": [left for _, left in pairs]})


async def end(session: AsyncSession, items: Sequence[ProfileMerged]) -> None:
    """Viewers became part of others."""
    values = {
        "gone": [item.from_id for item in items],
        "into": [item.into_id for item in items],
        "moves": [item.move for item in items],
    }
    await session.execute(_END, values)


async def ended(session: AsyncSession, profile_ids: Iterable[int]) -> dict[int, int]:
    """Those of these viewers that are part of another one, with who that is now."""
    done = await session.execute(_ENDED, {"ids": sorted(profile_ids)})
    return {row.profile_id: row.into_id for row in done}


async def return_(session: AsyncSession, profile_ids: Iterable[int]) -> None:
    """Profile has told these viewers: whoever of them was part of another one is himself again."""
    await session.execute(delete(redirects).where(redirects.c.profile_id == _any(profile_ids)))


async def forget(session: AsyncSession, profile_ids: Iterable[int]) -> None:
    """Forget that these viewers are viewers."""
    await session.execute(delete(viewers).where(viewers.c.profile_id == _any(profile_ids)))
