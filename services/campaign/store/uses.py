"""SQL about what campaigns need segments for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, Text, bindparam, func, literal, select, union
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.store import Record
from services.campaign.tables import campaigns, contents


async def using(session: AsyncSession, segments: Collection[str] | None) -> Sequence[Record]:
    """Campaigns that are not over and need one of these segments (None: any), as (key, name, segment), in order.

    A segment triggers them, is whom they write to, or decides which of their texts somebody gets.
    """
    alive = campaigns.c.state.not_in(("finished", "cancelled", "archived"))
    by_segment = campaigns.c.trigger_kind.in_(("segment_entered", "segment_left", "manual"))
    trigger = select(campaigns.c.key, campaigns.c.name, campaigns.c.trigger_name.label("segment")).where(
        alive, by_segment, campaigns.c.trigger_name != ""
    )
    variant = func.jsonb_array_elements(contents.c.variants).table_valued("value", name="variant").lateral()
    wanted = variant.c.value.cast(JSONB)["when"]["segment"].astext
    text_ = (
        select(campaigns.c.key, campaigns.c.name, wanted.label("segment"))
        .join(contents, (contents.c.campaign_id == campaigns.c.id) & (contents.c.version == campaigns.c.version))
        .join(variant, literal(value=True))
        .where(alive, wanted.is_not(None))
    )
    found = union(trigger, text_).subquery()
    query = select(found).order_by(found.c.segment, found.c.key)
    if segments is not None:
        query = query.where(found.c.segment == func.any(bindparam("segments", sorted(segments), ARRAY(Text))))
    return (await session.execute(query)).all()
