"""How far a campaign is; and campaigns of the past that another system sent."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import asking, campaigns
from services.campaign.memory import Desk
from services.campaign.rules import audiences, pacing, sending
from services.campaign.schemas.messages import PastMessages, PastNoted
from services.campaign.schemas.reports import Progress
from services.campaign.schemas.words import MessageState
from services.campaign.store import campaigns as campaigns_
from services.campaign.store import past, tallies
from services.campaign.store.past import Past
from shared import clock
from shared.bus import Unanswered
from shared.errors import Invalid, Unavailable
from shared.house import House

LATELY = timedelta(seconds=30)
"""What the rate is measured over."""
LEFT = ("planned", "claimed", "calling")


async def progress(session: AsyncSession, house: House, key: str) -> Progress:
    """The figures at this moment. Raises NoCampaign."""
    row = await campaigns.found(session, key)
    now = clock.now()
    states = dict.fromkeys(get_args(MessageState), 0)
    waiting: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for state, reason, number in await tallies.counts(session, row.id):
        states[state] += number
        if reason is not None:
            kind = waiting if state == "planned" else reasons
            kind[reason] = kind.get(reason, 0) + number
    since = max(now - LATELY, row.started_at or now)
    seconds = max(1.0, (now - since).total_seconds())
    rate = await tallies.ended_since(session, row.id, since) / seconds if row.started_at else 0.0
    total, left = sum(states.values()), sum(states[state] for state in LEFT)
    later = sum(waiting.get(reason, 0) for reason in sending.WAITS)
    last = await tallies.last_due(session, row.id) if later else None
    planned = row.trigger_kind != "manual" or row.planned_at is not None
    desk: Desk = house.memory
    why = desk.held_up(row.channel)
    return Progress(
        state=row.state,
        planning_done=planned,
        planning_begins_at=campaigns.begins_at(row, now),
        planning_waits_for=campaigns.waits_for(row),
        total=total,
        done=total - left,
        states=states,
        waiting=waiting,
        reasons=reasons,
        rate=round(rate, 2),
        eta=pacing.eta(now, left=left - later, rate=rate, last=last) if planned and row.state == "running" else None,
        delivery_ready=why is None,
        delivery_reason=why,
    )


async def fold(session: AsyncSession) -> None:
    """Put those changes of figures together that are older than a rate is measured over."""
    await tallies.fold(session, clock.now() - 2 * LATELY)


async def history(house: House, key: str, told: PastMessages) -> PastNoted:
    """Add messages of the past to a manual campaign that was never started here. Raises NoCampaign, WrongState."""
    now = clock.now()
    for place, one in enumerate(told.messages):
        if one.at > now:
            raise Invalid("is in the future", field=f"messages[{place}].at")
    named = [audiences.viewer(one.ref, place, field="messages") for place, one in enumerate(told.messages)]
    try:
        known = await asking.resolved(house.bus, [origin for _, origin in named if origin is not None])
    except Unanswered as error:
        raise Unavailable("profile does not answer: try again in a moment") from error
    rows: dict[int, Past] = {}
    unknown: list[str] = []
    for one, (profile_id, origin) in zip(told.messages, named, strict=True):
        viewer = profile_id or known.get(origin or "")
        if viewer is None:
            unknown.append(one.ref)
        else:
            rows.setdefault(viewer, Past(viewer, one.state, one.at, one.opened_at, one.clicked_at))
    async with house.db.transaction() as session:
        row = await campaigns.past(session, key)
        added = await past.add(session, row.id, row.version, list(rows.values()))
        first = min((one.at for one in rows.values()), default=now)
        last = max((one.at for one in rows.values()), default=now)
        await campaigns_.change(
            session,
            row.id,
            state="finished",
            started_at=min(first, row.started_at or first),
            finished_at=max(last, row.finished_at or last),
            plan_at=min(first, row.plan_at or first),
            planned_at=row.planned_at or first,
            planned=(row.planned or 0) + added,
            unknown=(row.unknown or 0) + len(unknown),
            note=campaigns.ELSEWHERE,
            updated_at=now,
        )
    return PastNoted(added=added, unknown=unknown)
