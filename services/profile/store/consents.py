"""The history of consent. It is only added to; an erasure alone removes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Boolean, Row, Text, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import identities
from services.profile.tables.privacy import consents
from shared.tables import TIME


class Statement(NamedTuple):
    """One line of the history."""

    origin: str
    purpose: str
    granted: bool | None
    source: str
    version: str | None
    proof: str | None
    at: datetime
    recorded_at: datetime
    recorded_by: str


_TYPES: dict[str, Any] = {"granted": Boolean, "at": TIME, "recorded_at": TIME}
_COLUMNS = ", ".join(Statement._fields)

_ADD = text(
    f"""
    INSERT INTO consents ({_COLUMNS})
    SELECT {_COLUMNS} FROM unnest({", ".join(f":{name}" for name in Statement._fields)})
      WITH ORDINALITY AS n ({_COLUMNS}, place) ORDER BY place
    """  # noqa: S608 - built of the names of our own columns
).bindparams(*(bindparam(name, type_=ARRAY(_TYPES.get(name, Text))) for name in Statement._fields))

_LATEST = text(
    """
    SELECT DISTINCT ON (origin, purpose) origin, purpose, granted FROM consents WHERE origin = ANY(:origins)
    ORDER BY origin, purpose, at DESC, id DESC
    """
).bindparams(bindparam("origins", type_=ARRAY(Text)))


async def add(session: AsyncSession, statements: Sequence[Statement]) -> None:
    """Write these down, in order."""
    columns = zip(*statements, strict=True)
    await session.execute(_ADD, dict(zip(Statement._fields, map(list, columns), strict=True)))


async def latest(session: AsyncSession, origins: Iterable[str]) -> dict[tuple[str, str], bool | None]:
    """What these origins said last, by origin and purpose."""
    rows = await session.execute(_LATEST, {"origins": sorted(origins)})
    return {(row.origin, row.purpose): row.granted for row in rows}


async def history(session: AsyncSession, profile_id: int, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """What a viewer said, the last entry first."""
    statement = (
        select(consents)
        .where(consents.c.origin.in_(select(identities.c.origin).where(identities.c.profile_id == profile_id)))
        .order_by(consents.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(consents.c.id < before)
    return (await session.execute(statement)).all()
