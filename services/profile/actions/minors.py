"""Children grow up: on the day somebody turns fourteen what held for him as a child ends, and everybody is told."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import telling
from services.profile.rules import consents as rules
from services.profile.store import identities, minors
from shared import clock

DAYS = 31
"""Days made up for at most, after the house stood still; who turned fourteen before that is told at his next call."""

AT_ONCE = 2000
"""Viewers of one turn."""


async def grow_up(session: AsyncSession) -> int:
    """Tell those anew who have turned fourteen since the last day that was done; how many.

    Days begin at 00:00 UTC everywhere: in China that is eight in the morning of the birthday, so never too early there.
    Who is known by his `age` alone grows up when somebody says a new one.
    """
    today = clock.now().date()
    done = await minors.last_day(session)
    day = today if done is None else max(done + timedelta(days=1), today - timedelta(days=DAYS))
    told = 0
    while day <= today and told < AT_ONCE:
        found = await minors.born(session, rules.births(day))
        if found:
            await identities.lock_profiles(session, found)
            await telling.again(session, found, "rule")
        told += len(found)
        await minors.note_day(session, day)
        day += timedelta(days=1)
    return told
