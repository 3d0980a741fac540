"""Refused events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Row, Select, Text, bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.profile.tables import refused_events
from shared.tables import TIME


class Line(NamedTuple):
    """One refused event; `call` is JSON."""

    message_id: str
    refused_at: datetime
    event: str
    source: str
    origin: str
    time: datetime
    reason: str
    path: str
    excerpt: str
    call: str


class Filter(NamedTuple):
    """Which refused events: of this event, of this source, refused at `after` ≤ time < `before`."""

    event: str | None = None
    source: str | None = None
    after: datetime | None = None
    before: datetime | None = None


_COLUMNS = ", ".join(Line._fields)
_TIMES = ("refused_at", "time")

_KEEP = text(
    f"""
    INSERT INTO refused_events ({_COLUMNS})
    SELECT {_COLUMNS.replace("call", "call::jsonb")}
    FROM unnest({", ".join(f":{name}" for name in Line._fields)}) AS f ({_COLUMNS})
    ON CONFLICT (message_id) DO UPDATE
      SET reason = excluded.reason, path = excluded.path, excerpt = excluded.excerpt
    """  # noqa: S608 - built of the names of our own columns
).bindparams(*(bindparam(name, type_=ARRAY(TIME if name in _TIMES else Text)) for name in Line._fields))


async def keep(session: AsyncSession, lines: Iterable[Line]) -> None:
    """Write these, each message id once; one that is here already keeps its place and hears the new reason."""
    once = sorted({line.message_id: line for line in lines}.values())
    columns = zip(*once, strict=True)
    await session.execute(_KEEP, {name: list(column) for name, column in zip(Line._fields, columns, strict=True)})


async def page(session: AsyncSession, wanted: Filter, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Refused events, the newest first."""
    query = _filtered(select(refused_events), wanted).order_by(refused_events.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(refused_events.c.id < before)
    rows: Sequence[Row[Any]] = (await session.execute(query)).all()
    return rows


async def extent(session: AsyncSession, wanted: Filter) -> tuple[int, int]:
    """Number of these refused events, and the highest id among them (0 for none)."""
    query = _filtered(select(func.count(), func.coalesce(func.max(refused_events.c.id), 0)), wanted)
    count, last = (await session.execute(query)).one()
    return count, last


async def take(session: AsyncSession, wanted: Filter, *, after: int, upto: int, limit: int) -> Sequence[Row[Any]]:
    """The next of these with `after` < id ≤ `upto`, locked."""
    query = _filtered(select(refused_events), wanted).where(refused_events.c.id > after, refused_events.c.id <= upto)
    rows: Sequence[Row[Any]] = (
        await session.execute(query.order_by(refused_events.c.id).limit(limit).with_for_update())
    ).all()
    return rows


async def drop(session: AsyncSession, ids: Iterable[int]) -> None:
    """Remove these."""
    any_of = func.any(bindparam(None, list(ids), type_=ARRAY(BigInteger)))
    await session.execute(delete(refused_events).where(refused_events.c.id == any_of))


async def forget(session: AsyncSession, before: datetime) -> None:
    """Remove what was refused before that."""
    await session.execute(delete(refused_events).where(refused_events.c.refused_at < before))


def _filtered(query: Select[Any], wanted: Filter) -> Select[Any]:
    if wanted.event is not None:
        query = query.where(refused_events.c.event == wanted.event)
    if wanted.source is not None:
        query = query.where(refused_events.c.source == wanted.source)
    if wanted.after is not None:
        query = query.where(refused_events.c.refused_at >= wanted.after)
    if wanted.before is not None:
        query = query.where(refused_events.c.refused_at < wanted.before)
    return query
