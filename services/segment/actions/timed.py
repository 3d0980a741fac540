"""What the clock does: answers that time alone changes, and a log that does not grow for ever."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.actions.judging import Wanted
from services.segment.settings import Settings
from services.segment.store import deadlines, log, members
from shared import clock
from shared.database import settings_of

DUE = 10_000
TRIMMED = 20_000
"""Rows of the log that go in one turn."""


async def transitions(session: AsyncSession) -> None:
    """Judge again whose deadline has come. Who is being judged by somebody else right now waits for the next turn."""
    at = clock.now()
    due = await deadlines.due(session, at, DUE)
    if not due:
        return
    free = await members.lock_free(session, {row.profile_id for row in due})
    now = await judging.book(session)
    wanted: Wanted = {}
    for row in due:
        if row.profile_id in free and row.segment_id in now.ruled:
            cause = now.filling.get(row.segment_id, "time")
            wanted.setdefault(row.profile_id, {})[row.segment_id] = cause
    pairs = {(segment_id, profile_id) for profile_id, those in wanted.items() for segment_id in those}
    await judging.settle(session, now, wanted, at, due=pairs)


async def tidy(session: AsyncSession) -> None:
    """Keep the sums of sizes short, and the log as long as it is kept."""
    await log.fold(session)
    settings = settings_of(session)
    assert isinstance(settings, Settings)
    await log.trim(session, clock.now() - timedelta(days=settings.log_days), TRIMMED)
