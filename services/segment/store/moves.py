"""SQL of merges and splits: where origins are, and the events that follow them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Text, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store.members import Change
from services.segment.tables import deadlines, homes, members, redirects, viewers

_SETTLE = text(
    """
    INSERT INTO homes (origin, profile_id, move)
    SELECT origin, :into, :move FROM unnest(:origins) AS origin ORDER BY origin
    ON CONFLICT (origin) DO UPDATE SET profile_id = excluded.profile_id, move = excluded.move
    WHERE homes.move < excluded.move
    """
).bindparams(bindparam("origins", type_=ARRAY(Text)))

_FOLLOW = text(
    """
    UPDATE events AS e SET profile_id = h.profile_id FROM homes h
    WHERE e.profile_id = :left AND e.origin = ANY(:origins) AND h.origin = e.origin AND h.profile_id <> :left
    """
).bindparams(bindparam("origins", type_=ARRAY(Text)))


def _any(values: Iterable[int]) -> Any:
    return func.any(bindparam(None, sorted(values), type_=ARRAY(BigInteger)))


async def settle(session: AsyncSession, origins: Sequence[str], into: int, move: int) -> None:
    """These origins are there since that move, unless a later one is known."""
    await session.execute(_SETTLE, {"origins": sorted(origins), "into": into, "move": move})


async def present(session: AsyncSession, origins: Sequence[str]) -> set[int]:
    """The viewers these origins are of, as far as they ever moved."""
    among = func.any(bindparam(None, list(origins), type_=ARRAY(Text)))
    return set(await session.scalars(select(homes.c.profile_id).where(homes.c.origin == among).distinct()))


async def follow(session: AsyncSession, origins: Sequence[str], left: int) -> None:
    """Events of these origins that are still with the viewer they left go where the origins are."""
    await session.execute(_FOLLOW, {"origins": list(origins), "left": left})


async def end(session: AsyncSession, profile_id: int, into: int, move: int) -> None:
    """This viewer is part of another one."""
    statement = upsert(redirects).values(profile_id=profile_id, into_id=into, move=move)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["profile_id"],
            set_={"into_id": statement.excluded.into_id, "move": statement.excluded.move},
        )
    )


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
