"""SQL about those who turn fourteen."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import ARRAY, Text, bindparam, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import comings_of_age

_BORN = text(
    """
    SELECT profile_id FROM identities
    WHERE traits ? 'birthday' AND left(traits -> 'birthday' ->> 0, 10) = ANY(:births)
    UNION
    SELECT profile_id FROM identities
    WHERE (traits -> 'birthday' -> 5 -> 0) IS NOT NULL
      AND EXISTS (
        SELECT FROM jsonb_array_elements(traits -> 'birthday' -> 5) AS other WHERE left(other ->> 0, 10) = ANY(:births)
      )
    """
).bindparams(bindparam("births", type_=ARRAY(Text)))


async def born(session: AsyncSession, births: Collection[str]) -> set[int]:
    """Profiles of which somebody says that they were born on one of these days, as these are written."""
    return set(await session.scalars(_BORN, {"births": sorted(births)}))


async def last_day(session: AsyncSession) -> date | None:
    """The last day that was done."""
    found: date | None = await session.scalar(select(func.max(comings_of_age.c.day)))
    return found


async def note_day(session: AsyncSession, day: date) -> None:
    """This day is done."""
    await session.execute(delete(comings_of_age))
    await session.execute(insert(comings_of_age).values(day=day))
