"""Counts that say what a tag is worth; one statement each, over sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.store.tags import HOLDERS, HOLDINGS
from services.profile.tables.identities import profiles
from shared.tables import TIME


class Cells(NamedTuple):
    """Viewers: all, with the tag, without it who reached the goal, with it who reached it since they have it."""

    everybody: int
    tagged: int
    others: int
    both: int


# What a viewer did before he had the tag says nothing about it, so of him only what came after counts.
_REACHED = text(
    f"""
    WITH holders AS MATERIALIZED (
      SELECT profile_id, min(since) AS since FROM ({HOLDINGS}) AS h GROUP BY profile_id
    ),
    reached AS (
      SELECT profile_id, max(time) AS last FROM events
      WHERE event = :goal AND time > :since AND time <= :at AND NOT context ? 'bot' GROUP BY profile_id
    )
    SELECT (SELECT count(*) FROM profiles) AS everybody, (SELECT count(*) FROM holders) AS tagged,
      (SELECT count(*) FROM reached LEFT JOIN holders USING (profile_id) WHERE holders.profile_id IS NULL) AS others,
      (SELECT count(*) FROM reached JOIN holders USING (profile_id) WHERE reached.last >= holders.since) AS both
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
    """How many viewers there are, have a tag, and reached a goal after `since`, with the tag and without."""
    row = (await session.execute(_REACHED, {"key": key, "goal": goal, "since": since, "at": at})).one()
    return Cells(row.everybody, row.tagged, row.others, row.both)


async def coverage(session: AsyncSession, key: str, at: datetime) -> tuple[int, int]:
    """Viewers who have a tag, and all."""
    everybody = (await session.execute(select(func.count()).select_from(profiles))).scalar_one()
    return (await session.execute(_COVERED, {"key": key, "at": at})).scalar_one(), everybody


async def others(session: AsyncSession, key: str, at: datetime) -> Sequence[Row[Any]]:
    """Each other tag: how many viewers have it, and how many both (key, size, both)."""
    return (await session.execute(_OTHERS, {"key": key, "at": at})).all()
