"""What events add up to, by origin and month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, LargeBinary, Row, SmallInteger, Text, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import aggregates

Key = tuple[str, int]
"""Origin and month."""

_READ = text(
    """
    SELECT a.origin, a.month, a.data
    FROM unnest(:origins, :months) AS k (origin, month) JOIN aggregates a USING (origin, month)
    """
).bindparams(bindparam("origins", type_=ARRAY(Text)), bindparam("months", type_=ARRAY(SmallInteger)))

_WRITE = text(
    """
    INSERT INTO aggregates (origin, month, data) SELECT * FROM unnest(:origins, :months, :data)
    ON CONFLICT (origin, month) DO UPDATE SET data = excluded.data
    """
).bindparams(
    bindparam("origins", type_=ARRAY(Text)),
    bindparam("months", type_=ARRAY(SmallInteger)),
    bindparam("data", type_=ARRAY(LargeBinary)),
)


async def read(session: AsyncSession, keys: Iterable[Key]) -> dict[Key, bytes]:
    """Sums of these origins and months, where there are any."""
    wanted = list(keys)
    values = {"origins": [origin for origin, _ in wanted], "months": [month for _, month in wanted]}
    return {(origin, month): data for origin, month, data in await session.execute(_READ, values)}


async def write(session: AsyncSession, sums: Mapping[Key, bytes]) -> None:
    """Put these sums in place. Whoever writes holds the locks of the identities since before he read."""
    order = sorted(sums)
    values = {
        "origins": [origin for origin, _ in order],
        "months": [month for _, month in order],
        "data": [sums[key] for key in order],
    }
    await session.execute(_WRITE, values)


async def of(session: AsyncSession, origins: Sequence[str]) -> Sequence[Row[Any]]:
    """All sums of these origins: origin, month, data."""
    among = aggregates.c.origin == func.any(bindparam(None, list(origins), type_=ARRAY(Text)))
    return (await session.execute(select(aggregates).where(among))).all()
