"""The copy of events is kept as long as operators want: what is older goes, and whom it concerns is judged again."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.actions import judging
from services.segment.actions.judging import Wanted
from services.segment.store import members, retention
from shared import clock
from shared.contracts import RetentionDefined

REST = "*"
"""Stands for every event without a line of its own."""

AT_ONCE = 5000
"""Events that go in one turn."""


async def heed(session: AsyncSession, facts: list[RetentionDefined]) -> None:
    """Keep to these lines from now on; of two about one event the later counts."""
    latest = {fact.event: fact.days for fact in facts}
    if kept := {event: days for event, days in latest.items() if days is not None}:
        await retention.put(session, kept)
    if gone := latest.keys() - kept.keys():
        await retention.drop(session, gone)


async def begin_again(session: AsyncSession) -> None:
    """The lines come anew, from profile's snapshot: one that was dropped unheard must not stay."""
    await retention.clear(session)


async def expire(session: AsyncSession) -> bool:
    """Delete events whose time is over, `AT_ONCE` at most, and judge their viewers; whether there may be more.

    Deleting and judging are one transaction, so an answer is never about events that are gone. Nobody did anything, so
    the cause is `erase`, which is no news to campaigns. Who is being judged by somebody else right now waits.
    """
    at = clock.now()
    ends = {event: at - timedelta(days=days) for event, days in (await retention.every(session)).items()}
    if not ends:
        return False
    rest = ends.pop(REST, None)
    old = await retention.old(session, ends, rest, limit=AT_ONCE)
    if not old:
        return False
    free = await members.lock_free(session, {row.profile_id for row in old})
    now = await judging.book(session)
    gone = await retention.forget(session, [row.event_id for row in old], free)
    wanted: Wanted = {}
    for profile_id, event in gone:
        for segment_id in now.by_name(event):
            cause = now.filling.get(segment_id, "erase")
            wanted.setdefault(profile_id, {})[segment_id] = cause
    # By the time after the lock: what was judged just before, by whoever held it, must not lie ahead.
    await judging.settle(session, now, wanted, clock.now())
    return len(old) == AT_ONCE and bool(gone)
