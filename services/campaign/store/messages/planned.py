"""Planning messages, and taking back those whose sending has not begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    BigInteger,
    Integer,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.store.messages.facts import TOLD, told
from services.campaign.tables import messages

STEP = "message"
"""A campaign has one step so far; it is part of the key that makes a message be sent once."""


@dataclass(frozen=True)
class Recipient:
    """Who gets a message and why: the occasion is the fact that asks for it."""

    profile_id: int
    occasion: str
    event: dict[str, Any] | None = None
    origin: str | None = None
    """The id that caused it, where one did: the message follows it."""
    planned_for: int | None = None
    """The profile the fact spoke of, if it is part of another one now."""


async def plan(
    session: AsyncSession,
    *,
    campaign_id: int,
    version: int,
    recipients: Sequence[Recipient],
    trigger: int | None,
    at: datetime,
    due_at: datetime | None = None,
) -> Sequence[Record]:
    """Add a message for each recipient who has none for his occasion yet; the answer is the new ones."""
    given = (
        func.unnest(
            bindparam("profiles", [recipient.profile_id for recipient in recipients], ARRAY(BigInteger)),
            bindparam("occasions", [recipient.occasion for recipient in recipients], ARRAY(Text)),
            bindparam("events", [_json(recipient.event) for recipient in recipients], ARRAY(Text)),
            bindparam("planned_for", [one.planned_for or one.profile_id for one in recipients], ARRAY(BigInteger)),
            bindparam("origins", [recipient.origin for recipient in recipients], ARRAY(Text)),
        )
        .table_valued(
            column("profile_id", BigInteger),
            column("occasion", Text),
            column("event", Text),
            column("planned_for", BigInteger),
            column("origin", Text),
        )
        .render_derived(name="given")
    )
    values: dict[str, Any] = {
        "campaign_id": literal(campaign_id, BigInteger),
        "version": literal(version, Integer),
        "step": literal(STEP, Text),
        "profile_id": given.c.profile_id,
        "occasion": given.c.occasion,
        "state": literal("planned", Text),
        "attempts": literal(0, Integer),
        "due_at": literal(due_at or at, TIMESTAMP(timezone=True)),
        "event": cast(given.c.event, JSONB),
        "trigger": literal(trigger, BigInteger),
        "planned_at": literal(at, TIMESTAMP(timezone=True)),
        "planned_for": given.c.planned_for,
        "origin": given.c.origin,
    }
    # In one order, so that two planners of the same recipients cannot wait for each other.
    source = select(*list(values.values())).order_by(given.c.profile_id, given.c.occasion)
    statement = upsert(messages).from_select(list(values), source).on_conflict_do_nothing(constraint="messages_once")
    new = await session.execute(
        statement.returning(messages.c.id, messages.c.profile_id, messages.c.step, messages.c.occasion)
    )
    return new.all()


async def withdraw(
    session: AsyncSession, campaign_id: int, *, now: datetime, reason: str, limit: int
) -> Sequence[Record]:
    """Skip so many messages of a campaign whose sending has not begun; the answer is which.

    Those that a sender holds at this moment are left for the next time, so that neither waits for the other.
    """
    some = (
        select(messages.c.id)
        .where(messages.c.campaign_id == campaign_id, messages.c.state.in_(("planned", "claimed")))
        .order_by(messages.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("some")
        .prefix_with("MATERIALIZED")
    )
    statement = (
        told(update(messages))
        .where(messages.c.id == some.c.id)
        .values(
            state="skipped", reason=reason, detail=None, event=null(), claim=None, lease_until=None, finished_at=now
        )
    )
    return (await session.execute(statement.returning(*TOLD))).all()


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
