"""Definitions as they are told to the other services."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.store import definitions
from services.segment.store.rows import AnyRow
from shared.contracts import Fact, SegmentDefined


async def defined(session: AsyncSession, after: str | None, limit: int) -> tuple[Sequence[Fact], str | None]:
    """A page of all definitions, for newcomers."""
    rows = await definitions.page(session, int(after or 0), limit)
    return [fact(row) for row in rows], str(rows[-1].id) if len(rows) == limit else None


def fact(row: AnyRow) -> SegmentDefined:
    """What a segment is now."""
    return SegmentDefined(key=row.key, name=row.name, version=row.version, rule=row.rule, archived=row.archived)
