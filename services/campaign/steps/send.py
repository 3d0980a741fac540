"""Sending, in sets: claim, ask, write, hand over, write down what became of it.

Between the transactions of a message lies the call of its provider. Its row says `calling` before the call begins, so
whenever this process dies, everybody can see what is unsure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

from services.campaign.actions import messages
from services.campaign.rules import sending
from services.campaign.settings import CampaignSettings
from services.campaign.steps import drafts
from services.campaign.steps.drafts import Office
from services.campaign.steps.hand import hand_over
from shared.house import House

TURN_SECONDS = 3.0
"""A turn ends in time for a graceful stop."""


async def send(house: House) -> bool:
    """Send what is due, in several lanes: while one waits for the provider another writes.

    While nothing is due only one of them looks. A lane that fails ends alone: the others bring what they have begun to
    its end.
    """
    settings = house.settings
    assert isinstance(settings, CampaignSettings)
    office = Office(house, house.memory, settings)
    first: messages.Claim | None = None
    if not office.desk.busy:
        first = await _claimed(office)
        if first is None:
            return False
    ends = time.monotonic() + TURN_SECONDS
    claims = [first, *[None] * (settings.send_lanes - 1)]
    lanes = [asyncio.create_task(_lane(office, ends, claim)) for claim in claims]
    try:
        turned = await asyncio.gather(*lanes, return_exceptions=True)
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
    for outcome in turned:
        if isinstance(outcome, BaseException):
            raise outcome
    office.desk.busy = any(turned)
    return office.desk.busy


async def _lane(office: Office, ends: float, claim: messages.Claim | None) -> bool:
    """One set after the other, until nothing is due or the turn ends; whether there may be more."""
    more = True
    while claim is not None or (more and time.monotonic() < ends and not office.house.loops.stopping):
        claim = claim or await _claimed(office)
        more = claim is not None and await _set(office, claim)
        claim = None
    return more


async def _set(office: Office, claim: messages.Claim) -> bool:
    """Write a set of messages, hand them over, and write down what became of them; whether there may be more."""
    began = time.monotonic()
    work = await drafts.asked(office, claim)
    if work is None:
        return False
    fresh = time.monotonic() + sending.FRESH_SECONDS
    written, hopeless = await drafts.drafted(office, work)
    begun = await hand_over(office, work, written, hopeless, fresh)
    for channel, number in begun.items():
        office.desk.counters[channel].learn(number, time.monotonic() - began)
    return True


async def _claimed(office: Office) -> messages.Claim | None:
    """Messages for this lane alone; None when nothing is due on any open channel."""
    for channels, limit in _turns(office):
        async with office.house.db.transaction() as session:
            claim = await messages.claim(
                session, limit=limit, channels=channels, lease=timedelta(seconds=office.settings.claim_seconds)
            )
        if claim.rows:
            return claim
    return None


def _turns(office: Office) -> Sequence[tuple[list[str], int]]:
    """Which channels to ask, and for how many: those whose provider is slow each by itself, in small sets."""
    most = office.settings.send_set
    least = -(-office.settings.smtp_connections // office.settings.send_lanes)
    sizes = {
        name: counter.size(least=least, most=most) for name, counter in office.desk.counters.items() if counter.is_open
    }
    turns = [([name], size) for name, size in sizes.items() if size < most]
    if quick := [name for name, size in sizes.items() if size >= most]:
        turns.append((quick, most))
    first = office.desk.turn(len(turns))
    return turns[first:] + turns[:first]
