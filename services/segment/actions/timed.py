"""What the clock does: answers that time alone changes, and tallies made one again."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.store import definitions, members, viewers
from services.segment.store.members import Pairs
from shared import clock

DUE = 10_000


async def transitions(session: AsyncSession) -> None:
    """Judge again whose deadline has come. Who is being judged by somebody else right now waits for the next second."""
    at = clock.now()
    due = await members.due(session, at, DUE)
    if not due:
        return
    await definitions.enter_gate(session)
    free = await viewers.lock_free(session, sorted({row.profile_id for row in due}))
    now = await judging.book(session)
    pairs = Pairs()
    for row in due:
        if row.profile_id in free and row.segment_id in now.definitions:
            pairs.add(row.profile_id, row.segment_id, now.filling.get(row.segment_id, "time"))
    await judging.settle(session, now, pairs, at)


async def tidy(session: AsyncSession) -> None:
    """Keep the sums of sizes short."""
    await definitions.fold_tallies(session)
