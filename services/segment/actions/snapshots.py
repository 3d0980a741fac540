"""The present members as facts, for newcomers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.rules.blocks import ids, unpack
from services.segment.store import members
from shared import clock
from shared.contracts import PARTITIONS, Fact, SegmentChanged
from shared.roaring import pack


async def changed(session: AsyncSession, after: str | None, limit: int) -> tuple[Sequence[Fact], str | None]:
    """A page of who is in: the members of `limit` blocks, as entries with the cause `fill`."""
    segment_id, block = (int(part) for part in (after or "0.-1").split("."))
    rows = await members.snapshot(session, (segment_id, block), limit)
    at = clock.now()
    found: dict[tuple[str, int, int], list[int]] = {}
    for row in rows:
        inside = found.setdefault((row.key, row.version, row.block % PARTITIONS), [])
        inside += ids(row.block, unpack(row.bitmap))
    facts = [
        SegmentChanged(key=key, version=version, part=part, cause="fill", at=at, entered_roaring=pack(inside))
        for (key, version, part), inside in found.items()
    ]
    return facts, f"{rows[-1].segment_id}.{rows[-1].block}" if len(rows) == limit else None
