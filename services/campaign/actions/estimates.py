"""Whom a manual campaign would reach if it started now, and why not the others."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import asking, campaigns, outgoing, writing
from services.campaign.actions.asking import Asked, Found
from services.campaign.actions.messages import WEEK
from services.campaign.actions.writing import Version
from services.campaign.memory import Desk
from services.campaign.rules import addresses, letters, templates
from services.campaign.schemas.reports import Estimate, Reach
from services.campaign.schemas.words import Channel
from services.campaign.settings import CampaignSettings
from services.campaign.store import campaigns as campaigns_
from services.campaign.store import manners
from shared import clock
from shared.bus import Unanswered
from shared.contracts import Contact
from shared.errors import Conflict, Unavailable
from shared.house import House

SAMPLE = 5000
"""Viewers whose contacts are asked for; of more an even sample."""
ELSEWHERE = 1000
"""The same for channels that the campaign does not use."""
AT_ONCE = 50
"""Messages that are written before others get their turn."""
SECONDS = 3.0
"""Time of this thread for writing messages; what is left then is taken to be like the others."""


class NotManual(Conflict):
    """Only manual campaigns have an audience beforehand"""


@dataclass(frozen=True)
class Crowd:
    """An audience: its viewers, refs nobody knows, whether these are all there are, and as of when."""

    ids: Sequence[int]
    unknown: int
    complete: bool
    as_of: datetime | None

    def sample(self, most: int) -> list[int]:
        """So many of them, evenly."""
        number = min(len(self.ids), most)
        return [self.ids[place * len(self.ids) // number] for place in range(number)]


@dataclass(frozen=True)
class Written:
    """Who can be written to, by what the others fail, and how many were tried."""

    fine: list[Contact]
    faults: Counter[str]
    tried: int


async def estimate(house: House, key: str) -> Estimate:
    """Count. Raises NoCampaign, NotManual, NoAudience, Unavailable."""
    settings = house.settings
    assert isinstance(settings, CampaignSettings)
    async with house.db.transaction() as session:
        row = await campaigns.found(session, key)
        if row.trigger_kind != "manual":
            raise NotManual(f"campaign {key!r} is automatic: nobody knows whom it will meet")
        named = await campaigns_.named(session, row.id, row.version, after=0, limit=row.listed or 0)
    of = writing.version(row, settings)
    try:
        if row.trigger_name:
            crowd = await _members(house, row.trigger_name)
        else:
            refs = [one.origin for one in named if one.origin is not None]
            known = await asking.resolved(house.bus, refs)
            ids = sorted({id for one in named if (id := one.profile_id or known.get(one.origin)) is not None})
            crowd = Crowd(ids, sum(ref not in known for ref in refs), complete=True, as_of=None)
        return await _counted(house, settings, of, crowd)
    except Unanswered as error:
        raise Unavailable("profile or segment does not answer: try again in a moment") from error


async def _members(house: House, key: str) -> Crowd:
    as_of = (await asking.audience(house.bus, key)).as_of
    found: list[int] = []
    complete, more = True, True
    while more:
        page = await asking.members(house.bus, key, found[-1] if found else 0)
        found += page.profile_ids
        complete = complete and page.complete
        more = len(page.profile_ids) == asking.MEMBERS
    return Crowd(found, 0, complete, as_of)


async def _counted(house: House, settings: CampaignSettings, of: Version, crowd: Crowd) -> Estimate:
    sample = crowd.sample(SAMPLE)
    scale = len(crowd.ids) / max(1, len(sample))
    found = await asking.contacts(house.bus, {of.asked: sample}, writing.segments(of))
    reached = list(found.contacts.values())
    desk: Desk = house.memory
    async with house.db.transaction() as session:
        gone = await _suppressed(session, desk, of, reached)
    written = await _written(of, found, [one for one in reached if one.profile_id not in gone], desk)
    scale_ = scale * (len(reached) - len(gone)) / max(1, written.tried)
    async with house.db.transaction() as session:
        full = await _full(session, of, [one.profile_id for one in written.fine], settings.marketing_cap)
    open_ = [one for one in written.fine if one.profile_id not in full]
    goes = [one for one in open_ if not of.is_held_out(one.profile_id)]
    unreachable = _scaled(Counter(found.refused.values()), scale)
    unwritable = _scaled(written.faults, scale_)
    suppressed, capped = round(len(gone) * scale), round(len(full) * scale_)
    held_out = round((len(open_) - len(goes)) * scale_)
    audience = len(crowd.ids)
    rest = sum(unreachable.values()) + sum(unwritable.values()) + suppressed + capped + held_out
    planned = max(0, audience - rest)
    waiting = Counter(why[0] for one in goes if (why := _waits(of, one, settings.default_zone)))
    return Estimate(
        audience=audience,
        complete=crowd.complete,
        as_of=crowd.as_of,
        reachable=audience - sum(unreachable.values()),
        unreachable=unreachable,
        suppressed=suppressed,
        unwritable=unwritable,
        capped=capped,
        held_out=held_out,
        planned=planned,
        waiting=_scaled(waiting, scale_),
        channels=await _channels(house, of, crowd, found),
        unknown_refs=crowd.unknown,
        exact=len(sample) == audience and written.tried == len(reached) - len(gone),
        asked=len(sample),
        seconds=None if of.manners.rate is None else round(planned / of.manners.rate, 1),
    )


def _scaled(counts: Counter[str], scale: float) -> dict[str, int]:
    return {reason: round(number * scale) for reason, number in counts.items()}


async def _suppressed(session: AsyncSession, desk: Desk, of: Version, reached: Sequence[Contact]) -> set[int]:
    """Those of these viewers to whose address nothing is sent any more."""
    channel = of.asked.channel
    if desk.counters[channel].provider is None:
        return set()
    digests = {one.profile_id: addresses.digest(desk.address_key, one.address) for one in reached}
    gone = await outgoing.suppressed(session, {channel: list(digests.values())})
    return {one for one, digest in digests.items() if (channel, digest) in gone}


async def _full(session: AsyncSession, of: Version, ids: Collection[int], most: int) -> set[int]:
    """Those of these viewers who had their messages of the week."""
    if of.manners.transactional or not most:
        return set()
    return await manners.full(session, list(ids), since=clock.now() - WEEK, most=most)


async def _written(of: Version, found: Found, contacts: Sequence[Contact], desk: Desk) -> Written:
    """Write everybody's message, as far as the time allows."""
    fine: list[Contact] = []
    faults: Counter[str] = Counter()
    tried, ends = 0, time.thread_time() + SECONDS
    while tried < len(contacts) and (time.thread_time() < ends or not tried):
        for one in contacts[tried : tried + AT_ONCE]:
            if (reason := _fault(of, found, one, desk)) is None:
                fine.append(one)
            else:
                faults[reason] += 1
        tried = min(len(contacts), tried + AT_ONCE)
        await asyncio.sleep(0)  # sending and everybody else have their turn
    return Written(fine, faults, tried)


def _fault(of: Version, found: Found, contact: Contact, desk: Desk) -> str | None:
    """Why there is no message for a viewer."""
    try:
        if of.asked.channel == "email":
            letters.mailbox(contact.address)
        writing.text(of, found, contact, writing.plain_values(of, contact, f"{desk.base}/t/u/preview"))
    except letters.BadAddress:
        return "bad_address"
    except templates.Fault as fault:
        return writing.fault(0, fault).reason
    return None


def _waits(of: Version, contact: Contact, default_zone: str) -> tuple[str, datetime] | None:
    """What a viewer's clock would say at the moment the campaign goes out."""
    now = clock.now()
    time_ = of.manners.time
    return writing.waits(of, contact, max(now, time_.at) if time_ and time_.at else now, default_zone)


async def _channels(house: House, of: Version, crowd: Crowd, found: Found) -> dict[Channel, Reach]:
    """How many could be reached on each channel."""
    channels: dict[Channel, Reach] = {}
    sample = crowd.sample(ELSEWHERE)
    for channel in get_args(Channel):
        own, some = found, crowd.sample(SAMPLE)
        if channel != of.asked.channel:
            asked = Asked(channel, of.asked.purpose, of.asked.targeted)
            own, some = await asking.contacts(house.bus, {asked: sample}), sample
        scale = len(crowd.ids) / max(1, len(some))
        refused = _scaled(Counter(own.refused.values()), scale)
        channels[channel] = Reach(
            reachable=len(crowd.ids) - sum(refused.values()), unreachable=refused, exact=len(some) == len(crowd.ids)
        )
    return channels
