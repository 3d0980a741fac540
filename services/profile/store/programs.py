"""Viewers who are nothing but programs: marked among the values that viewers are found by."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ARRAY, BigInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.schemas.search import BOT

YES = "true"
"""The value of the mark; people have none."""

# As rules.bots.is_program says, over all identities of a viewer.
_MARK = text(
    """
    WITH programs AS (
      SELECT profile_id FROM identities WHERE profile_id = ANY (:profile_ids)
      GROUP BY profile_id HAVING sum(events) > 0 AND sum(bots) >= sum(events)
    ), people AS (
      DELETE FROM search WHERE profile_id = ANY (:profile_ids) AND name = :name
        AND profile_id NOT IN (SELECT profile_id FROM programs)
      RETURNING profile_id
    ), fresh AS (
      INSERT INTO search (profile_id, name, value) SELECT profile_id, :name, :value FROM programs
      ON CONFLICT DO NOTHING RETURNING profile_id
    )
    SELECT profile_id FROM people UNION ALL SELECT profile_id FROM fresh ORDER BY profile_id
    """
).bindparams(bindparam("profile_ids", type_=ARRAY(BigInteger)))


async def mark(session: AsyncSession, profile_ids: Iterable[int]) -> list[int]:
    """Mark which of these viewers are programs, and unmark those who have turned out to be people; who was either."""
    return list(await session.scalars(_MARK, {"profile_ids": sorted(profile_ids), "name": BOT, "value": YES}))
