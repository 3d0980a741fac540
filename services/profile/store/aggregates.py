"""What events add up to, by origin and month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, LargeBinary, Row, SmallInteger, Text, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import aggregates
from shared import together
from shared.together import Write

Key = tuple[str, int]
"""Origin and month."""

# Sums and items in one: what a batch must read before it can count.
_READ = text(
    """
    SELECT a.origin AS id, a.month, a.data, NULL::text AS kind, NULL::text[] AS tags
    FROM unnest(:origins, :months) AS k (origin, month) JOIN aggregates a USING (origin, month)
    UNION ALL
    SELECT item_id, NULL, NULL, kind, tags FROM items WHERE item_id = ANY (:items)
    """
).bindparams(
    bindparam("origins", type_=ARRAY(Text)),
    bindparam("months", type_=ARRAY(SmallInteger)),
    bindparam("items", type_=ARRAY(Text)),
)

_WRITE = Write(
    """
    INSERT INTO aggregates (origin, month, data) SELECT * FROM unnest(:origins, :months, :data)
    ON CONFLICT (origin, month) DO UPDATE SET data = excluded.data
    """,
    origins=ARRAY(Text),
    months=ARRAY(SmallInteger),
    data=ARRAY(LargeBinary),
)


async def read(
    session: AsyncSession, keys: Iterable[Key], items: Iterable[str]
) -> tuple[dict[Key, bytes], dict[str, tuple[str, list[str]]]]:
    """Sums of these origins and months, and kind and tags of these items, where there are any."""
    wanted = list(keys)
    values = {
        "origins": [origin for origin, _ in wanted],
        "months": [month for _, month in wanted],
        "items": list(items),
    }
    sums: dict[Key, bytes] = {}
    known: dict[str, tuple[str, list[str]]] = {}
    for its, month, data, kind, tags in await session.execute(_READ, values):
        if month is None:
            known[its] = kind, tags
        else:
            sums[its, month] = data
    return sums, known


async def write(session: AsyncSession, sums: Mapping[Key, bytes]) -> None:
    """Put these sums in place. Whoever writes holds the locks of the identities since before he read."""
    order = sorted(sums)
    values = {
        "origins": [origin for origin, _ in order],
        "months": [month for _, month in order],
        "data": [sums[key] for key in order],
    }
    await together.write(session, _WRITE, values)


async def of(session: AsyncSession, origins: Sequence[str]) -> Sequence[Row[Any]]:
    """All sums of these origins: origin, month, data."""
    among = aggregates.c.origin == func.any(bindparam(None, list(origins), type_=ARRAY(Text)))
    return (await session.execute(select(aggregates).where(among))).all()
