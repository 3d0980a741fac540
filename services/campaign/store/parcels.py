"""SQL of what stays here instead of going to a provider: the local sink, and in-app messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.tables import campaigns, inbox, messages, parcels


async def keep(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keep what would have been sent; of one key there is one, however often it comes."""
    await session.execute(upsert(parcels).on_conflict_do_nothing(index_elements=["key"]), list(rows))


async def put_in(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Put messages into inboxes, each once."""
    await session.execute(upsert(inbox).on_conflict_do_nothing(index_elements=["message_id"]), list(rows))


async def page(session: AsyncSession, *, channel: str | None, before: int | None, limit: int) -> Sequence[Record]:
    """What would have been sent, newest first, with its campaign's key."""
    query = (
        select(parcels, campaigns.c.key.label("campaign"))
        .outerjoin(messages, messages.c.id == parcels.c.message_id)
        .outerjoin(campaigns, campaigns.c.id == messages.c.campaign_id)
    )
    if channel is not None:
        query = query.where(parcels.c.channel == channel)
    if before is not None:
        query = query.where(parcels.c.id < before)
    return (await session.execute(query.order_by(parcels.c.id.desc()).limit(limit))).all()


async def forget(session: AsyncSession, before: datetime) -> None:
    """Drop what is older."""
    await session.execute(delete(parcels).where(parcels.c.at < before))


async def of_viewer(
    session: AsyncSession, profile_id: int, *, before: int | None, unread: bool, limit: int
) -> Sequence[Record]:
    """In-app messages of a viewer, newest first, with the campaign's key."""
    query = (
        select(inbox, campaigns.c.key.label("campaign"))
        .join(messages, messages.c.id == inbox.c.message_id)
        .join(campaigns, campaigns.c.id == messages.c.campaign_id)
        .where(inbox.c.profile_id == profile_id)
    )
    if before is not None:
        query = query.where(inbox.c.message_id < before)
    if unread:
        query = query.where(inbox.c.read_at.is_(None))
    return (await session.execute(query.order_by(inbox.c.message_id.desc()).limit(limit))).all()


async def read(session: AsyncSession, message_id: int, profile_id: int, at: datetime) -> bool:
    """Mark a viewer's message as read; whether it was unread."""
    statement = (
        update(inbox)
        .where(inbox.c.message_id == message_id, inbox.c.profile_id == profile_id, inbox.c.read_at.is_(None))
        .values(read_at=at)
    )
    return await session.scalar(statement.returning(inbox.c.message_id)) is not None
