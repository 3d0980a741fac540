"""Door: quality of the data that comes in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from services.profile.actions import quality
from services.profile.schemas.quality import Quality, Snapshot
from shared.caller import allow
from shared.database import Session
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/quality", tags=["quality"])

NO_NUL = "^[^\x00]*$"


@router.get("", dependencies=[allow("profile:read")])
async def shown(
    session: Session, days: Annotated[int, Query(ge=1, le=365, description="Days to look back, today included")] = 7
) -> Quality:
    """How good the data is, by source and event, with the worst offenders; some ten seconds behind."""
    return await quality.shown(session, days)


@router.get("/history", dependencies=[allow("profile:read")])
async def history(
    session: Session,
    asked: PageDep,
    source: Annotated[str, Query(max_length=200, pattern=NO_NUL, description="Empty: all together")] = "",
    event: Annotated[str, Query(max_length=200, pattern=NO_NUL, description="Empty: all; (viewers): viewers")] = "",
) -> Page[Snapshot]:
    """Scores hour by hour over ninety days, the newest first; each looks back seven days."""
    return await quality.history(session, asked, source=source, event=event)
