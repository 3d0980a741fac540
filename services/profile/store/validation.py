"""Counts that say what a tag is worth; one statement each, over sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.store.tags import HOLDERS
from services.profile.tables.identities import profiles
from shared.tables import TIME


class Cells(NamedTuple):
    """Viewers: all, with the tag, who reached the goal, both."""

    everybody: int
    tagged: int
    reached: int
    both: int


_REACHED = text(
    f"""
    WITH holders AS MATERIALIZED ({HOLDERS}),
    reached AS (SELECT DISTINCT profile_id FROM events WHERE event = :goal AND time > :since AND time <= :at)
    SELECT (SELECT count(*) FROM profiles) AS everybody, (SELECT count(*) FROM holders) AS tagged,
      (SELECT count(*) FROM reached) AS reached,
      (SELECT count(*) FROM reached JOIN holders USING (profile_id)) AS both
    """  # noqa: S608 - built of our own words
).bindparams(bindparam("at", type_=TIME), bindparam("since", type_=TIME))

_COVERED = text(f"SELECT count(*) FROM ({HOLDERS}) AS h").bindparams(bindparam("at", type_=TIME))  # noqa: S608

_OTHERS = text(
    f"""
    WITH holders AS MATERIALIZED ({HOLDERS}),
    every AS (
      SELECT g.key, i.profile_id FROM tagged g JOIN identities i ON i.origin = g.origin
      WHERE g.key <> :key AND (g.expires_at IS NULL OR g.expires_at > :at)
      UNION
      SELECT f.key, f.profile_id FROM followers f WHERE f.key <> :key AND NOT (f.gone AND f.told)
    )
    SELECT key, count(*) AS size, count(h.profile_id) AS both
    FROM every LEFT JOIN holders h USING (profile_id) GROUP BY key
    """  # noqa: S608 - built of our own words
).bindparams(bindparam("at", type_=TIME))


async def cells(session: AsyncSession, key: str, *, goal: str, since: datetime, at: datetime) -> Cells:
    """How many viewers have a tag, reached a goal after `since`, both, and how many there are."""
    row = (await session.execute(_REACHED, {"key": key, "goal": goal, "since": since, "at": at})).one()
    return Cells(row.everybody, row.tagged, row.reached, row.both)


async def coverage(session: AsyncSession, key: str, at: datetime) -> tuple[int, int]:
    """Viewers who have a tag, and all."""
    everybody = (await session.execute(select(func.count()).select_from(profiles))).scalar_one()
    return (await session.execute(_COVERED, {"key": key, "at": at})).scalar_one(), everybody


async def others(session: AsyncSession, key: str, at: datetime) -> Sequence[Row[Any]]:
    """Each other tag: how many viewers have it, and how many both (key, size, both)."""
    return (await session.execute(_OTHERS, {"key": key, "at": at})).all()
