"""SQL of proof: conversions as they come in, and what a campaign brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Interval,
    Text,
    and_,
    bindparam,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.tables import messages
from shared.tables import TIME


@dataclass(frozen=True)
class Happened:
    """An event that may be a conversion of a campaign."""

    campaign_id: int
    profile_id: int
    event_id: str
    at: datetime
    within: timedelta
    value: float | None


# When a message counts from: its last handing over, or for the hold-out the moment it would have been handed over.
_SINCE = "CASE WHEN m.state = 'held' THEN m.finished_at ELSE m.called_at END"

_CONVERT = text(
    f"""
    WITH given AS (
      SELECT * FROM unnest(:campaigns, :profiles, :events, :ats, :withins, :values)
        AS n (campaign_id, profile_id, event_id, at, within, value)
    ), found AS (
      SELECT DISTINCT ON (g.campaign_id, g.event_id) g.campaign_id, g.event_id, m.id AS message_id, g.at, g.value
      FROM given g JOIN messages m ON m.campaign_id = g.campaign_id AND m.profile_id = g.profile_id
      WHERE m.state IN ('calling', 'accepted', 'failed', 'unknown', 'held')
        AND g.at >= {_SINCE} AND g.at < {_SINCE} + g.within
      ORDER BY g.campaign_id, g.event_id, {_SINCE} DESC
    ), new AS (
      INSERT INTO conversions (campaign_id, event_id, message_id, at, value)
      SELECT campaign_id, event_id, message_id, at, value FROM found ORDER BY campaign_id, event_id
      ON CONFLICT (campaign_id, event_id) DO NOTHING RETURNING message_id, at, value
    ), sums AS (
      SELECT message_id, min(at) AS at, sum(value) AS value, count(*) FROM new GROUP BY message_id
    )
    UPDATE messages m
    SET converted_at = least(m.converted_at, s.at), value = coalesce(m.value + s.value, m.value, s.value)
    FROM sums s WHERE m.id = s.message_id
    """  # noqa: S608 - our own text
).bindparams(
    bindparam("campaigns", type_=ARRAY(BigInteger)),
    bindparam("profiles", type_=ARRAY(BigInteger)),
    bindparam("events", type_=ARRAY(Text)),
    bindparam("ats", type_=ARRAY(TIME)),
    bindparam("withins", type_=ARRAY(Interval)),
    bindparam("values", type_=ARRAY(Double)),
)


async def convert(session: AsyncSession, happened: Sequence[Happened]) -> None:
    """Count these events for the last message before each, if it lies within the window; each event once."""
    await session.execute(
        _CONVERT,
        {
            "campaigns": [one.campaign_id for one in happened],
            "profiles": [one.profile_id for one in happened],
            "events": [one.event_id for one in happened],
            "ats": [one.at for one in happened],
            "withins": [one.within for one in happened],
            "values": [one.value for one in happened],
        },
    )


SENT = and_(messages.c.state.in_(("accepted", "failed", "unknown")), messages.c.called_at.is_not(None))
"""Those who were sent to, whatever the provider said: the group that is compared with the hold-out."""
HELD = messages.c.state == "held"
ACCEPTED = messages.c.state == "accepted"
DELIVERED = and_(ACCEPTED, messages.c.bounced_at.is_(None))
OPENED = and_(ACCEPTED, or_(messages.c.opened_at.is_not(None), messages.c.clicked_at.is_not(None)))
CLICKED = and_(ACCEPTED, messages.c.clicked_at.is_not(None))
CONVERTED = and_(SENT, messages.c.converted_at.is_not(None))
UNSUBSCRIBED = messages.c.unsubscribed_at.is_not(None)

STEPS: dict[str, ColumnElement[bool]] = {
    "planned": messages.c.id.is_not(None),
    "sent": ACCEPTED,
    "delivered": DELIVERED,
    "opened": OPENED,
    "clicked": CLICKED,
    "converted": CONVERTED,
    "held": HELD,
    "unsubscribed": UNSUBSCRIBED,
}
"""Who came to which step of the funnel."""


async def funnel(session: AsyncSession, campaign_id: int) -> Record:
    """Messages at each step (columns by the names of STEPS), `machine_opened`, `machine_clicked`, `reached`."""
    machine = and_(ACCEPTED, messages.c.machine_opened_at.is_not(None), ~OPENED)
    machine_clicked = and_(ACCEPTED, messages.c.machine_clicked_at.is_not(None), ~CLICKED)
    query = select(
        *(func.count().filter(condition).label(name) for name, condition in STEPS.items()),
        func.count().filter(machine).label("machine_opened"),
        func.count().filter(machine_clicked).label("machine_clicked"),
        func.count().filter(SENT).label("reached"),
    ).where(messages.c.campaign_id == campaign_id)
    return (await session.execute(query)).one()


def _since() -> ColumnElement[datetime]:
    return func.coalesce(messages.c.called_at, messages.c.finished_at)


async def groups(session: AsyncSession, campaign_id: int, days: int) -> Sequence[Record]:
    """For those sent to and those held out (`held`): size, first and last moment, conversions by day, values.

    `converted` is an array: those converted before the end of the 1st, 2nd … day after their message.
    """
    since = _since()
    by_day = [func.count().filter(messages.c.converted_at < since + timedelta(days=day)) for day in range(1, days + 1)]
    query = (
        select(
            HELD.label("held"),
            func.count().label("n"),
            func.min(since).label("first"),
            func.max(since).label("last"),
            func.count(messages.c.converted_at).label("all"),
            func.coalesce(func.sum(messages.c.value), 0.0).label("total"),
            func.coalesce(func.sum(messages.c.value * messages.c.value), 0.0).label("squares"),
            *(one.label(f"day{number}") for number, one in enumerate(by_day, 1)),
        )
        .where(messages.c.campaign_id == campaign_id, or_(SENT, HELD))
        .group_by(HELD)
    )
    return (await session.execute(query)).all()


async def variants(session: AsyncSession, campaign_id: int) -> Sequence[Record]:
    """Figures of each variant."""
    query = (
        select(
            messages.c.variant,
            func.count().filter(ACCEPTED).label("sent"),
            func.count().filter(OPENED).label("opened"),
            func.count().filter(CLICKED).label("clicked"),
            func.count().filter(CONVERTED).label("converted"),
        )
        .where(messages.c.campaign_id == campaign_id, messages.c.variant.is_not(None))
        .group_by(messages.c.variant)
        .order_by(messages.c.variant)
    )
    return (await session.execute(query)).all()


async def recipients(
    session: AsyncSession, campaign_id: int, step: str, *, before: int | None, limit: int
) -> Sequence[Record]:
    """Messages that came to a step, newest first."""
    query = select(messages).where(messages.c.campaign_id == campaign_id, STEPS[step])
    if before is not None:
        query = query.where(messages.c.id < before)
    return (await session.execute(query.order_by(messages.c.id.desc()).limit(limit))).all()
