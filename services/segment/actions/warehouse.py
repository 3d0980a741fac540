"""Looking after the warehouse: it is kept near the present, and what was forgotten leaves its file."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.segment.memory import Memory
from services.segment.settings import Settings
from services.segment.store import graves
from shared import clock, telemetry
from shared.errors import Unavailable
from shared.house import House

log = telemetry.logger(__name__)

MANY = 10_000
"""Viewers from which on the file is built before anybody asks."""
GRAVES_DAYS = 7
"""Longer than a file may be out of date (see outside.warehouse.file)."""


async def keep(house: House) -> bool:
    """Bring the file up to date, so that questions find little to do; write it anew when something was forgotten.

    Nothing is started for a few viewers as long as nobody asks.
    """
    memory, settings = house.memory, house.settings
    assert isinstance(memory, Memory)
    assert isinstance(settings, Settings)
    warehouse = memory.warehouse
    if not warehouse.running:
        async with house.db.transaction() as session:
            if await graves.viewers_about(session) < MANY:
                return False
    due = time.monotonic() - warehouse.rewritten >= settings.warehouse_rewrite_minutes * 60
    try:
        await warehouse.refresh(rewrite=due and warehouse.forgotten > 0)
    except Unavailable as error:
        log.warning("the warehouse was not brought up to date", why=error.detail)
    return False


async def tidy(session: AsyncSession) -> None:
    """Forget old graves: every file has seen them, or is built anew."""
    await graves.trim(session, clock.now() - timedelta(days=GRAVES_DAYS))
