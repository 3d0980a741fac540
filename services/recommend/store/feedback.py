"""Impressions and clicks of creatives, by UTC day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend.tables import creative_days

# The join keeps the names that a stranger makes up out of the table.
_ADD = text(
    """
    INSERT INTO creative_days (placement, creative, day, shown, clicked)
    SELECT f.*
    FROM unnest(CAST(:placements AS text[]), CAST(:creatives AS text[]), CAST(:days AS date[]),
                CAST(:shown AS bigint[]), CAST(:clicked AS bigint[])) AS f (placement, creative, day, shown, clicked)
    JOIN creatives c ON c.placement = f.placement AND c.key = f.creative
    ON CONFLICT (placement, creative, day) DO UPDATE
    SET shown = creative_days.shown + excluded.shown, clicked = creative_days.clicked + excluded.clicked
    """
)


async def add(session: AsyncSession, counts: Mapping[tuple[str, str, date], tuple[int, int]]) -> None:
    """Add (shown, clicked) by (placement, creative, day); creatives that do not exist are left out."""
    ordered = sorted(counts.items())
    await session.execute(
        _ADD,
        {
            "placements": [placement for (placement, _, _), _ in ordered],
            "creatives": [creative for (_, creative, _), _ in ordered],
            "days": [day for (_, _, day), _ in ordered],
            "shown": [shown for _, (shown, _) in ordered],
            "clicked": [clicked for _, (_, clicked) in ordered],
        },
    )


async def of_placement(session: AsyncSession, placement: str, since: date) -> Sequence[Row[*tuple[Any, ...]]]:
    """creative, day, shown, clicked of a placement from a day on, newest day first."""
    table = creative_days
    statement = (
        select(table.c.creative, table.c.day, table.c.shown, table.c.clicked)
        .where(table.c.placement == placement, table.c.day >= since)
        .order_by(table.c.day.desc(), table.c.creative)
    )
    return (await session.execute(statement)).all()
