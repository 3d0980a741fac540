"""The life of a campaign: submitted, approved, started, paused, ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign import bell
from services.campaign.actions import asking, withdrawals
from services.campaign.actions.campaigns import (
    NOT_SUBMITTED,
    OVER,
    UNSTARTED,
    NoCampaign,
    WrongState,
    changeable,
    found,
    said,
)
from services.campaign.rules import times
from services.campaign.schemas.manners import Manners
from services.campaign.settings import CampaignSettings
from services.campaign.store import Record, campaigns
from shared import clock
from shared.bus import Unanswered
from shared.database import settings_of
from shared.errors import Conflict, Forbidden
from shared.house import House

GRACE = timedelta(minutes=5)
"""Who approves or starts a campaign of nine o'clock at three past nine means that one."""


class NeverStarted(Conflict):
    """The campaign was never started"""


class CampaignOver(Conflict):
    """The campaign is over"""


class NotApproved(Conflict):
    """The campaign is not approved"""


class TimeIsPast(Conflict):
    """The campaign's time is past"""


class OwnSubmission(Forbidden):
    """Nobody approves what he submitted himself"""


async def submit(session: AsyncSession, house: House, key: str, *, by: str, late: bool = False) -> Record:
    """Ask for approval. Raises NoAudience, and TimeIsPast unless `late` allows it."""
    await _look_for_audience(session, house, key)
    row = await _manual(session, key, "draft")
    now = clock.now()
    if not late:
        _in_time(session, row, now, "change it, leave time out to send at once, or submit it with late=true")
    await campaigns.change(
        session, row.id, state="submitted", submitted_at=now, submitted_by=by, note=None, updated_at=now
    )
    return await found(session, key)


async def approve(session: AsyncSession, key: str, *, by: str, late: bool = False) -> Record:
    """Let it start. Raises OwnSubmission unless the installation allows that, and TimeIsPast unless `late` does."""
    row = await _manual(session, key, "submitted")
    if row.submitted_by == by and not _settings(session).approve_own:
        raise OwnSubmission("somebody else must approve it, or set MARQUEE_APPROVE_OWN=true")
    now = clock.now()
    if not late:
        _in_time(session, row, now, "reject it so that it gets another time, or approve it with late=true")
    await campaigns.change(session, row.id, state="approved", approved_at=now, approved_by=by, updated_at=now)
    return await found(session, key)


async def reject(session: AsyncSession, key: str, *, note: str) -> Record:
    """Send it back to its draft."""
    row = await _manual(session, key, "submitted", "approved")
    await campaigns.change(session, row.id, state="draft", note=note, updated_at=clock.now(), **NOT_SUBMITTED)
    return await found(session, key)


async def start(session: AsyncSession, house: House, key: str, *, by: str, late: bool = False) -> Record:
    """From here on the campaign reacts, or a manual one begins to plan; what was planned before a pause goes out.

    Raises NoAudience, and TimeIsPast unless `late` says that it may leave at once.
    """
    await _look_for_audience(session, house, key)
    row = await changeable(session, key)
    if row.state in OVER:
        raise CampaignOver(f"campaign {key!r} is {row.state}: make a new one")
    if row.trigger_kind == "manual" and row.state in ("draft", "submitted"):
        raise NotApproved(f"campaign {key!r} is {row.state}: submit it, and have it approved")
    if row.state != "running":
        now = clock.now()
        values: dict[str, Any] = {"state": "running", "updated_at": now}
        if row.state != "paused" or row.trigger_kind != "manual":
            values |= {"started_at": now, "started_by": by}
        if row.trigger_kind == "manual" and row.plan_at is None:
            if not late:
                _in_time(session, row, now, "give it another time, or start it with late=true to send at once")
            values |= {"plan_at": _begin(row, now), "plan_after": 0, "planned": 0, "unknown": 0}
        await campaigns.change(session, row.id, **values)
        bell.ring(session)
    return await found(session, key)


async def _look_for_audience(session: AsyncSession, house: House, key: str) -> None:
    """Refuse a manual campaign whose segment is gone. While segment is away nobody knows: then planning waits.

    Nothing is locked while segment is asked.
    """
    row = await found(session, key)
    if row.trigger_kind == "manual" and row.trigger_name and row.plan_at is None:
        try:
            await asking.audience(house.bus, row.trigger_name)
        except Unanswered:
            return


def _in_time(session: AsyncSession, row: Record, now: datetime, remedy: str) -> None:
    time = Manners.model_validate(row.manners).time
    if time is None:
        return
    zone = _settings(session).default_zone
    due = time.at or times.instant(time.local or datetime.max, times.zone(None, zone))
    if due < now - GRACE:
        word = time.at.isoformat() if time.at else f"{time.local} ({zone})"
        raise TimeIsPast(f"{word} is past: {remedy}")


def _begin(row: Record, now: datetime) -> datetime:
    """When to give viewers their rows: as late as possible, so that the audience is of that moment."""
    time = Manners.model_validate(row.manners).time
    if time is None:
        return now
    return max(now, time.at) if time.at is not None else max(now, times.first(time.local or now))


async def pause(session: AsyncSession, key: str) -> Record:
    """From here on nothing is planned, and what is planned waits. Letters that are on their way arrive."""
    row = await changeable(session, key)
    if row.state in UNSTARTED:
        raise NeverStarted(f"campaign {key!r} is {said(row.state)}: it has nothing to pause")
    if row.state in OVER:
        raise CampaignOver(f"campaign {key!r} is {row.state}")
    if row.state != "paused":
        await campaigns.change(session, row.id, state="paused", updated_at=clock.now())
    return await found(session, key)


async def resume(session: AsyncSession, house: House, key: str, *, by: str) -> Record:
    """Go on after a pause."""
    row = await found(session, key)
    if row.state in UNSTARTED:
        raise NeverStarted(f"campaign {key!r} is {said(row.state)}: start it")
    return await start(session, house, key, by=by)


async def cancel(session: AsyncSession, key: str, *, by: str) -> Record:
    """End it: what has not begun is skipped. Cancelling a cancelled campaign changes nothing."""
    row = await changeable(session, key)
    if row.state in UNSTARTED:
        raise NeverStarted(f"campaign {key!r} is {said(row.state)}: archive it if it is not wanted")
    if row.state == "finished":
        raise CampaignOver(f"campaign {key!r} is finished: there is nothing to cancel")
    if row.state != "cancelled":
        now = clock.now()
        await campaigns.change(session, row.id, state="cancelled", finished_at=now, ended_by=by, updated_at=now)
        await withdrawals.begin(session, row.id, reason="cancelled")
    return await found(session, key)


async def archive(session: AsyncSession, key: str, *, by: str) -> None:
    """End the campaign for good; what was planned is skipped. Its messages can still be read."""
    row = await campaigns.locked(session, key)
    if row is None:
        raise NoCampaign(f"no campaign {key!r}")
    if row.state == "archived":
        return
    now = clock.now()
    ended = {} if row.state in OVER else {"ended_by": by}
    await campaigns.change(session, row.id, state="archived", updated_at=now, **ended)
    await withdrawals.begin(session, row.id, reason="archived")


async def finish(session: AsyncSession) -> None:
    """Manual campaigns with nothing left to do are finished."""
    await campaigns.finish(session, clock.now())


async def _manual(session: AsyncSession, key: str, *states: str) -> Record:
    """A manual campaign in one of these states."""
    row = await changeable(session, key)
    if row.trigger_kind != "manual":
        raise WrongState(f"campaign {key!r} is automatic: start it, no approval is needed")
    if row.state not in states:
        raise WrongState(f"campaign {key!r} is {said(row.state)}, not {' or '.join(states)}")
    return row


def _settings(session: AsyncSession) -> CampaignSettings:
    settings = settings_of(session)
    assert isinstance(settings, CampaignSettings)
    return settings
