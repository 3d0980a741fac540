"""How many viewers are new."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.schemas.arrivals import Arrivals, Arrived
from services.profile.store import arrivals as store
from shared import clock
from shared import days as calendar


async def by_day(session: AsyncSession, days: int, zone: str) -> Arrivals:
    """New viewers of the last days, those of today so far included."""
    wanted = calendar.last(clock.now(), days, zone)
    found = await store.by_day(session, calendar.begin(wanted[0], zone), zone)
    return Arrivals(
        zone=zone,
        days=[Arrived(day=day, viewers=found.get(day, 0)) for day in wanted],
        viewers=await store.total(session),
    )
