"""How many viewers are new."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.schemas.arrivals import Arrivals, Arrived
from services.profile.store import arrivals as store
from shared import clock
from shared import days as calendar


async def by_day(session: AsyncSession, days: int, zone: str) -> Arrivals:
    """New viewers of the last days, those of today so far included."""
    now = clock.now()
    wanted = calendar.last(now, days, zone)
    found = await store.by_day(session, calendar.begin(wanted[0], zone), zone, calendar.time(now, zone))
    return Arrivals(
        zone=zone,
        days=[
            Arrived(day=day, viewers=viewers, so_far=so_far)
            for day in wanted
            for viewers, so_far in [found.get(day, (0, 0))]
        ],
        viewers=await store.total(session),
    )
