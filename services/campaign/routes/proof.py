"""Door: what a campaign brought."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from services.campaign.actions import reports
from services.campaign.routes.shown import KeyInPath
from services.campaign.schemas.messages import MessageShown
from services.campaign.schemas.reports import Funnel, Report
from shared import audit
from shared.app import HouseDep, Session, allow
from shared.pages import Page, PageDep

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])
Step = Literal["planned", "sent", "delivered", "opened", "clicked", "converted", "held", "unsubscribed"]
StepAsked = Annotated[Step, Query(description="Who came this far")]


@router.get("/{key}/report", dependencies=[allow("campaign:read")])
async def campaign_report(session: Session, key: KeyInPath) -> Report:
    """Funnel, conversions by day against the hold-out with 95 % intervals, revenue, variants, links."""
    return await reports.report(session, key)


@router.get("/{key}/funnel", dependencies=[allow("campaign:read")])
async def campaign_funnel(session: Session, key: KeyInPath) -> Funnel:
    """The report's funnel alone, for lists of campaigns: one statement instead of the report's six."""
    return await reports.funnel(session, key)


@router.get("/{key}/recipients", dependencies=[allow("campaign:read")])
async def campaign_recipients(
    session: Session, key: KeyInPath, page: PageDep, step: StepAsked = "planned"
) -> Page[MessageShown]:
    """Messages that came to a step of the funnel, newest first."""
    rows, following = await reports.recipients(session, key, page, step)
    return Page(items=[MessageShown.model_validate(row) for row in rows], next=following)


@router.get("/{key}/recipients.csv", dependencies=[allow("campaign:read")])
async def campaign_recipients_csv(house: HouseDep, key: KeyInPath, step: StepAsked = "planned") -> StreamingResponse:
    """The same as CSV, all of them, with a header line."""
    lines = await reports.export(house.db, key, step)
    headers = {"Content-Disposition": f'attachment; filename="{key}-{step}.csv"'}
    answer = StreamingResponse(lines, media_type="text/csv", headers=headers)
    audit.note(answer, "campaigns.export", [f"campaign:{key}", f"step:{step}"])
    return answer
