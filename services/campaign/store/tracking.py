"""SQL of tracked links: where they lead, and who followed them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, LargeBinary, Text, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.store.messages import TOLD, told
from services.campaign.tables import clicks, links, messages

_KEEP = text(
    """
    WITH given AS (SELECT * FROM unnest(:campaigns, :digests, :urls) AS n (campaign_id, digest, url)),
    new AS (
      INSERT INTO links (campaign_id, digest, url) SELECT * FROM given ORDER BY campaign_id, digest
      ON CONFLICT (campaign_id, digest) DO NOTHING RETURNING id, campaign_id, digest
    )
    SELECT id, campaign_id, digest FROM new
    UNION ALL
    SELECT l.id, l.campaign_id, l.digest FROM links l JOIN given USING (campaign_id, digest)
    """
).bindparams(
    bindparam("campaigns", type_=ARRAY(BigInteger)),
    bindparam("digests", type_=ARRAY(LargeBinary)),
    bindparam("urls", type_=ARRAY(Text)),
)


async def keep(session: AsyncSession, found: Mapping[tuple[int, bytes], str]) -> dict[tuple[int, bytes], int]:
    """Numbers of these addresses, by campaign and digest. One that another sender adds at this moment is left out."""
    keys = sorted(found)
    rows = await session.execute(
        _KEEP,
        {
            "campaigns": [campaign for campaign, _ in keys],
            "digests": [digest for _, digest in keys],
            "urls": [found[key] for key in keys],
        },
    )
    return {(row.campaign_id, row.digest): row.id for row in rows}


async def target(session: AsyncSession, message_id: int, link_id: int) -> str | None:
    """Where a link of a message's campaign leads."""
    query = (
        select(links.c.url)
        .join(messages, messages.c.campaign_id == links.c.campaign_id)
        .where(links.c.id == link_id, messages.c.id == message_id)
    )
    found: str | None = await session.scalar(query)
    return found


async def stamp(session: AsyncSession, message_id: int, column: str, at: datetime) -> Record | None:
    """Note the first time that something happened to a message; None when it was noted before, or there is none."""
    moment = messages.c[column]
    statement = told(update(messages)).where(messages.c.id == message_id, moment.is_(None)).values({column: at})
    return (await session.execute(statement.returning(*TOLD))).first()


async def is_there(session: AsyncSession, message_id: int) -> bool:
    """Whether there is such a message."""
    return await session.scalar(select(messages.c.id).where(messages.c.id == message_id)) is not None


async def count_click(session: AsyncSession, message_id: int, link_id: int, at: datetime) -> None:
    """One more click of this link."""
    statement = upsert(clicks).values(link_id=link_id, message_id=message_id, clicks=1, first_at=at)
    statement = statement.on_conflict_do_update(
        index_elements=["link_id", "message_id"], set_={"clicks": clicks.c.clicks + 1}
    )
    await session.execute(statement)


async def bounced(session: AsyncSession, rows: Mapping[int, tuple[datetime | None, str | None]]) -> int:
    """Note for accepted messages when they bounced (or that they did not) with the provider's words; how many."""
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
        )
        .values(bounced_at=given.c.at, detail=func.coalesce(given.c.detail, messages.c.detail))
    )
    return len((await session.scalars(statement.returning(messages.c.id))).all())


async def link_figures(session: AsyncSession, campaign_id: int, limit: int) -> list[Record]:
    """Links of a campaign with the messages they were followed in, and their clicks; the most followed first."""
    number = func.count(clicks.c.message_id)
    query = (
        select(
            links.c.url,
            number.label("messages"),
            func.coalesce(func.sum(clicks.c.clicks), 0).label("clicks"),
        )
        .outerjoin(clicks, clicks.c.link_id == links.c.id)
        .where(links.c.campaign_id == campaign_id)
        .group_by(links.c.id)
        .order_by(number.desc(), links.c.id)
        .limit(limit)
    )
    return list((await session.execute(query)).all())
