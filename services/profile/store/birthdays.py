"""SQL about birthdays: whose it is, and how far telling them has come."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import ARRAY, Text, bindparam, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import birthdays

_BORN = text(
    """
    SELECT profile_id FROM (
      SELECT profile_id FROM identities
      WHERE traits ? 'birthday' AND left(traits -> 'birthday' ->> 0, 10) = ANY(:births)
      UNION
      SELECT profile_id FROM identities
      WHERE (traits -> 'birthday' -> 5 -> 0) IS NOT NULL
        AND EXISTS (
          SELECT FROM jsonb_array_elements(traits -> 'birthday' -> 5) AS other
          WHERE left(other ->> 0, 10) = ANY(:births)
        )
    ) AS born
    WHERE profile_id > :after ORDER BY profile_id LIMIT :limit
    """
).bindparams(bindparam("births", type_=ARRAY(Text)))


async def born(session: AsyncSession, births: Collection[str], *, after: int, limit: int) -> list[int]:
    """Profiles after this one of which somebody says that they were born on one of these days."""
    asked = {"births": sorted(births), "after": after, "limit": limit}
    return list(await session.scalars(_BORN, asked))


async def place(session: AsyncSession) -> tuple[date | None, int | None]:
    """The last day that was begun, None before the first, and the last profile told on it, None when it is done."""
    found = (await session.execute(select(birthdays.c.day, birthdays.c.told))).one_or_none()
    return (found.day, found.told) if found else (None, None)


async def note(session: AsyncSession, day: date, told: int | None) -> None:
    """This day is done up to this profile; None: it is done."""
    await session.execute(delete(birthdays))
    await session.execute(insert(birthdays).values(day=day, told=told))
