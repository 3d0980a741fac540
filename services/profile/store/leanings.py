"""Viewers whose tags by interests are to be worked out again."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ARRAY, BigInteger, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import together
from shared.together import Write

_NOTE = Write(
    """
    INSERT INTO leaning (profile_id) SELECT unnest(:ids)
    WHERE EXISTS (SELECT FROM tags WHERE kind = 'interest' AND state <> 'deleted')
    """,
    ids=ARRAY(BigInteger),
)

_TAKE = text(
    """
    WITH noted AS (SELECT DISTINCT profile_id FROM (SELECT profile_id FROM leaning LIMIT :many) AS first LIMIT :limit)
    DELETE FROM leaning USING noted WHERE leaning.profile_id = noted.profile_id RETURNING leaning.profile_id
    """
)

_NOTE_ALL = text(
    """
    WITH next AS (SELECT profile_id FROM profiles WHERE profile_id > :after ORDER BY profile_id LIMIT :limit),
    added AS (INSERT INTO leaning (profile_id) SELECT profile_id FROM next)
    SELECT count(*), coalesce(max(profile_id), :after) FROM next
    """
)


async def note(session: AsyncSession, profile_ids: Iterable[int]) -> None:
    """Have these viewers worked out, if there are tags by interests."""
    ids = sorted(profile_ids)
    if ids:
        await together.write(session, _NOTE, {"ids": ids})


async def note_all(session: AsyncSession, *, after: int, limit: int) -> tuple[int, int]:
    """Have the next viewers by id worked out; how many, and the last."""
    row = (await session.execute(_NOTE_ALL, {"after": after, "limit": limit})).one()
    return int(row[0]), int(row[1])


async def take(session: AsyncSession, *, limit: int) -> list[int]:
    """Viewers who were noted, at most so many; the notes are gone with this transaction."""
    rows = await session.scalars(_TAKE, {"limit": limit, "many": 20 * limit})
    return sorted(set(rows))
