"""What the clock does: answers that time alone changes, and a log that does not grow for ever."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.actions.judging import Wanted
from services.segment.settings import Settings
from services.segment.store import deadlines, definitions, latest, log, members
from shared import clock
from shared.database import settings_of

DUE = 200
"""Answers of one transaction: whoever hears of one of their viewers waits for it, as it waits for others. What else is
due waits for the next transaction, which follows at once."""
TRIMMED = 20_000
"""Rows of the log that go in one turn."""
SPARE = timedelta(days=1)
"""A rule that asks so far back still finds the whole of it after the turn."""
NOTED = 20
"""Blocks of one transaction: a tick that marks one of them waits for it."""


async def transitions(session: AsyncSession) -> bool:
    """Judge again whose deadline has come, `DUE` answers at most; True when there may be more that can be judged now.

    Who is being judged by somebody else right now waits for the next turn.
    """
    due = await deadlines.due(session, clock.now(), DUE)
    if not due:
        return False
    free = await members.lock_free(session, {row.profile_id for row in due})
    # Only now: what was judged just before, by whoever held the lock, must not lie ahead.
    at = clock.now()
    now = await judging.book(session)
    wanted: Wanted = {}
    for row in due:
        if row.profile_id in free and row.segment_id in now.ruled:
            cause = now.filling.get(row.segment_id, "time")
            wanted.setdefault(row.profile_id, {})[row.segment_id] = cause
    pairs = {(segment_id, profile_id) for profile_id, those in wanted.items() for segment_id in those}
    await judging.settle(session, now, wanted, at, due=pairs)
    # Of a rule nobody reads nothing is due; it is filled anew when somebody does.
    if unread := {(row.segment_id, row.profile_id) for row in due if row.segment_id not in now.ruled}:
        await deadlines.move(session, dict.fromkeys(unread))
    return len(due) == DUE and bool(pairs or unread)


async def tidy(session: AsyncSession) -> None:
    """Keep the sums of sizes short, and the log as long as it is kept: as long as rules ask back at least."""
    await log.fold(session)
    settings = settings_of(session)
    assert isinstance(settings, Settings)
    kept, at = timedelta(days=settings.log_days), clock.now()
    spans = (await judging.book(session)).since
    keys = await definitions.keys(session)
    before = {one: at - max(kept, spans.get(key, kept) + SPARE) for one, key in keys.items()}
    await log.trim(session, before, TRIMMED)


async def note(session: AsyncSession) -> bool:
    """Note what was told last of busy blocks; True when there are more of them."""
    return await latest.note(session, NOTED) == NOTED
