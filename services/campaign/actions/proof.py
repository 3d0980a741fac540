"""Proof: events that campaigns are for, and links that were followed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.rules import conversions, tracking
from services.campaign.schemas.manners import Manners
from services.campaign.store import campaigns, proof
from services.campaign.store import tracking as tracking_
from services.campaign.store.proof import Happened
from shared import clock, outbox
from shared.contracts import EventRecorded, FollowAnswered, FollowAsked, MessageClicked, MessageOpened


async def count(session: AsyncSession, facts: Sequence[EventRecorded]) -> None:
    """Count events that campaigns are for, each by its own time, whenever it came."""
    by_name: dict[str, list[EventRecorded]] = {}
    for fact in facts:
        by_name.setdefault(fact.event, []).append(fact)
    happened: list[Happened] = []
    for campaign in await campaigns.converting(session, by_name):
        wanted = Manners.model_validate(campaign.manners).conversion
        assert wanted is not None
        conditions = [one.condition for one in wanted.where]
        happened += [
            Happened(
                campaign.id,
                fact.profile_id,
                fact.event_id,
                fact.time,
                wanted.length,
                conversions.worth(wanted.value, fact.properties),
            )
            for fact in by_name[campaign.conversion_event]
            if conversions.fits(conditions, fact.properties)
        ]
    if happened:
        await proof.convert(session, happened)


async def follow(session: AsyncSession, asked: FollowAsked) -> FollowAnswered:
    """Note that a link was followed, and say where it leads. What a program follows by itself is not a viewer's click.

    Openings and clicks count once per message; a program's opening is noted apart.
    """
    now = clock.now()
    target = None
    if asked.link_id is not None:
        target = await tracking_.target(session, asked.message_id, asked.link_id)
        if target is None:
            return FollowAnswered(known=False)
    elif not await tracking_.is_there(session, asked.message_id):
        return FollowAnswered(known=False)
    if asked.kind == "look":
        return FollowAnswered(known=True, target=target)
    if asked.kind == "unsubscribe":
        await tracking_.stamp(session, asked.message_id, "unsubscribed_at", now)
    elif asked.prefetch or tracking.is_machine(asked.user_agent):
        if asked.kind == "open":
            await tracking_.stamp(session, asked.message_id, "machine_opened_at", now)
    else:
        column, kind = ("opened_at", MessageOpened) if asked.kind == "open" else ("clicked_at", MessageClicked)
        if asked.link_id is not None:
            await tracking_.count_click(session, asked.message_id, asked.link_id, now)
        row = await tracking_.stamp(session, asked.message_id, column, now)
        if row is not None and row.profile_id > 0:
            outbox.tell(
                session,
                kind(
                    message_id=row.id,
                    campaign=row.key,
                    step=row.step,
                    profile_id=row.profile_id,
                    channel=row.channel,
                    occasion=row.occasion,
                    at=now,
                ),
            )
    return FollowAnswered(known=True, target=target)
