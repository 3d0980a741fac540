"""Distribution: how a number spreads."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions.insights import asking
from services.segment.actions.insights.asking import Cell
from services.segment.rules.insights import cells
from services.segment.rules.insights.histogram import edges
from services.segment.rules.parts import is_small
from services.segment.schemas.insights.distribution import (
    QUANTILES,
    Bin,
    BinOutput,
    DistributionInput,
    DistributionOutput,
)
from services.segment.store.insights import distribution


async def answer(session: AsyncSession, asked: DistributionInput) -> DistributionOutput:
    """Moments, quantiles and histogram. Raises Invalid and what the warehouse raises."""
    begun = await asking.begun(session, asked)
    (row,) = await asking.ask(session, distribution.numbers(begun, asked))
    found: dict[int, dict[str, Any]] = {}
    limits: list[float] = []
    if row["count"]:
        limits = edges(row["least"], row["greatest"], asked.bins, whole=row["whole"])
        rows = await asking.ask(session, distribution.bins(begun, asked, limits[:-1]))
        found = {one["place"]: one for one in rows}
    bins = []
    for place in range(len(limits) - 1):
        here = found.get(place, {"count": 0, "viewers": 0})
        bins.append(
            BinOutput(
                from_=limits[place],
                to=limits[place + 1],
                last=place == len(limits) - 2,
                count=here["count"],
                viewers=here["viewers"],
                small=is_small(here["viewers"]),
            )
        )
    return DistributionOutput(
        count=row["count"],
        viewers=row["viewers"],
        small=is_small(row["viewers"]),
        mean=row["mean"],
        min=row["least"],
        max=row["greatest"],
        quantiles={f"p{share * 100:g}": one for share, one in zip(QUANTILES, row["quantiles"] or [], strict=False)},
        bins=bins,
        **asking.told(asked, begun),
    )


async def cell(session: AsyncSession, asked: DistributionInput, wanted: Bin) -> Cell:
    """One bin. Raises Invalid."""
    begun = await asking.begun(session, asked)
    return Cell(
        page=lambda after, limit: distribution.viewers(begun, asked, wanted, after, limit),
        rule=lambda: cells.distribution(asked, begun.start, begun.end, wanted),
    )
