"""Segment's wiring."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.segment import memory
from services.segment.actions import segments, snapshots
from services.segment.answers import ANSWERS
from services.segment.listeners import LISTENERS
from services.segment.routes import ROUTERS
from services.segment.settings import Settings, time_zone
from services.segment.steps import STEPS
from services.segment.tables import metadata
from services.segment.timers import JOBS, TIMERS
from shared.app import Service, create_app
from shared.catchup import Offers
from shared.contracts import SegmentChanged, SegmentDefined
from shared.house import House
from shared.reader import Abreast
from shared.settings import Settings as Common


@asynccontextmanager
async def remember(house: House) -> AsyncIterator[memory.Memory]:
    """Read what is defined before the first fact comes; the warehouse's process goes with this one."""
    assert isinstance(house.settings, Settings)
    held = memory.fresh(house.settings, house.bus)
    memory.belongs(held, house.db.engine)
    async with house.db.transaction() as session:
        await segments.resume(session)
    yield held
    await held.warehouse.close()


SERVICE = Service(
    name="segment",
    title="Segment: groups of viewers that are always true",
    tables=metadata,
    routes=ROUTERS,
    listeners=LISTENERS,
    timers=TIMERS,
    steps=STEPS,
    snapshots=(Offers(SegmentDefined, segments.defined), Offers(SegmentChanged, snapshots.changed)),
    answers=ANSWERS,
    jobs=JOBS,
    # A fact costs a millisecond here, half of it reading what its viewer did before: two go on while one reads.
    abreast={"FACTS": Abreast(3, facts=50)},
    settings=Settings,
    memory=remember,
)


def create(settings: Common) -> FastAPI:
    """The app with these settings. Raises pydantic's error for a MARQUEE_TIME_ZONE that is none."""
    time_zone()
    return create_app(SERVICE, settings)
