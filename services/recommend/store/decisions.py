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
    SELECT line.id, line.at, CASE WHEN line.profile_id IS NOT NULL THEN coalesce(u.profile_id, a.profile_id) END,
           u.value, a.value,
           CAST(line.shown AS jsonb)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:ats AS timestamptz[]), CAST(:profiles AS bigint[]),
                CAST(:users AS text[]), CAST(:anonymous AS text[]), CAST(:shown AS text[]))
         AS line (id, at, profile_id, user_id, anonymous_id, shown)
    LEFT JOIN identities u ON u.namespace = 'user_id' AND u.value = line.user_id
    LEFT JOIN identities a ON a.namespace = 'anonymous_id' AND a.value = line.anonymous_id
    ON CONFLICT (id) DO NOTHING
    """
)

_EXPIRE = text(
    """
    DELETE FROM decisions WHERE ctid = ANY(ARRAY(SELECT ctid FROM decisions WHERE at < :before LIMIT :limit))
    RETURNING 1
    """
)

# Whose a decision is follows from the ids it was made for, wherever these have gone: the user's first, as it was made.
_FOLLOW = text(
    """
    UPDATE decisions AS d SET profile_id = coalesce(u.profile_id, a.profile_id)
    FROM decisions AS line
    LEFT JOIN identities u ON u.namespace = 'user_id' AND u.value = line.user_id
    LEFT JOIN identities a ON a.namespace = 'anonymous_id' AND a.value = line.anonymous_id
    WHERE d.id = line.id AND line.profile_id = ANY(CAST(:profiles AS bigint[]))
      AND coalesce(u.profile_id, a.profile_id) <> line.profile_id
    """
)

_WRITER = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('recommend.decisions', 0))")
_ERASER = text("SELECT pg_advisory_xact_lock(hashtextextended('recommend.decisions', 0))")

Line = tuple[UUID, datetime, int | None, str | None, str | None, str]
"""id, at, profile_id, user_id, anonymous_id, slots as JSON."""


async def write(session: AsyncSession, lines: Sequence[Line]) -> None:
    """Write these lines, except those that are there already. An id that is nobody's is not written down.

    So one who was erased leaves no trace, however long his front-end goes on asking for him, nor does one who is being
    erased right now: writers wait for erasures, and for merges, and these for them.
    """
    await session.execute(_WRITER)
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


async def hold(session: AsyncSession) -> None:
    """Nobody writes decisions until the commit: before ids are moved that what is being written is looked up by."""
    await session.execute(_ERASER)


async def follow(session: AsyncSession, profile_ids: Sequence[int]) -> None:
    """Decisions that were these viewers' go where the ids they were made for are now, after a merge or a split."""
    await session.execute(_FOLLOW, {"profiles": list(profile_ids)})


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
    """Decisions for this viewer count on, without anything that leads to him; their number.

    His identities must go in the same transaction: lines that are written after it look for them.
    """
    await hold(session)
    named = [origin.partition(":") for origin in origins]
    values = {
        "ids": list(profile_ids),
        "users": [value for namespace, _, value in named if namespace == "user_id"],
        "anonymous": [value for namespace, _, value in named if namespace == "anonymous_id"],
    }
    return int((await session.execute(_NOBODYS, values)).scalar_one())
