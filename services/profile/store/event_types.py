"""Event types that operators changed, the version of all of them, and violations by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Date, Row, Text, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from services.profile.tables import event_plan, event_types, event_violations
from shared import together
from shared.tables import TIME
from shared.together import Write


class Found(NamedTuple):
    """Violations of one kind in a batch; path, reason and excerpt are the last one's."""

    event: str
    day: date
    source: str
    rule: str
    number: int
    path: str
    reason: str
    excerpt: str
    last_at: datetime


_COLUMNS = ", ".join(Found._fields)

_TYPES: dict[str, TypeEngine[Any]] = {"day": Date(), "number": BigInteger(), "last_at": TIME}

# Many transactions count the same violation: its row is locked at the end of each, with what else nobody waits for.
_COUNT = Write(
    f"""
    INSERT INTO event_violations AS v ({_COLUMNS})
    SELECT {_COLUMNS} FROM unnest({", ".join(f":{name}" for name in Found._fields)}) AS f ({_COLUMNS})
    ORDER BY event, day, source, rule
    ON CONFLICT (event, day, source, rule) DO UPDATE SET number = v.number + excluded.number,
      path = excluded.path, reason = excluded.reason, excerpt = excluded.excerpt,
      last_at = greatest(v.last_at, excluded.last_at)
    """,  # noqa: S608 - built of the names of our own columns
    **{name: ARRAY(_TYPES.get(name, Text())) for name in Found._fields},
)


async def version(session: AsyncSession) -> int:
    """Rises with every change."""
    return int(await session.scalar(select(event_plan.c.version)) or 0)


async def raise_version(session: AsyncSession) -> None:
    """Say that something has changed. Its row is locked until the commit, so versions rise in order."""
    change = insert(event_plan).values(id=1, version=1)
    await session.execute(
        change.on_conflict_do_update(index_elements=["id"], set_={"version": event_plan.c.version + 1})
    )


async def changed(session: AsyncSession) -> Sequence[Row[Any]]:
    """Every event type that operators added or changed."""
    return (await session.execute(select(event_types))).all()


async def put(
    session: AsyncSession, *, name: str, mode: str, description: str, schema: dict[str, Any], at: datetime
) -> None:
    """Write one event type."""
    values = {"mode": mode, "description": description, "schema": schema, "changed_at": at}
    change = insert(event_types).values(name=name, **values)
    await session.execute(change.on_conflict_do_update(index_elements=["name"], set_=values))


async def drop(session: AsyncSession, name: str) -> bool:
    """Remove one event type; False when there was none."""
    gone = await session.execute(delete(event_types).where(event_types.c.name == name).returning(event_types.c.name))
    return gone.one_or_none() is not None


async def count(session: AsyncSession, found: Sequence[Found]) -> None:
    """Add these violations to their days."""
    columns = zip(*found, strict=True)
    values = {name: list(column) for name, column in zip(Found._fields, columns, strict=True)}
    await together.write(session, _COUNT, values)


async def violations(session: AsyncSession, event: str, *, since: date, limit: int) -> Sequence[Row[Any]]:
    """Violations of an event type since that day, the most frequent first."""
    query = select(event_violations).where(event_violations.c.event == event, event_violations.c.day >= since)
    return (await session.execute(query.order_by(event_violations.c.number.desc()).limit(limit))).all()


async def forget_violations(session: AsyncSession, before: date) -> None:
    """Drop what was counted before that day."""
    await session.execute(delete(event_violations).where(event_violations.c.day < before))
