"""Calls that the gateway did not take in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import turned_away as table

_KEY = ("day", "source", "event", "code", "field")


async def add(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Add these counts, each key once."""
    statement = upsert(table).values(rows)
    last = {name: statement.excluded[name] for name in ("reason", "message_id", "last_at")}
    number = table.c.number + statement.excluded.number
    await session.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=last | {"number": number}))


async def kinds(session: AsyncSession, day: date) -> int:
    """How many kinds were told apart on a day."""
    return int((await session.execute(select(func.count()).where(table.c.day == day))).scalar_one())


async def most(session: AsyncSession, *, event: str | None, source: str | None, limit: int) -> Sequence[Row[Any]]:
    """The most frequent kinds over all days that are kept: number, and of the last one reason, message id and time."""
    key = (table.c.source, table.c.event, table.c.code, table.c.field)
    last = [
        func.array_agg(table.c[name].op("ORDER BY")(table.c.last_at.desc()))[1].label(name)
        for name in ("reason", "message_id")
    ]
    columns: list[Any] = [*key, func.sum(table.c.number).label("number"), *last]
    columns += [func.min(table.c.day).label("since"), func.max(table.c.last_at).label("last_at")]
    statement = select(*columns).group_by(*key).order_by(func.sum(table.c.number).desc(), *key).limit(limit)
    if event is not None:
        statement = statement.where(table.c.event == event)
    if source is not None:
        statement = statement.where(table.c.source == source)
    return (await session.execute(statement)).all()


async def forget(session: AsyncSession, before: date) -> None:
    """Forget the days before that one."""
    await session.execute(delete(table).where(table.c.day < before))
