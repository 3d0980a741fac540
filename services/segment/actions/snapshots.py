"""The present members as facts, for newcomers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store import members
from shared import clock
from shared.contracts import Fact, SegmentChanged, partition_of

ROWS = 20
"""Members per fact asked for: a fact holds many."""


async def changed(session: AsyncSession, after: str | None, limit: int) -> tuple[Sequence[Fact], str | None]:
    """A page of who is in: up to `limit` times 20 members, as entries with the cause `fill`."""
    segment_id, profile_id = (int(part) for part in (after or "0.0").split("."))
    rows = await members.snapshot(session, (segment_id, profile_id), limit * ROWS)
    at = clock.now()
    facts: list[Fact] = []
    for (key, version), group in groupby(rows, lambda row: (row.key, row.version)):
        entered: dict[int, list[int]] = {}
        for row in group:
            entered.setdefault(partition_of(row.profile_id), []).append(row.profile_id)
        facts.extend(
            SegmentChanged(key=key, version=version, part=part, cause="fill", at=at, entered=ids)
            for part, ids in sorted(entered.items())
        )
    full = len(rows) == limit * ROWS
    return facts, f"{rows[-1].segment_id}.{rows[-1].profile_id}" if full else None
