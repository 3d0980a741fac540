"""How true segments are: up to when everything that viewers did has been taken in, by profile and then here."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment import memory
from services.segment.store import deadlines
from services.segment.store.rows import AnyRow
from shared import clock
from shared.contracts import TakenInAnswered, TakenInAsked
from shared.house import House

SECONDS = 2.0
"""Profile's time to say it."""
BEHIND_SECONDS = 3.0
"""Being so late is nothing to speak of: the clock turns every second, and how late facts are is measured each half."""


async def measure(house: House) -> bool:
    """Note it for whoever asks. While it cannot be measured, that grows old.

    Raises BusDown, CatchingUp.
    """
    kept = house.memory
    assert isinstance(kept, memory.Memory)
    here = await house.freshness.measure()
    profile = await house.bus.ask(TakenInAsked(), TakenInAnswered, to="profile", timeout=SECONDS)
    kept.truth.note(min(here, profile.at))
    return False


async def true_as_of(session: AsyncSession, row: AnyRow) -> datetime | None:
    """The moment of which the members of a segment that lives are true; a list is true now."""
    if row.filling is not None:
        at: datetime | None = row.true_as_of
        return at
    late = await behind(session) if row.kind == "rule" else None
    return clock.now() - timedelta(seconds=late or 0)


async def behind(session: AsyncSession) -> float | None:
    """Seconds by which segments are not true yet: what waits here or with profile, answers whose time has come.

    None: they are true.
    """
    due = await deadlines.first(session)
    late = max(memory.behind(session), (clock.now() - due).total_seconds() if due else 0.0)
    return round(late, 1) if late > BEHIND_SECONDS else None
