"""SQL of campaigns and the versions of their contents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.tables import campaigns, contents, listed, messages

CONTENT = ("channel", "subject", "body", "html", "link", "missing", "variants", "manners", "listed")
"""Columns of a version beside its trigger."""

_FULL = (*campaigns.c, *(contents.c[name] for name in CONTENT))


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


def _in(state: str | None) -> ColumnElement[bool]:
    return campaigns.c.state == state if state else campaigns.c.state != "archived"


async def page(session: AsyncSession, *, after: str, state: str | None, limit: int) -> Sequence[Record]:
    """Campaigns by key, in this state, or all but the archived."""
    query = _with_content().where(campaigns.c.key > after, _in(state))
    return (await session.execute(query.order_by(campaigns.c.key).limit(limit))).all()


async def changed(
    session: AsyncSession, *, before: tuple[datetime, int] | None, state: str | None, limit: int
) -> Sequence[Record]:
    """The same, the last changed first, after (its change, its id). Sorts all there are: thousands at most."""
    query = _with_content().where(_in(state))
    if before is not None:
        query = query.where(tuple_(campaigns.c.updated_at, campaigns.c.id) < before)
    query = query.order_by(campaigns.c.updated_at.desc(), campaigns.c.id.desc())
    return (await session.execute(query.limit(limit))).all()


async def create(session: AsyncSession, *, key: str, at: datetime, **values: Any) -> int | None:
    """The id of a new draft; None when the key is already there."""
    statement = upsert(campaigns).values(key=key, state="draft", version=1, created_at=at, updated_at=at, **values)
    statement = statement.on_conflict_do_nothing(index_elements=["key"])
    found: int | None = await session.scalar(statement.returning(campaigns.c.id))
    return found


async def change(session: AsyncSession, campaign_id: int, **values: Any) -> None:
    """Set columns of one campaign."""
    await session.execute(update(campaigns).where(campaigns.c.id == campaign_id).values(**values))


async def add_content(session: AsyncSession, campaign_id: int, version: int, **values: Any) -> None:
    """Keep one version."""
    await session.execute(insert(contents).values(campaign_id=campaign_id, version=version, **values))


async def add_listed(
    session: AsyncSession, campaign_id: int, version: int, viewers: Sequence[tuple[int | None, str | None]]
) -> None:
    """Keep the viewers a version names: (profile id, None) or (None, origin)."""
    rows = [
        {"campaign_id": campaign_id, "version": version, "place": place, "profile_id": profile_id, "origin": origin}
        for place, (profile_id, origin) in enumerate(viewers, 1)
    ]
    if rows:
        await session.execute(insert(listed), rows)


async def copy_listed(session: AsyncSession, campaign_id: int, before: int, version: int) -> None:
    """The new version names the viewers that the version before named."""
    mine = (listed.c.campaign_id == campaign_id) & (listed.c.version == before)
    kept = select(
        listed.c.campaign_id, literal(version, Integer), listed.c.place, listed.c.profile_id, listed.c.origin
    ).where(mine)
    await session.execute(insert(listed).from_select(["campaign_id", "version", "place", "profile_id", "origin"], kept))


async def named(session: AsyncSession, campaign_id: int, version: int, *, after: int, limit: int) -> Sequence[Record]:
    """The next viewers of a list as (place, profile_id, origin)."""
    query = select(listed.c.place, listed.c.profile_id, listed.c.origin).where(
        listed.c.campaign_id == campaign_id, listed.c.version == version, listed.c.place > after
    )
    return (await session.execute(query.order_by(listed.c.place).limit(limit))).all()


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


async def to_plan(session: AsyncSession, now: datetime) -> Record | None:
    """A running manual campaign whose viewers have not all got their rows; one of several at random."""
    query = _with_content().where(
        campaigns.c.state == "running",
        campaigns.c.trigger_kind == "manual",
        campaigns.c.planned_at.is_(None),
        campaigns.c.plan_at <= now,
    )
    return (await session.execute(query.order_by(func.random()).limit(1))).first()


async def converting(session: AsyncSession, events: Collection[str]) -> Sequence[Record]:
    """Campaigns that were started and are for one of these events, as (id, event, manners)."""
    query = (
        select(campaigns.c.id, campaigns.c.conversion_event, contents.c.manners)
        .join(contents, (contents.c.campaign_id == campaigns.c.id) & (contents.c.version == campaigns.c.version))
        .where(campaigns.c.conversion_event.in_(events), campaigns.c.started_at.is_not(None))
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


async def paced(session: AsyncSession, now: datetime) -> Sequence[Record]:
    """Running campaigns with a rate and messages that are due, as (id, rate, paced_until), locked for this claim."""
    due = exists().where(
        messages.c.campaign_id == campaigns.c.id, messages.c.state == "planned", messages.c.due_at <= now
    )
    query = select(campaigns.c.id, campaigns.c.rate, campaigns.c.paced_until).where(
        campaigns.c.state == "running", campaigns.c.rate.is_not(None), due
    )
    return (await session.execute(query.order_by(campaigns.c.id).with_for_update(skip_locked=True))).all()


async def finish(session: AsyncSession, now: datetime) -> None:
    """Manual campaigns that have nothing left to do are finished."""
    left = exists().where(
        messages.c.campaign_id == campaigns.c.id,
        messages.c.state == func.any(bindparam("busy", ["planned", "claimed", "calling"], ARRAY(Text))),
    )
    await session.execute(
        update(campaigns)
        .where(
            campaigns.c.state == "running",
            campaigns.c.trigger_kind == "manual",
            campaigns.c.planned_at.is_not(None),
            ~left,
        )
        .values(state="finished", finished_at=now, updated_at=now)
    )


_UNPACE = text(
    """
    UPDATE campaigns c SET paced_until = paced_until - make_interval(secs => n.freed / c.rate)
    FROM unnest(:ids, :freed) AS n (id, freed) WHERE c.id = n.id AND c.rate IS NOT NULL
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("freed", type_=ARRAY(Integer)))


async def unpace(session: AsyncSession, freed: Mapping[int, int]) -> None:
    """So many messages of these campaigns, by id, did not begin: their time within the rate is free again."""
    ids = sorted(freed)
    await session.execute(_UNPACE, {"ids": ids, "freed": [freed[one] for one in ids]})


async def withdrawing(session: AsyncSession) -> Record | None:
    """A campaign that is over and has messages left to skip, as (id, withdraw): locked for this transaction."""
    query = select(campaigns.c.id, campaigns.c.withdraw).where(campaigns.c.withdraw.is_not(None))
    return (await session.execute(query.order_by(func.random()).limit(1).with_for_update(skip_locked=True))).first()
