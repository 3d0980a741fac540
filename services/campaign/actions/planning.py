"""Planning of manual campaigns: viewers get their rows, a page at a time, and a crash goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import messages
from services.campaign.rules import sending
from services.campaign.schemas.manners import Manners
from services.campaign.store import Record, campaigns
from services.campaign.store.messages import Recipient
from shared import clock, telemetry

log = telemetry.logger(__name__)

ONCE = "once"
"""The occasion of a manual campaign: it writes to a viewer once, whatever happens."""
NAMED = 1000
"""Viewers of a list on one page."""


@dataclass(frozen=True)
class Section:
    """A page of an audience: whom it has, where the next begins, refs nobody knows, and whether it is the last."""

    profile_ids: Sequence[int]
    after: int
    unknown: int
    last: bool


async def due(session: AsyncSession) -> Record | None:
    """A campaign whose viewers have not all got their rows."""
    return await campaigns.to_plan(session, clock.now())


async def named(session: AsyncSession, campaign: Record) -> Sequence[Record]:
    """The next viewers of its list."""
    return await campaigns.named(session, campaign.id, campaign.version, after=campaign.plan_after, limit=NAMED)


async def plan(session: AsyncSession, campaign: Record, section: Section) -> None:
    """Give these viewers their rows, unless another replica did, or the campaign was stopped meanwhile."""
    row = await campaigns.locked(session, campaign.key)
    if row is None or row.state != "running" or row.plan_after != campaign.plan_after or row.planned_at is not None:
        return
    recipients = [Recipient(one, ONCE) for one in section.profile_ids]
    new = await messages.plan(session, row, recipients, due_at=_due(row))
    now = clock.now()
    await campaigns.change(
        session,
        row.id,
        plan_after=section.after,
        planned=row.planned + new,
        unknown=row.unknown + section.unknown,
        planned_at=now if section.last else None,
        plan_waits=None,
    )


async def wait(session: AsyncSession, campaign: Record, reason: str) -> None:
    """Its audience cannot be had now: the reason is shown, and it is asked again in a moment."""
    row = await campaigns.locked(session, campaign.key)
    if row is None or row.state != "running" or row.plan_after != campaign.plan_after or row.planned_at is not None:
        return
    if row.plan_waits != reason:
        log.warning("a campaign waits for its audience", campaign=row.key, reason=reason)
    await campaigns.change(session, row.id, plan_waits=reason, plan_at=clock.now() + sending.OUTAGE_RETRY)


def _due(row: Record) -> datetime | None:
    time = Manners.model_validate(row.manners).time
    return time.at if time is not None else None
