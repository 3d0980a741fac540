"""Messages as they are shown and counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import (
    Date,
    Select,
    Time,
    cast,
    func,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.tables import campaigns, contents, messages


async def is_open(session: AsyncSession, campaign_id: int) -> bool:
    """Whether a campaign has messages that have not ended."""
    left = messages.c.state.in_(("planned", "claimed", "calling"))
    query = select(messages.c.id).where(messages.c.campaign_id == campaign_id, left).limit(1)
    return await session.scalar(query) is not None


async def page(
    session: AsyncSession,
    campaign_id: int,
    *,
    before: int | None,
    limit: int,
    state: str | None = None,
    reason: str | None = None,
) -> Sequence[Record]:
    """Messages of a campaign, newest first."""
    query: Select[*tuple[Any, ...]] = select(messages).where(messages.c.campaign_id == campaign_id)
    if before is not None:
        query = query.where(messages.c.id < before)
    if state is not None:
        query = query.where(messages.c.state == state)
    if reason is not None:
        query = query.where(messages.c.reason == reason)
    return (await session.execute(query.order_by(messages.c.id.desc()).limit(limit))).all()


async def of_viewer(
    session: AsyncSession, profile_id: int, limit: int, *, before: int | None = None
) -> Sequence[Record]:
    """Messages of one viewer with their campaigns (`campaign`, `name`, `channel`), newest first."""
    query = (
        select(messages, campaigns.c.key.label("campaign"), campaigns.c.name, contents.c.channel)
        .join(campaigns, campaigns.c.id == messages.c.campaign_id)
        .join(
            contents,
            (contents.c.campaign_id == messages.c.campaign_id) & (contents.c.version == messages.c.version),
        )
        .where(messages.c.profile_id == profile_id)
    )
    if before is not None:
        query = query.where(messages.c.id < before)
    return (await session.execute(query.order_by(messages.c.id.desc()).limit(limit))).all()


async def by_day(
    session: AsyncSession, since: datetime, zone: str, until: time
) -> dict[tuple[date, str], tuple[int, int]]:
    """Messages that ended since then, by day of the zone and state: all, and those before this time of day."""
    wall = func.timezone(zone, messages.c.finished_at)
    day = cast(wall, Date).label("day")
    early = func.count().filter(cast(wall, Time) < until)
    query = (
        select(day, messages.c.state, func.count().label("number"), early.label("so_far"))
        .where(messages.c.finished_at >= since)
        .group_by(day, messages.c.state)
    )
    return {(row.day, row.state): (row.number, row.so_far) for row in await session.execute(query)}
