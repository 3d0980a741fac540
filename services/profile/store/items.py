"""Kinds and tags of items, as recommend tells them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.tables import TIME

# Tags travel as JSON: Postgres has no arrays of lists of different lengths.
_KEEP = text(
    """
    INSERT INTO items (item_id, kind, tags, heard_at)
    SELECT item_id, kind, ARRAY(SELECT jsonb_array_elements_text(tags::jsonb)), :at
    FROM unnest(:ids, :kinds, :tags) AS told (item_id, kind, tags)
    ON CONFLICT (item_id) DO UPDATE SET kind = excluded.kind, tags = excluded.tags, heard_at = excluded.heard_at
    WHERE (items.kind, items.tags) IS DISTINCT FROM (excluded.kind, excluded.tags)
    """
).bindparams(
    bindparam("ids", type_=ARRAY(Text)),
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("tags", type_=ARRAY(Text)),
    bindparam("at", type_=TIME),
)


async def keep(session: AsyncSession, told: Mapping[str, tuple[str, list[str]]], at: datetime) -> None:
    """Kind and tags of these items, by id."""
    order = sorted(told)
    values = {
        "ids": order,
        "kinds": [told[item][0] for item in order],
        "tags": [msgspec.json.encode(told[item][1]).decode() for item in order],
        "at": at,
    }
    await session.execute(_KEEP, values)
