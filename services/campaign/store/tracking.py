"""SQL of tracked links: where they lead, and who followed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, LargeBinary, Text, bindparam, case, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.store.messages import TOLD, told
from services.campaign.tables import clicks, contents, links, messages

_KEEP = text(
    """
    INSERT INTO links (campaign_id, digest, url, message_id)
    SELECT * FROM unnest(:campaigns, :digests, :urls, :messages)
    ON CONFLICT (campaign_id, digest) DO NOTHING RETURNING id, campaign_id, digest
    """
).bindparams(
    bindparam("campaigns", type_=ARRAY(BigInteger)),
    bindparam("digests", type_=ARRAY(LargeBinary)),
    bindparam("urls", type_=ARRAY(Text)),
    bindparam("messages", type_=ARRAY(BigInteger)),
)

_FIND = text(
    """
    SELECT l.id, l.campaign_id, l.digest FROM links l
    JOIN unnest(:campaigns, :digests) AS n (campaign_id, digest) USING (campaign_id, digest)
    """
).bindparams(bindparam("campaigns", type_=ARRAY(BigInteger)), bindparam("digests", type_=ARRAY(LargeBinary)))


async def keep(
    session: AsyncSession, found: Mapping[tuple[int, bytes], tuple[str, int | None]]
) -> dict[tuple[int, bytes], int]:
    """Numbers of these addresses by campaign and digest; each may belong to one message."""
    keys = sorted(found)
    values: dict[str, Any] = {
        "campaigns": [campaign for campaign, _ in keys],
        "digests": [digest for _, digest in keys],
    }
    more = {"urls": [found[key][0] for key in keys], "messages": [found[key][1] for key in keys]}
    rows = (await session.execute(_KEEP, values | more)).all()
    if len(rows) < len(keys):
        # Another statement, which sees what another sender has added while the first one waited for it.
        rows = (await session.execute(_FIND, values)).all()
    return {(row.campaign_id, row.digest): row.id for row in rows}


async def message(session: AsyncSession, message_id: int) -> Record | None:
    """When a message was handed over and on which channel, as (called_at, channel, machine_clicked_at).

    Locked: of two links that are followed at once one is seen by the other.
    """
    version = (contents.c.campaign_id == messages.c.campaign_id) & (contents.c.version == messages.c.version)
    query = select(messages.c.called_at, contents.c.channel, messages.c.machine_clicked_at).join(contents, version)
    query = query.where(messages.c.id == message_id).with_for_update(of=messages)
    return (await session.execute(query)).first()


async def target(session: AsyncSession, message_id: int, link_id: int) -> str | None:
    """Where a link of a message's campaign leads; of one that was written for another message nothing is said."""
    query = (
        select(links.c.url)
        .join(messages, messages.c.campaign_id == links.c.campaign_id)
        .where(
            links.c.id == link_id,
            messages.c.id == message_id,
            links.c.message_id.is_(None) | (links.c.message_id == message_id),
        )
    )
    found: str | None = await session.scalar(query)
    return found


async def stamp(session: AsyncSession, message_id: int, column: str, at: datetime) -> Record | None:
    """Note the first time that something happened to a message; None when it was noted before, or there is none."""
    moment = messages.c[column]
    statement = told(update(messages)).where(messages.c.id == message_id, moment.is_(None)).values({column: at})
    return (await session.execute(statement.returning(*TOLD))).first()


async def others(session: AsyncSession, message_id: int, link_id: int, since: datetime) -> bool:
    """Whether another link of the message was first followed since then."""
    query = select(clicks.c.link_id).where(
        clicks.c.message_id == message_id, clicks.c.link_id != link_id, clicks.c.first_at >= since
    )
    return await session.scalar(query.limit(1)) is not None


async def machine_click(session: AsyncSession, message_id: int, since: datetime, at: datetime) -> None:
    """A program follows the links of this message: what was counted as a viewer's click since then was its own."""
    mine = (clicks.c.message_id == message_id) & (clicks.c.first_at >= since)
    await session.execute(delete(clicks).where(mine))
    clicked = case((messages.c.clicked_at < since, messages.c.clicked_at))
    statement = update(messages).where(messages.c.id == message_id)
    await session.execute(statement.values(clicked_at=clicked, machine_clicked_at=at))


async def count_click(session: AsyncSession, message_id: int, link_id: int, at: datetime) -> None:
    """One more click of this link."""
    statement = upsert(clicks).values(link_id=link_id, message_id=message_id, clicks=1, first_at=at)
    statement = statement.on_conflict_do_update(
        index_elements=["link_id", "message_id"], set_={"clicks": clicks.c.clicks + 1}
    )
    await session.execute(statement)


async def bounced(session: AsyncSession, rows: Mapping[int, tuple[datetime | None, str | None]]) -> Sequence[Record]:
    """Note for accepted messages when they bounced (or that they did not) with the provider's words.

    The answer is those this changed, as (id, channel, address).
    """
    ids = sorted(rows)
    given = (
        func.unnest(
            bindparam("ids", ids, ARRAY(BigInteger)),
            bindparam("ats", [rows[one][0] for one in ids], ARRAY(messages.c.bounced_at.type)),
            bindparam("details", [rows[one][1] for one in ids], ARRAY(Text)),
        )
        .table_valued("id", "at", "detail")
        .render_derived(name="given")
    )
    statement = (
        update(messages)
        .where(
            messages.c.id == given.c.id,
            messages.c.state.in_(("accepted", "unknown")),
            messages.c.bounced_at.is_distinct_from(given.c.at),
            contents.c.campaign_id == messages.c.campaign_id,
            contents.c.version == messages.c.version,
        )
        .values(bounced_at=given.c.at, detail=func.coalesce(given.c.detail, messages.c.detail))
    )
    return (await session.execute(statement.returning(messages.c.id, contents.c.channel, messages.c.address))).all()


async def link_figures(session: AsyncSession, campaign_id: int, limit: int) -> list[Record]:
    """Links of a campaign with the messages they were followed in, and their clicks; the most followed first."""
    number = func.count(func.distinct(clicks.c.message_id))
    query = (
        select(
            links.c.url,
            number.label("messages"),
            func.coalesce(func.sum(clicks.c.clicks), 0).label("clicks"),
        )
        .outerjoin(clicks, clicks.c.link_id == links.c.id)
        .where(links.c.campaign_id == campaign_id)
        .group_by(links.c.url)
        .order_by(number.desc(), func.min(links.c.id))
        .limit(limit)
    )
    return list((await session.execute(query)).all())
