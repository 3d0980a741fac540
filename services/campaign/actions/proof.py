"""Proof: events that campaigns are for, and links that were followed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions import facts
from services.campaign.rules import conversions, tracking
from services.campaign.schemas.manners import Manners
from services.campaign.store import Record, campaigns, proof
from services.campaign.store import tracking as tracking_
from services.campaign.store.proof import Happened
from shared import clock, outbox
from shared.contracts import EventRecorded, FollowAnswered, FollowAsked, MessageClicked, MessageOpened


async def count(session: AsyncSession, recorded: Sequence[EventRecorded]) -> None:
    """Count events that campaigns are for, each by its own time, whenever it came."""
    by_name: dict[str, list[EventRecorded]] = {}
    for fact in recorded:
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

    Openings and clicks count once per message; a program's are noted apart.
    """
    message = await tracking_.message(session, asked.message_id)
    if message is None:
        return FollowAnswered(known=False)
    target = None
    if asked.link_id is not None:
        target = await tracking_.target(session, asked.message_id, asked.link_id)
        if target is None:
            return FollowAnswered(known=False)
    now = clock.now()
    if asked.kind == "unsubscribe":
        await tracking_.stamp(session, asked.message_id, "unsubscribed_at", now)
    elif asked.kind == "open":
        if _is_machine(asked, message, now):
            await tracking_.stamp(session, asked.message_id, "machine_opened_at", now)
        else:
            await _noted(session, asked.message_id, "opened_at", MessageOpened, now)
    elif asked.kind == "click":
        await _click(session, asked, message, now)
    return FollowAnswered(known=True, target=target)


async def _click(session: AsyncSession, asked: FollowAsked, message: Record, now: datetime) -> None:
    """A viewer's click; or a program's, and then the click it began with was its own too.

    Of that first one a fact may have been told already: it cannot be taken back, and no figure counts it.
    """
    since = now - tracking.TOGETHER
    tried = message.machine_clicked_at is not None and message.machine_clicked_at > since
    link = asked.link_id
    if (
        tried
        or _is_machine(asked, message, now)
        or (link is not None and await tracking_.others(session, asked.message_id, link, since))
    ):
        await tracking_.machine_click(session, asked.message_id, since, now)
        return
    if link is not None:
        await tracking_.count_click(session, asked.message_id, link, now)
    await _noted(session, asked.message_id, "clicked_at", MessageClicked, now)


def _is_machine(asked: FollowAsked, message: Record, now: datetime) -> bool:
    return (
        asked.prefetch
        or tracking.is_machine(asked.user_agent, asked.kind)
        or tracking.is_hasty(asked.kind, message.channel, message.called_at, now)
    )


async def _noted(
    session: AsyncSession,
    message_id: int,
    column: str,
    kind: type[MessageOpened] | type[MessageClicked],
    now: datetime,
) -> None:
    """The first time counts, and is told."""
    row = await tracking_.stamp(session, message_id, column, now)
    if row is not None and row.profile_id > 0:
        outbox.tell(session, facts.of(kind, row, now))
