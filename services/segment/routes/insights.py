"""Insights: charts, the viewers behind each of their numbers, and segments made of them."""

from __future__ import annotations

from fastapi import APIRouter

from services.segment.actions.insights import asking, distribution, funnels, hours, retention, trends
from services.segment.routes.common import EditorDep
from services.segment.schemas.insights.common import ViewersOutput
from services.segment.schemas.insights.distribution import (
    DistributionInput,
    DistributionOutput,
    DistributionSave,
    DistributionViewers,
)
from services.segment.schemas.insights.funnels import FunnelInput, FunnelOutput, FunnelSave, FunnelViewers
from services.segment.schemas.insights.hours import HoursInput, HoursOutput, HoursSave, HoursViewers
from services.segment.schemas.insights.retention import (
    RetentionInput,
    RetentionOutput,
    RetentionSave,
    RetentionViewers,
)
from services.segment.schemas.insights.trends import TrendInput, TrendOutput, TrendSave, TrendViewers
from services.segment.schemas.segments import SegmentOutput
from shared.caller import allow
from shared.database import Session
from shared.leaving import Abandonable
from shared.pages import PageDep

router = APIRouter(prefix="/v1/insights", tags=["insights"], route_class=Abandonable)

READ = [allow("segment:read")]
WRITE = [allow("segment:write")]


@router.post("/trends", dependencies=READ)
async def trend(session: Session, body: TrendInput) -> TrendOutput:
    """Count an event, its viewers, or the sum or average of a property: by hour, day, week or month in a zone."""
    return await trends.answer(session, body)


@router.post("/trends/viewers", dependencies=READ)
async def trend_viewers(session: Session, body: TrendViewers, asked: PageDep) -> ViewersOutput:
    """The viewers behind one number of a trend."""
    return await asking.viewers(session, await trends.cell(session, body.request, body.cell), asked)


@router.post("/trends/save", status_code=201, dependencies=WRITE)
async def save_trend(session: Session, body: TrendSave, by: EditorDep) -> SegmentOutput:
    """Make a segment of the viewers behind one number of a trend."""
    return await asking.save(session, await trends.cell(session, body.request, body.cell), body, by=by.id)


@router.post("/funnels", dependencies=READ)
async def funnel(session: Session, body: FunnelInput) -> FunnelOutput:
    """How many viewers go through ordered steps within a window, where they drop out, and how long it takes them.

    A viewer counts once, with the beginning that goes furthest; of several such, with the earliest.
    """
    return await funnels.answer(session, body)


@router.post("/funnels/viewers", dependencies=READ)
async def funnel_viewers(session: Session, body: FunnelViewers, asked: PageDep) -> ViewersOutput:
    """The viewers who reached a step, or dropped out just before it."""
    return await asking.viewers(session, await funnels.cell(session, body.request, body.cell), asked)


@router.post("/funnels/save", status_code=201, dependencies=WRITE)
async def save_funnel(session: Session, body: FunnelSave, by: EditorDep) -> SegmentOutput:
    """Make a segment of the viewers who reached a step, or dropped out just before it."""
    return await asking.save(session, await funnels.cell(session, body.request, body.cell), body, by=by.id)


@router.post("/retention", dependencies=READ)
async def retain(session: Session, body: RetentionInput) -> RetentionOutput:
    """Of those who entered in a day, week or month, how many came back in each one after it."""
    return await retention.answer(session, body)


@router.post("/retention/viewers", dependencies=READ)
async def retention_viewers(session: Session, body: RetentionViewers, asked: PageDep) -> ViewersOutput:
    """The viewers behind one number of a retention: who came back, or who did not."""
    return await asking.viewers(session, await retention.cell(session, body.request, body.cell), asked)


@router.post("/retention/save", status_code=201, dependencies=WRITE)
async def save_retention(session: Session, body: RetentionSave, by: EditorDep) -> SegmentOutput:
    """Make a segment of those who came back, or did not."""
    return await asking.save(session, await retention.cell(session, body.request, body.cell), body, by=by.id)


@router.post("/hours", dependencies=READ)
async def active_hours(session: Session, body: HoursInput) -> HoursOutput:
    """When in the week an event happens: weekdays by hours in a zone."""
    return await hours.answer(session, body)


@router.post("/hours/viewers", dependencies=READ)
async def hours_viewers(session: Session, body: HoursViewers, asked: PageDep) -> ViewersOutput:
    """The viewers behind one hour of the week."""
    return await asking.viewers(session, await hours.cell(session, body.request, body.cell), asked)


@router.post("/hours/save", status_code=201, dependencies=WRITE)
async def save_hours(session: Session, body: HoursSave, by: EditorDep) -> SegmentOutput:
    """Make a segment of the viewers of one hour of the week."""
    return await asking.save(session, await hours.cell(session, body.request, body.cell), body, by=by.id)


@router.post("/distribution", dependencies=READ)
async def distribute(session: Session, body: DistributionInput) -> DistributionOutput:
    """How often viewers do something, or how a property of it spreads: mean, quantiles and histogram."""
    return await distribution.answer(session, body)


@router.post("/distribution/viewers", dependencies=READ)
async def distribution_viewers(session: Session, body: DistributionViewers, asked: PageDep) -> ViewersOutput:
    """The viewers in one bin."""
    return await asking.viewers(session, await distribution.cell(session, body.request, body.cell), asked)


@router.post("/distribution/save", status_code=201, dependencies=WRITE)
async def save_distribution(session: Session, body: DistributionSave, by: EditorDep) -> SegmentOutput:
    """Make a segment of the viewers in one bin."""
    return await asking.save(session, await distribution.cell(session, body.request, body.cell), body, by=by.id)
