"""SQL of merges and splits: where origins are, and the events that follow them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store.members import Change
from services.segment.tables import STAMPED, deadlines, homes, members, redirects, viewers
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


async def ended(session: AsyncSession, profile_ids: Iterable[int]) -> set[int]:
    """Those of these viewers that are part of another one."""
    return set(await session.scalars(select(redirects.c.profile_id).where(redirects.c.profile_id == _any(profile_ids))))


async def return_(session: AsyncSession, profile_ids: Iterable[int]) -> None:
    """Profile has told these viewers: whoever of them was part of another one is himself again."""
    await session.execute(delete(redirects).where(redirects.c.profile_id == _any(profile_ids)))


async def forget(session: AsyncSession, profile_ids: Iterable[int], cause: str) -> list[Change]:
    """Take viewers out of everything; the segments they left."""
    gone = set(profile_ids)
    left = await session.execute(
        delete(members).where(members.c.profile_id == _any(gone)).returning(members.c.segment_id, members.c.profile_id)
    )
    changes = [Change(row.segment_id, row.profile_id, cause, False) for row in left]
    await session.execute(delete(deadlines).where(deadlines.c.profile_id == _any(gone)))
    await session.execute(delete(viewers).where(viewers.c.profile_id == _any(gone)))
    return changes
