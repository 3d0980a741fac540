"""SQL of campaigns and the versions of their contents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.tables import campaigns, contents, messages

_FULL = (
    campaigns.c.id,
    campaigns.c.key,
    campaigns.c.name,
    campaigns.c.state,
    campaigns.c.version,
    campaigns.c.trigger_kind,
    campaigns.c.trigger_name,
    campaigns.c.created_at,
    campaigns.c.updated_at,
    campaigns.c.started_at,
    contents.c.channel,
    contents.c.subject,
    contents.c.body,
    contents.c.html,
    contents.c.missing,
)


def _with_content() -> Select[*tuple[Any, ...]]:
    present = (contents.c.campaign_id == campaigns.c.id) & (contents.c.version == campaigns.c.version)
    return select(*_FULL).join(contents, present)


async def by_key(session: AsyncSession, key: str) -> Record | None:
    """The campaign with its present content."""
    return (await session.execute(_with_content().where(campaigns.c.key == key))).first()


async def locked(session: AsyncSession, key: str) -> Record | None:
    """The same, locked against every other change until this transaction ends."""
    found = _with_content().where(campaigns.c.key == key).with_for_update(of=campaigns)
    return (await session.execute(found)).first()


async def page(session: AsyncSession, *, after: str, limit: int) -> Sequence[Record]:
    """Campaigns by key, the archived ones left out."""
    query = _with_content().where(campaigns.c.key > after, campaigns.c.state != "archived")
    return (await session.execute(query.order_by(campaigns.c.key).limit(limit))).all()


async def create(session: AsyncSession, *, key: str, name: str, kind: str, trigger: str, at: datetime) -> int | None:
    """The id of a new draft; None when the key is already there."""
    statement = upsert(campaigns).values(
        key=key,
        name=name,
        state="draft",
        version=1,
        trigger_kind=kind,
        trigger_name=trigger,
        created_at=at,
        updated_at=at,
    )
    statement = statement.on_conflict_do_nothing(index_elements=["key"])
    found: int | None = await session.scalar(statement.returning(campaigns.c.id))
    return found


async def change(session: AsyncSession, campaign_id: int, **values: Any) -> None:
    """Set columns of one campaign."""
    await session.execute(update(campaigns).where(campaigns.c.id == campaign_id).values(**values))


async def add_content(session: AsyncSession, campaign_id: int, version: int, **values: Any) -> None:
    """Keep one version."""
    await session.execute(insert(contents).values(campaign_id=campaign_id, version=version, **values))


async def listening(session: AsyncSession, kind: str, names: Collection[str]) -> Sequence[Record]:
    """Running campaigns that wait for these, as (id, key, version, trigger_name, channel).

    Share-locked: a pause or an archiving either is seen here, or waits until what is planned here can be seen by it.
    """
    query = (
        select(campaigns.c.id, campaigns.c.key, campaigns.c.version, campaigns.c.trigger_name, contents.c.channel)
        .join(contents, (contents.c.campaign_id == campaigns.c.id) & (contents.c.version == campaigns.c.version))
        .where(campaigns.c.state == "running", campaigns.c.trigger_kind == kind, campaigns.c.trigger_name.in_(names))
        .order_by(campaigns.c.id)
        .with_for_update(of=campaigns, read=True)
    )
    return (await session.execute(query)).all()


async def versions(session: AsyncSession, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], Record]:
    """Contents of these (campaign id, version) with the campaign's key and name."""
    query = (
        select(campaigns.c.key, campaigns.c.name, contents)
        .join(campaigns, campaigns.c.id == contents.c.campaign_id)
        .where(tuple_(contents.c.campaign_id, contents.c.version).in_(wanted))
    )
    return {(row.campaign_id, row.version): row for row in await session.execute(query)}


async def counts(session: AsyncSession, campaign_id: int) -> list[tuple[str, str | None, int]]:
    """Messages of a campaign as (state, reason, number)."""
    query = (
        select(messages.c.state, messages.c.reason, func.count())
        .where(messages.c.campaign_id == campaign_id)
        .group_by(messages.c.state, messages.c.reason)
    )
    return [(state, reason, number) for state, reason, number in await session.execute(query)]
