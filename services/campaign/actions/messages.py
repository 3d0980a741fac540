"""Messages: planned by facts, claimed, called and settled by the sending step."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign import bell
from services.campaign.rules import occasions, sending
from services.campaign.store import Record, campaigns, messages, moves
from services.campaign.store.messages import Recipient, Result
from shared import clock, outbox, telemetry
from shared.contracts import EventRecorded, MessageFailed, MessagePlanned, MessageSent, SegmentChanged

log = telemetry.logger(__name__)
MESSAGES = Counter("marquee_messages", "Messages by the state they came into", ["state"])
CLAIM = 500
"""Messages of one claim: as many addresses as profile answers at once."""


@dataclass(frozen=True)
class Claim:
    """Messages this sender has for itself, with everything that is needed to write them."""

    token: uuid.UUID
    rows: Sequence[Record]
    contents: dict[tuple[int, int], Record]
    triggers: dict[int, Record]


async def on_segment(session: AsyncSession, facts: list[SegmentChanged]) -> None:
    """Plan for who entered or left a segment."""
    moved = occasions.moved(facts)
    for kind in ("segment_entered", "segment_left"):
        keys = {key for of, key in moved if of == kind}
        for campaign in await campaigns.listening(session, kind, keys) if keys else ():
            recipients = [
                Recipient(profile_id, occasion) for profile_id, occasion in moved[kind, campaign.trigger_name]
            ]
            await plan(session, campaign, recipients)


async def on_event(session: AsyncSession, facts: list[EventRecorded]) -> None:
    """Plan for who did something. History triggers nothing."""
    by_name: dict[str, list[EventRecorded]] = {}
    for fact in facts:
        if not fact.history:
            by_name.setdefault(fact.event, []).append(fact)
    for campaign in await campaigns.listening(session, "event", by_name) if by_name else ():
        recipients = [
            Recipient(fact.profile_id, occasions.event_occasion(fact), occasions.event_values(fact), fact.origin)
            for fact in by_name[campaign.trigger_name]
        ]
        await plan(session, campaign, recipients)


async def plan(
    session: AsyncSession, campaign: Record, recipients: Sequence[Recipient], *, trigger: int | None = None
) -> None:
    """Give each recipient his row, unless his occasion has one; tell of the new ones.

    Who has become part of another viewer gets it as that one: a late fact of the old id lands right.
    """
    if not recipients:
        return
    now = clock.now()
    if moved := await moves.present(session, {one.profile_id for one in recipients}):
        recipients = [
            replace(one, profile_id=moved[one.profile_id], planned_for=one.profile_id)
            if one.profile_id in moved
            else one
            for one in recipients
        ]
    new = await messages.plan(
        session,
        campaign_id=campaign.id,
        version=campaign.version,
        recipients=recipients,
        trigger=trigger,
        at=now,
    )
    for row in new:
        outbox.tell(
            session,
            MessagePlanned(
                message_id=row.id,
                campaign=campaign.key,
                step=row.step,
                profile_id=row.profile_id,
                channel=campaign.channel,
                occasion=row.occasion,
                at=now,
            ),
        )
    if new:
        MESSAGES.labels("planned").inc(len(new))
        bell.ring(session)


async def claim(session: AsyncSession, *, lease: timedelta) -> Claim:
    """Take due messages of running campaigns; their sending has not begun."""
    now = clock.now()
    token = uuid.uuid4()
    rows = await messages.claim(session, token, limit=CLAIM, now=now, lease_until=now + lease)
    if not rows:
        return Claim(token, rows, {}, {})
    contents = await campaigns.versions(session, {(row.campaign_id, row.version) for row in rows})
    asked = {row.trigger for row in rows if row.trigger is not None}
    return Claim(token, rows, contents, await messages.trigger_data(session, asked) if asked else {})


async def call(
    session: AsyncSession, token: uuid.UUID, ids: Collection[int], hopeless: Sequence[Result], *, lease: timedelta
) -> set[int]:
    """Settle what cannot be sent and mark the rest as being sent; only the answered ones may be, after the commit."""
    now = clock.now()
    if hopeless:
        tell(session, await messages.settle(session, token, hopeless, called=False, now=now))
    return await messages.call(session, token, ids, now=now, lease_until=now + lease) if ids else set()


async def settle(session: AsyncSession, token: uuid.UUID, results: Sequence[Result]) -> None:
    """Write down what the server did."""
    tell(session, await messages.settle(session, token, results, called=True, now=clock.now()))


async def release(
    session: AsyncSession, token: uuid.UUID, ids: Iterable[int], *, reason: str | None = None, detail: str | None = None
) -> None:
    """Plan messages again whose sending has not begun: at once, or after an outage's wait when there is a reason."""
    now = clock.now()
    due = now + sending.OUTAGE_RETRY if reason else None
    results = [Result(id, "planned", reason, detail, due) for id in ids]
    if results:
        await messages.settle(session, token, results, called=False, now=now)


async def expire(session: AsyncSession) -> None:
    """Clean up after senders that went silent: not begun is planned again, begun is unknown and never sent again."""
    now = clock.now()
    if again := await messages.unclaim(session, now=now):
        log.warning("messages of a silent sender are planned again", messages=again)
        bell.ring(session)
    doubtful = await messages.doubt(session, now=now, reason="sender_stopped", detail=sending.CRASHED)
    if doubtful:
        log.error("messages of a silent sender may or may not have arrived", messages=len(doubtful))
    tell(session, doubtful)


def tell(session: AsyncSession, rows: Sequence[Record]) -> None:
    """Tell of messages that came to an end; a retry is nobody's news."""
    now = clock.now()
    for row in rows:
        MESSAGES.labels(row.state).inc()
        if row.state == "planned":
            continue
        kind = MessageSent if row.state == "accepted" else MessageFailed
        outbox.tell(
            session,
            kind(
                message_id=row.id,
                campaign=row.key,
                step=row.step,
                profile_id=row.profile_id,
                channel=row.channel,
                occasion=row.occasion,
                reason=None if row.state == "accepted" else f"{row.state}: {row.reason}",
                at=now,
            ),
        )
