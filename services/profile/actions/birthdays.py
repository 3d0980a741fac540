"""Birthdays: who is a year older is told anew, for rules about age and for what ends on the day a child grows up."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.actions import telling
from services.profile.rules import definitions
from services.profile.store import birthdays as store
from services.profile.store import identities
from shared import clock

DAYS = 366
"""Days made up for at most, after the house stood still: in so many days everybody has had his birthday."""

AT_ONCE = 1000
"""Viewers told in one transaction: where a birthday is not known many a platform writes the first of January."""


async def celebrate(session: AsyncSession) -> bool:
    """Tell those anew who are a year older since the last day that was done; whether there may be more to do.

    Days begin at 00:00 UTC everywhere: in China that is eight in the morning of the birthday, so nobody is taken for
    older than he is. Who is known by his `age` alone gets older when somebody says a new one.
    """
    today = clock.now().date()
    done, after = await store.place(session)
    day = today if done is None else max(done, today - timedelta(days=DAYS))
    if after is None and day == done:
        day += timedelta(days=1)
    while day <= today:
        found = await store.born(session, definitions.births(day), after=after or 0, limit=AT_ONCE)
        if found:
            await identities.lock_profiles(session, found)
            await telling.again(session, found, "rule")
        if len(found) == AT_ONCE:
            await store.note(session, day, found[-1])
            return True
        await store.note(session, day, None)
        day, after = day + timedelta(days=1), None
    return False
