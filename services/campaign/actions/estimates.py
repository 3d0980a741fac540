"""Whom a manual campaign would reach if it started now, and why not the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.campaign.actions import asking, campaigns, outgoing, writing
from services.campaign.actions.messages import WEEK
from services.campaign.actions.writing import Version
from services.campaign.memory import Desk
from services.campaign.rules import addresses
from services.campaign.schemas.reports import Estimate
from services.campaign.settings import CampaignSettings
from services.campaign.store import campaigns as campaigns_
from services.campaign.store import manners
from shared import clock
from shared.bus import Unanswered
from shared.errors import Conflict, Unavailable
from shared.house import House

SAMPLE = 5000
"""Viewers whose contacts are asked for; of more an even sample."""


class NotManual(Conflict):
    """Only manual campaigns have an audience beforehand"""


async def estimate(house: House, key: str) -> Estimate:
    """Count. Raises NoCampaign, NotManual, Unavailable."""
    settings = house.settings
    assert isinstance(settings, CampaignSettings)
    async with house.db.transaction() as session:
        row = await campaigns.found(session, key)
        if row.trigger_kind != "manual":
            raise NotManual(f"campaign {key!r} is automatic: nobody knows whom it will meet")
        named = await campaigns_.named(session, row.id, row.version, after=0, limit=row.listed or 0)
    of = writing.version(row, settings)
    try:
        unknown = 0
        if row.trigger_name:
            audience = await _members(house, row.trigger_name)
        else:
            refs = [one.origin for one in named if one.origin is not None]
            known = await asking.resolved(house.bus, refs)
            audience = sorted({id for one in named if (id := one.profile_id or known.get(one.origin)) is not None})
            unknown = sum(ref not in known for ref in refs)
        return await _counted(house, settings, of, audience, unknown)
    except Unanswered as error:
        raise Unavailable("profile or segment does not answer: try again in a moment") from error


async def _members(house: House, key: str) -> list[int]:
    found: list[int] = []
    page = await asking.members(house.bus, key, 0)
    while page:
        found += page
        page = await asking.members(house.bus, key, page[-1]) if len(page) == asking.MEMBERS else []
    return found


async def _counted(
    house: House, settings: CampaignSettings, of: Version, audience: Sequence[int], unknown: int
) -> Estimate:
    step = max(1.0, len(audience) / SAMPLE)
    sample = [audience[int(place * step)] for place in range(min(len(audience), SAMPLE))]
    found = await asking.contacts(house.bus, {of.asked: sample})
    refused = Counter(found.refused.values())
    left = [contact for (_, _), contact in found.contacts.items()]
    desk: Desk = house.memory
    channel = of.asked.channel
    digests = {contact.profile_id: addresses.digest(desk.address_key, contact.address) for contact in left}
    async with house.db.transaction() as session:
        outside = desk.counters[channel].provider is not None
        gone = await outgoing.suppressed(session, {channel: list(digests.values())}) if outside else set()
        ids = [one for one, digest in digests.items() if (channel, digest) not in gone]
        most = 0 if of.manners.transactional else settings.marketing_cap
        full = await manners.full(session, ids, since=clock.now() - WEEK, most=most) if most else set()
    open_ = [one for one in ids if one not in full]
    held = sum(of.is_held_out(one) for one in open_)
    unreachable = {reason: round(number * step) for reason, number in refused.items()}
    suppressed, capped = round((len(left) - len(ids)) * step), round(len(full) * step)
    held_out = round(held * step)
    rest = sum(unreachable.values()) + suppressed + capped + held_out
    planned = max(0, len(audience) - rest)
    return Estimate(
        audience=len(audience),
        reachable=len(audience) - sum(unreachable.values()),
        unreachable=unreachable,
        suppressed=suppressed,
        capped=capped,
        held_out=held_out,
        planned=planned,
        unknown_refs=unknown,
        exact=len(sample) == len(audience),
        asked=len(sample),
        seconds=None if of.manners.rate is None else round(planned / of.manners.rate, 1),
    )
