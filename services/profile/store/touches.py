"""First and last touch of each identity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Row, Text, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import touches
from shared import together
from shared.tables import TIME
from shared.together import Write


class Line(NamedTuple):
    """First and last touch of an identity in a batch; the touches are JSON."""

    origin: str
    first_at: datetime
    first: str
    last_at: datetime
    last: str


# Where two touches have the same instant their text decides, so that the order of arrival does not.
_MOVE = Write(
    """
    INSERT INTO touches AS t (origin, first_at, first, last_at, last)
    SELECT origin, first_at, first::jsonb, last_at, last::jsonb
    FROM unnest(:origin, :first_at, :first, :last_at, :last) AS d (origin, first_at, first, last_at, last)
    ORDER BY origin
    ON CONFLICT (origin) DO UPDATE SET
      first_at = least(t.first_at, excluded.first_at),
      first = CASE WHEN (excluded.first_at, excluded.first::text) < (t.first_at, t.first::text)
              THEN excluded.first ELSE t.first END,
      last_at = greatest(t.last_at, excluded.last_at),
      last = CASE WHEN (excluded.last_at, excluded.last::text) > (t.last_at, t.last::text)
             THEN excluded.last ELSE t.last END
    """,
    **{name: ARRAY(TIME if name in ("first_at", "last_at") else Text) for name in Line._fields},
)


async def move(session: AsyncSession, lines: Sequence[Line]) -> None:
    """Take in these touches, one line for each origin."""
    columns = zip(*lines, strict=True)
    values = {name: list(column) for name, column in zip(Line._fields, columns, strict=True)}
    await together.write(session, _MOVE, values)


async def of(session: AsyncSession, origins: Iterable[str]) -> Sequence[Row[Any]]:
    """Touches of these identities, where they have one."""
    any_of = func.any(bindparam(None, list(origins), type_=ARRAY(Text)))
    return (await session.execute(select(touches).where(touches.c.origin == any_of))).all()
