"""Door: new viewers over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.profile.actions import arrivals
from services.profile.schemas.arrivals import Arrivals
from shared.caller import allow
from shared.database import Session
from shared.days import Zone

router = APIRouter(prefix="/v1/profiles", tags=["profiles"])


@router.get("/arrivals", dependencies=[allow("profile:read")])
async def by_day(
    session: Session,
    days: Annotated[int, Query(ge=1, le=400, description="Up to today")] = 30,
    zone: Annotated[Zone, Query()] = "UTC",
) -> Arrivals:
    """New viewers by day. Who was merged counts once, on the day the first of his ids was seen."""
    return await arrivals.by_day(session, days, zone)
