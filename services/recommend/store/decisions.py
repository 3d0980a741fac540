"""The decision log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.recommend.tables import decisions

_WRITE = text(
    """
    INSERT INTO decisions (id, at, profile_id, user_id, anonymous_id, shown)
    SELECT id, at, profile_id, user_id, anonymous_id, CAST(shown AS jsonb)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:ats AS timestamptz[]), CAST(:profiles AS bigint[]),
                CAST(:users AS text[]), CAST(:anonymous AS text[]), CAST(:shown AS text[]))
         AS line (id, at, profile_id, user_id, anonymous_id, shown)
    ON CONFLICT (id) DO NOTHING
    """
)

_EXPIRE = text(
    """
    DELETE FROM decisions WHERE ctid = ANY(ARRAY(SELECT ctid FROM decisions WHERE at < :before LIMIT :limit))
    RETURNING 1
    """
)


Line = tuple[UUID, datetime, int | None, str | None, str | None, str]
"""id, at, profile_id, user_id, anonymous_id, slots as JSON."""


async def write(session: AsyncSession, lines: Sequence[Line]) -> None:
    """Write these lines, except those that are there already."""
    ids, ats, profiles, users, anonymous, shown = (list(column) for column in zip(*lines, strict=True))
    values = {"ids": ids, "ats": ats, "profiles": profiles, "users": users, "anonymous": anonymous, "shown": shown}
    await session.execute(_WRITE, values)


async def of_viewer(session: AsyncSession, profile_id: int, limit: int) -> Sequence[Row[Any, Any, Any]]:
    """The last requests of a viewer, newest first: id, at, shown (a list of slots)."""
    query = (
        select(decisions.c.id, decisions.c.at, decisions.c.shown)
        .where(decisions.c.profile_id == profile_id)
        .order_by(decisions.c.at.desc())
        .limit(limit)
    )
    return (await session.execute(query)).all()


async def expire(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete at most `limit` lines older than `before`; how many went."""
    return len((await session.execute(_EXPIRE, {"before": before, "limit": limit})).all())


_NOBODYS = text(
    """
    WITH his AS (
      UPDATE decisions SET profile_id = NULL, user_id = NULL, anonymous_id = NULL
      WHERE profile_id = ANY(CAST(:ids AS bigint[])) OR user_id = ANY(CAST(:users AS text[]))
        OR anonymous_id = ANY(CAST(:anonymous AS text[]))
      RETURNING id
    )
    SELECT count(*) FROM his
    """
)


async def make_nobodys(session: AsyncSession, profile_ids: Sequence[int], origins: Sequence[str]) -> int:
    """Decisions for this viewer count on, without anything that leads to him; their number."""
    named = [origin.partition(":") for origin in origins]
    values = {
        "ids": list(profile_ids),
        "users": [value for namespace, _, value in named if namespace == "user_id"],
        "anonymous": [value for namespace, _, value in named if namespace == "anonymous_id"],
    }
    return int((await session.execute(_NOBODYS, values)).scalar_one())
