"""What was done with items, by UTC day, and the ranking that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

_ADD = text(
    """
    INSERT INTO item_days (item_id, day, weight)
    SELECT * FROM unnest(CAST(:items AS text[]), CAST(:days AS date[]), CAST(:weights AS float8[]))
    ON CONFLICT (item_id, day) DO UPDATE SET weight = item_days.weight + excluded.weight
    """
)

# score = sum over days of weight * 2^(-(newest day - day) / half-life)
_BEST = text(
    """
    WITH newest AS (SELECT max(day) AS day FROM item_days),
    scores AS (
        SELECT d.item_id, sum(d.weight * power(0.5, (newest.day - d.day) / CAST(:half_life AS float8))) AS score
        FROM item_days d, newest WHERE d.day > newest.day - CAST(:horizon AS integer)
        GROUP BY d.item_id
    ),
    ranked AS (
        SELECT i.id, i.kind, i.title, i.url, i.properties, s.score,
               row_number() OVER (PARTITION BY i.kind ORDER BY s.score DESC, i.id) AS place
        FROM scores s JOIN items i ON i.id = s.item_id
        WHERE i.active AND s.score > 0
    )
    SELECT id, kind, title, url, properties, score FROM ranked WHERE place <= :each ORDER BY score DESC, id
    """
)


async def add(session: AsyncSession, sums: Mapping[tuple[str, date], float]) -> None:
    """Add these weights by (item, day)."""
    ordered = sorted(sums.items())
    await session.execute(
        _ADD,
        {
            "items": [item for (item, _), _ in ordered],
            "days": [day for (_, day), _ in ordered],
            "weights": [weight for _, weight in ordered],
        },
    )


async def best(session: AsyncSession, *, half_life: int, horizon: int, each: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """The `each` most popular active items of every kind, best first, as seen from the newest day (days as units)."""
    return (await session.execute(_BEST, {"half_life": half_life, "horizon": horizon, "each": each})).all()
