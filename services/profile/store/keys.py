"""Data keys of identities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, LargeBinary, Text, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables.privacy import data_keys
from shared.tables import TIME

_ADD = text(
    """
    INSERT INTO data_keys (origin, wrapped, root, created_at)
    SELECT origin, wrapped, :root, :at FROM unnest(:origins, :wrapped) AS n (origin, wrapped)
    ON CONFLICT (origin) DO NOTHING
    """
).bindparams(
    bindparam("origins", type_=ARRAY(Text)),
    bindparam("wrapped", type_=ARRAY(LargeBinary)),
    bindparam("at", type_=TIME),
)

_REWRAP = text(
    """
    UPDATE data_keys AS k SET wrapped = n.wrapped, root = :root
    FROM unnest(:origins, :wrapped) AS n (origin, wrapped) WHERE k.origin = n.origin
    """
).bindparams(bindparam("origins", type_=ARRAY(Text)), bindparam("wrapped", type_=ARRAY(LargeBinary)))


async def of(session: AsyncSession, origins: Iterable[str]) -> dict[str, tuple[bytes, str]]:
    """Wrapped key of each of these origins that has one, and the name of the key it is wrapped with."""
    among = data_keys.c.origin == func.any(bindparam(None, sorted(origins), type_=ARRAY(Text)))
    rows = await session.execute(select(data_keys.c.origin, data_keys.c.wrapped, data_keys.c.root).where(among))
    return {row.origin: (row.wrapped, row.root) for row in rows}


async def add(session: AsyncSession, wrapped: Mapping[str, bytes], root: str, at: datetime) -> None:
    """Keep these keys, except where the origin has one already."""
    origins = sorted(wrapped)
    await session.execute(
        _ADD, {"origins": origins, "wrapped": [wrapped[one] for one in origins], "root": root, "at": at}
    )


class Wrapped(NamedTuple):
    """A data key as it is stored."""

    origin: str
    wrapped: bytes
    root: str


async def wrapped_otherwise(session: AsyncSession, root: str, *, after: str, limit: int) -> list[Wrapped]:
    """Keys that are not wrapped with this one, by origin; locked until the commit."""
    rows = await session.execute(
        select(data_keys.c.origin, data_keys.c.wrapped, data_keys.c.root)
        .where(data_keys.c.root != root, data_keys.c.origin > after)
        .order_by(data_keys.c.origin)
        .limit(limit)
        .with_for_update()
    )
    return [Wrapped(*row) for row in rows]


async def count_otherwise(session: AsyncSession, root: str) -> int:
    """How many keys are not wrapped with this one."""
    statement = select(func.count()).select_from(data_keys).where(data_keys.c.root != root)
    return int((await session.execute(statement)).scalar_one())


async def rewrap(session: AsyncSession, wrapped: Mapping[str, bytes], root: str) -> None:
    """Replace how these keys are wrapped."""
    origins = sorted(wrapped)
    await session.execute(_REWRAP, {"origins": origins, "wrapped": [wrapped[one] for one in origins], "root": root})
