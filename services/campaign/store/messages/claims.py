"""Claiming messages for one sender, marking that their sending begins, and writing down what became of them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    BigInteger,
    Integer,
    LargeBinary,
    Text,
    and_,
    bindparam,
    case,
    column,
    func,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.store.messages.facts import TOLD, told
from services.campaign.tables import campaigns, contents, messages, triggers


@dataclass(frozen=True)
class Result:
    """The state a message comes into.

    `due_at` is when a message that is planned again may be tried; with `uncounted` this try is not held against it.
    """

    id: int
    state: str
    reason: str | None = None
    detail: str | None = None
    due_at: datetime | None = None
    uncounted: bool = False
    variant: str | None = None


@dataclass(frozen=True)
class Ready:
    """A message that may be sent: to whom it was written, if it counts for his cap, a keyed hash of his address."""

    profile_id: int
    capped: bool = False
    address: bytes | None = None


@dataclass(frozen=True)
class Wanted:
    """What a claim may take: so many, of campaigns on these channels, of those with a rate no more than `quotas`."""

    limit: int
    channels: Sequence[str]
    quotas: Mapping[int, int]


async def claim(
    session: AsyncSession, token: uuid.UUID, wanted: Wanted, *, now: datetime, lease_until: datetime
) -> Sequence[Record]:
    """Take due messages of running campaigns for this sender alone.

    Campaigns are asked in random order, so that a large one does not keep the others waiting; each is read through its
    own index, so that a paused one with many messages costs nothing.
    """
    ids = sorted(wanted.quotas)
    quotas = (
        func.unnest(
            bindparam("paced", ids, ARRAY(BigInteger)),
            bindparam("most", [wanted.quotas[one] for one in ids], ARRAY(Integer)),
        )
        .table_valued(column("campaign_id", BigInteger), column("most", Integer))
        .render_derived(name="quotas")
    )
    present = (contents.c.campaign_id == campaigns.c.id) & (contents.c.version == campaigns.c.version)
    running = (
        select(campaigns.c.id, func.coalesce(quotas.c.most, wanted.limit).label("most"))
        .join(contents, present)
        .join(quotas, quotas.c.campaign_id == campaigns.c.id, isouter=True)
        .where(
            campaigns.c.state == "running",
            contents.c.channel == func.any(bindparam("channels", list(wanted.channels), ARRAY(Text))),
            campaigns.c.rate.is_(None) | quotas.c.most.is_not(None),
        )
        .order_by(func.random())
        .subquery("running")
    )
    one = (
        select(messages.c.id)
        .where(messages.c.campaign_id == running.c.id, messages.c.state == "planned", messages.c.due_at <= now)
        .order_by(messages.c.due_at, messages.c.id)
        .limit(running.c.most)
        .with_for_update(skip_locked=True)
        .lateral("one")
    )
    due = (
        select(one.c.id)
        .select_from(running)
        .join(one, true())
        .limit(wanted.limit)
        .cte("due")
        .prefix_with("MATERIALIZED")
    )
    statement = (
        update(messages)
        .where(messages.c.id == due.c.id)
        .values(state="claimed", claim=token, lease_until=lease_until)
        .returning(
            messages.c.id,
            messages.c.campaign_id,
            messages.c.version,
            messages.c.profile_id,
            messages.c.occasion,
            messages.c.attempts,
            messages.c.event,
            messages.c.trigger,
        )
    )
    return (await session.execute(statement)).all()


async def trigger_data(session: AsyncSession, ids: Collection[int]) -> dict[int, Record]:
    """Name, id and data of these triggers, by row id."""
    query = select(triggers.c.id, triggers.c.name, triggers.c.trigger_id, triggers.c.data)
    return {row.id: row for row in await session.execute(query.where(triggers.c.id.in_(ids)))}


async def call(
    session: AsyncSession,
    token: uuid.UUID,
    ready: Mapping[int, Ready],
    *,
    now: datetime,
    lease_until: datetime,
) -> set[int]:
    """Mark messages as being sent. Only the answered ones may be: a pause or a lost lease takes the others away.

    So does a merge: what was written for one profile is not sent once the message is another's.
    """
    ids = sorted(ready)
    given = (
        func.unnest(
            bindparam("ids", ids, ARRAY(BigInteger)),
            bindparam("viewers", [ready[id].profile_id for id in ids], ARRAY(BigInteger)),
            bindparam("addresses", [ready[id].address for id in ids], ARRAY(LargeBinary)),
        )
        .table_valued(column("id", BigInteger), column("profile_id", BigInteger), column("address", LargeBinary))
        .render_derived(name="given")
    )
    statement = (
        update(messages)
        .where(
            messages.c.id == given.c.id,
            messages.c.profile_id == given.c.profile_id,
            messages.c.claim == token,
            messages.c.state == "claimed",
            campaigns.c.id == messages.c.campaign_id,
            campaigns.c.state == "running",
        )
        .values(
            state="calling",
            called_at=now,
            lease_until=lease_until,
            attempts=messages.c.attempts + 1,
            address=given.c.address,
        )
        .returning(messages.c.id)
    )
    return set((await session.scalars(statement)).all())


async def settle(
    session: AsyncSession, token: uuid.UUID, results: Sequence[Result], *, called: bool, now: datetime
) -> Sequence[Record]:
    """Write down what became of messages of this claim; the answer is those that were still its own.

    `called`: their sending had begun. One that was taken for `unknown` meanwhile gets its true state. One whose viewer
    was erased meanwhile is nobody's: it keeps no words that may lead to him, and is not tried again.
    """
    given = (
        func.unnest(
            bindparam("ids", [result.id for result in results], ARRAY(BigInteger)),
            bindparam("states", [result.state for result in results], ARRAY(Text)),
            bindparam("reasons", [result.reason for result in results], ARRAY(Text)),
            bindparam("details", [result.detail for result in results], ARRAY(Text)),
            bindparam("dues", [result.due_at for result in results], ARRAY(TIMESTAMP(timezone=True))),
            bindparam("uncounted", [int(result.uncounted) for result in results], ARRAY(Integer)),
            bindparam("variants", [result.variant for result in results], ARRAY(Text)),
        )
        .table_valued(
            column("id", BigInteger),
            column("state", Text),
            column("reason", Text),
            column("detail", Text),
            column("due_at", TIMESTAMP(timezone=True)),
            column("uncounted", Integer),
            column("variant", Text),
        )
        .render_derived(name="given")
    )
    nobodys = messages.c.profile_id < 0
    over = and_(nobodys, given.c.state == "planned")
    statement = (
        told(update(messages))
        .where(
            messages.c.id == given.c.id,
            messages.c.claim == token,
            messages.c.state.in_(("calling", "unknown") if called else ("claimed",)),
        )
        .values(
            state=case((over, "skipped"), else_=given.c.state),
            reason=case((over, "erased"), else_=given.c.reason),
            detail=case((nobodys, null()), else_=given.c.detail),
            due_at=func.coalesce(given.c.due_at, messages.c.due_at),
            attempts=messages.c.attempts - given.c.uncounted,
            variant=func.coalesce(given.c.variant, messages.c.variant),
            claim=None,
            lease_until=None,
            finished_at=case((or_(given.c.state != "planned", nobodys), now)),
            # What the event said was for the template: it is kept no longer than the message waits.
            event=case((given.c.state == "planned", messages.c.event)),
        )
    )
    return (await session.execute(statement.returning(*TOLD))).all()


async def unclaim(session: AsyncSession, *, now: datetime) -> int:
    """Plan again what was claimed by a sender that went silent before it began; the answer is how many."""
    statement = (
        update(messages)
        .where(messages.c.state == "claimed", messages.c.lease_until < now)
        .values(state="planned", claim=None, lease_until=None)
    )
    return len((await session.scalars(statement.returning(messages.c.id))).all())


async def doubt(session: AsyncSession, *, now: datetime, reason: str, detail: str) -> Sequence[Record]:
    """Mark as unknown what a sender that went silent was sending. The claim stays: only that sender may still know."""
    statement = (
        told(update(messages))
        .where(messages.c.state == "calling", messages.c.lease_until < now)
        .values(state="unknown", reason=reason, detail=detail, event=null(), finished_at=now)
    )
    return (await session.execute(statement.returning(*TOLD))).all()
