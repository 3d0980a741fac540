"""Recommend items: for now the popular ones, the same for everybody."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend import memory, rules, store
from shared.contracts import RecommendAnswered, RecommendAsked, Recommended
from shared.database import Database
from shared.house import House

MOST = 100
EACH_KIND = 200
"""Items held ready of every kind: enough for the longest answer without the item that is watched now."""


async def items(house: House, asked: RecommendAsked) -> RecommendAnswered:
    """At most `limit` (100) items of the kind asked for, the most popular first."""
    limit = min(max(asked.limit, 0), MOST)
    found = memory.held(house).popular.best(kind=asked.kind, limit=limit, without=asked.item)
    return RecommendAnswered(items=found)


async def refresh(house: House) -> bool:
    """Rank anew when events or items came in. A loop's step.

    It rests nine times as long as the last ranking took, so that ranking never takes more than a tenth of the time.
    """
    held = memory.held(house)
    if not held.popular.due(time.monotonic()):
        return False
    began = time.monotonic()
    await rank(house.db, held)
    ended = time.monotonic()
    held.popular.rest(until=ended + 9 * (ended - began))
    return False


async def rank(database: Database, held: memory.Memory) -> None:
    """Read the most popular items of every kind."""
    held.popular.changed = False
    try:
        async with database.transaction() as session:
            rows = await _best(session, rules.popularity.HORIZON_DAYS)
            if len(rows) < EACH_KIND:
                rows = await _best(session, rules.popularity.FAR_HORIZON_DAYS)
    except BaseException:
        held.popular.changed = True
        raise
    held.popular.replace(
        Recommended(
            item_id=row.id,
            kind=row.kind,
            title=row.title,
            score=row.score,
            reason="popular",
            properties={**row.properties, "url": row.url} if row.url is not None else row.properties,
        )
        for row in rows
    )


async def _best(session: AsyncSession, horizon: int) -> Sequence[Any]:
    """The most popular items of the days within the horizon."""
    half_life = rules.popularity.HALF_LIFE_DAYS
    return await store.popularity.best(session, half_life=half_life, horizon=horizon, each=EACH_KIND)
