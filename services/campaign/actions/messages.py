"""Messages: planned by facts, claimed, called and settled by the sending step."""

from __future__ import annotations

import uuid
from collections import Counter as Counts
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign import bell
from services.campaign.actions import facts, inbox, proof
from services.campaign.rules import occasions, pacing, sending
from services.campaign.settings import CampaignSettings
from services.campaign.store import Record, campaigns, manners, messages, moves
from services.campaign.store.messages import Ready, Recipient, Result, Wanted
from shared import clock, outbox, telemetry
from shared.contracts import EventRecorded, MessageFailed, MessagePlanned, MessageSent, SegmentChanged
from shared.database import settings_of

log = telemetry.logger(__name__)
MESSAGES = Counter("marquee_messages", "Messages by the state they came into", ["state"])
WEEK = timedelta(days=7)
"""What the cap counts over."""


@dataclass(frozen=True)
class Called:
    """Messages that may be sent now, those whose viewers had enough, and the moment that is written in their rows."""

    ids: set[int]
    capped: set[int]
    at: datetime


@dataclass(frozen=True)
class Claim:
    """Messages this sender has for itself, with everything that is needed to write them."""

    token: uuid.UUID
    rows: Sequence[Record]
    contents: dict[tuple[int, int], Record]
    triggers: dict[int, Record]
    paced: frozenset[int] = field(default_factory=frozenset)
    """Campaigns with a rate: each of their rows here counts against it."""


async def on_segment(session: AsyncSession, changed: list[SegmentChanged]) -> None:
    """Plan for who entered or left a segment."""
    moved = occasions.moved(changed)
    for kind in ("segment_entered", "segment_left"):
        keys = {key for of, key in moved if of == kind}
        for campaign in await campaigns.listening(session, kind, keys) if keys else ():
            recipients = [
                Recipient(profile_id, occasion) for profile_id, occasion in moved[kind, campaign.trigger_name]
            ]
            await plan(session, campaign, recipients)


async def on_event(session: AsyncSession, recorded: list[EventRecorded]) -> None:
    """Plan for who did something. History triggers nothing, and what a program did counts for nobody."""
    done = [fact for fact in recorded if not fact.bot]
    by_name: dict[str, list[EventRecorded]] = {}
    for fact in done:
        if not fact.history:
            by_name.setdefault(fact.event, []).append(fact)
    for campaign in await campaigns.listening(session, "event", by_name) if by_name else ():
        recipients = [
            Recipient(fact.profile_id, occasions.event_occasion(fact), occasions.event_values(fact), fact.origin)
            for fact in by_name[campaign.trigger_name]
        ]
        await plan(session, campaign, recipients)
    await proof.count(session, done)
    await inbox.on_event(session, done)


async def plan(
    session: AsyncSession,
    campaign: Record,
    recipients: Sequence[Recipient],
    *,
    trigger: int | None = None,
    due_at: datetime | None = None,
) -> int:
    """Give each recipient his row, unless his occasion has one; tell of the new ones, and how many there are.

    Who has become part of another viewer gets it as that one: a late fact of the old id lands right.
    """
    if not recipients:
        return 0
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
        due_at=due_at,
    )
    for row in new:
        outbox.tell(session, facts.of(MessagePlanned, row, now, campaign=campaign))
    if new:
        MESSAGES.labels("planned").inc(len(new))
        bell.ring(session)
    return len(new)


async def claim(session: AsyncSession, *, limit: int, channels: Sequence[str], lease: timedelta) -> Claim:
    """Take due messages of running campaigns on these channels; their sending has not begun."""
    now = clock.now()
    token = uuid.uuid4()
    paced = await campaigns.paced(session, now)
    quotas = {row.id: min(limit, pacing.quota(row.rate, row.paced_until, now)) for row in paced}
    wanted = Wanted(limit, channels, {id: most for id, most in quotas.items() if most})
    rows = await messages.claim(session, token, wanted, now=now, lease_until=now + lease)
    taken = Counts(row.campaign_id for row in rows)
    for row in paced:
        if taken[row.id]:
            until = pacing.after(row.rate, row.paced_until, now, taken[row.id])
            await campaigns.change(session, row.id, paced_until=until)
    if not rows:
        return Claim(token, rows, {}, {})
    contents = await campaigns.versions(session, {(row.campaign_id, row.version) for row in rows})
    asked = {row.trigger for row in rows if row.trigger is not None}
    data = await messages.trigger_data(session, asked) if asked else {}
    return Claim(token, rows, contents, data, frozenset(row.id for row in paced))


async def unpace(session: AsyncSession, claim: Claim, ids: Collection[int]) -> None:
    """These messages of a claim were not sent after all: their places in the rate are free again."""
    freed = Counts(row.campaign_id for row in claim.rows if row.id in ids and row.campaign_id in claim.paced)
    if freed:
        await campaigns.unpace(session, freed)


async def call(
    session: AsyncSession, token: uuid.UUID, ready: Mapping[int, Ready], hopeless: Sequence[Result], *, lease: timedelta
) -> Called:
    """Settle what cannot be sent and mark the rest as being sent; only the answered ones may be, after the commit.

    A place within the cap is taken in the same transaction, so that two campaigns cannot both take the last one.
    """
    now = clock.now()
    if hopeless:
        tell(session, await messages.settle(session, token, hopeless, called=False, now=now))
    if not ready:
        return Called(set(), set(), now)
    mine = await messages.call(session, token, ready, now=now, lease_until=now + lease)
    most = _settings(session).marketing_cap
    left = {id: ready[id].profile_id for id in sorted(mine) if ready[id].capped} if most else {}
    capped: set[int] = set()
    while left:
        # One place per viewer and statement: he may have several messages here.
        once = {viewer: id for id, viewer in reversed(left.items())}
        admitted = await manners.reserve(session, once, now=now, since=now - WEEK, most=most)
        capped |= {id for viewer, id in once.items() if viewer not in admitted}
        left = {id: viewer for id, viewer in left.items() if once[viewer] != id}
    if capped:
        results = [Result(id, "skipped", "capped", sending.CAPPED, uncounted=True) for id in sorted(capped)]
        tell(session, await messages.settle(session, token, results, called=True, now=now))
    return Called(mine - capped, capped, now)


async def full(session: AsyncSession, profile_ids: Sequence[int]) -> set[int]:
    """Which of these viewers have had their marketing messages of the week; no place is taken."""
    most = _settings(session).marketing_cap
    return await manners.full(session, profile_ids, since=clock.now() - WEEK, most=most) if most else set()


async def settle(
    session: AsyncSession,
    token: uuid.UUID,
    results: Sequence[Result],
    unsent: Collection[int] = (),
    at: datetime | None = None,
) -> dict[int, int]:
    """Write down what the provider did; the answer is whose those messages are now that were still this claim's.

    `unsent` are messages whose viewers' places within the cap, taken at `at`, are free again. A viewer may have become
    part of another one since; a negative one was erased.
    """
    rows = await messages.settle(session, token, results, called=True, now=clock.now())
    tell(session, rows)
    viewers = {row.id: row.profile_id for row in rows}
    if at is not None:
        for some in _once_each(viewers[id] for id in sorted(unsent) if id in viewers):
            await manners.give_back(session, some, at)
    return viewers


def _once_each(viewers: Iterable[int]) -> list[list[int]]:
    """The same viewers in as few groups as possible in which nobody stands twice: one place is given back at a time."""
    groups: list[list[int]] = []
    for viewer, number in Counts(viewers).items():
        for place in range(number):
            if place == len(groups):
                groups.append([])
            groups[place].append(viewer)
    return [sorted(group) for group in groups]


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


def _settings(session: AsyncSession) -> CampaignSettings:
    settings = settings_of(session)
    assert isinstance(settings, CampaignSettings)
    return settings


def tell(session: AsyncSession, rows: Sequence[Record]) -> None:
    """Tell of messages that came to an end; a retry is nobody's news."""
    now = clock.now()
    for row in rows:
        MESSAGES.labels(row.state).inc()
        # Of an erased viewer's message nobody is told anything.
        if row.state in ("planned", "held") or row.profile_id < 0:
            continue
        if row.state == "accepted":
            outbox.tell(session, facts.of(MessageSent, row, now))
        else:
            outbox.tell(session, facts.of(MessageFailed, row, now, reason=f"{row.state}: {row.reason}"))
