"""Planning manual campaigns: a page of the audience is asked for, then its viewers get their rows."""

from __future__ import annotations

from services.campaign.actions import asking, planning
from services.campaign.actions.planning import NAMED, Section
from services.campaign.store import Record
from shared.bus import Unanswered
from shared.house import House


async def plan(house: House) -> bool:
    """Plan one page of one campaign, or put it off with the reason it waits for."""
    async with house.db.transaction() as session:
        campaign = await planning.due(session)
    if campaign is None:
        return False
    try:
        section = await (_members(house, campaign) if campaign.trigger_name else _named(house, campaign))
    except Unanswered:
        section = "segment_unreachable" if campaign.trigger_name else "profile_unreachable"
    async with house.db.transaction() as session:
        if isinstance(section, str):
            await planning.wait(session, campaign, section)
        else:
            await planning.plan(session, campaign, section)
    return True


async def _members(house: House, campaign: Record) -> Section | str:
    """The next members; or why these would not be all: a short page is the last one of a complete segment only."""
    answer = await asking.members(house.bus, campaign.trigger_name, campaign.plan_after)
    if answer.state != "alive":
        return f"segment_{answer.state}"
    if not answer.complete:
        return "segment_filling"
    ids = answer.profile_ids
    return Section(ids, ids[-1] if ids else campaign.plan_after, 0, len(ids) < asking.MEMBERS)


async def _named(house: House, campaign: Record) -> Section:
    async with house.db.transaction() as session:
        rows = await planning.named(session, campaign)
    refs = [row.origin for row in rows if row.origin is not None]
    known = await asking.resolved(house.bus, refs)
    ids = {one for row in rows if (one := row.profile_id or known.get(row.origin)) is not None}
    unknown = sum(ref not in known for ref in refs)
    return Section(sorted(ids), rows[-1].place if rows else campaign.plan_after, unknown, len(rows) < NAMED)
